"""How patient a session is."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Timing"]


@dataclass(frozen=True, slots=True)
class Timing:
    """Seconds. The defaults suit switches in the same data centre."""

    answer: float = 5.0
    """For small requests; a switch that takes longer is taken for dead."""
    write: float = 30.0
    """For a batch of updates, and for a table read."""
    push: float = 120.0
    """For the pipeline: the embedded switch compiles it the first time."""
    probe: float = 10.0
    """Between looks at the cookie, which find dead switches and lost pipelines; at most six times that while
    the switch answers other requests. Each comes a quarter sooner or later, at random: many switches may have
    been connected at once."""
    first_retry: float = 0.2
    longest_retry: float = 15.0
