"""Whatever comes, in whatever order: the switches together let through only what old or new intents allow.

`python -m tests.safety --seconds 3600` looks further.
"""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from .machine import FabricMachine

FabricMachine.TestCase.settings = settings(
    max_examples=25, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
)
TestBetweenSwitches = FabricMachine.TestCase
