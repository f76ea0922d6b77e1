"""Requests that schemathesis makes from the API's own description: each operation by itself, and sequences
along the description's links, in which what one answer names is asked for by the next request.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any
from urllib.parse import unquote, urlsplit

import hypothesis
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from hypothesis.errors import Flaky
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ensure_resource_availability,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

from tests.api_fuzz.world import Fault, Fuzzed

__all__ = ["Described"]

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
OF_SEQUENCES = [use_after_free, ensure_resource_availability]
_SECONDS = 20
_STREAMS = {"listEvents": {"follow": "false"}, "listIntents": {"watch": "false"}}
"""What never ends is asked for elsewhere (`tests.api_fuzz.wire`)."""


class Described:
    """Requests for one controller."""

    def __init__(self, fuzzed: Fuzzed) -> None:
        """Read its description."""
        self._fuzzed = fuzzed
        self._schema = schemathesis.openapi.from_dict(fuzzed.content)
        self._schema.config.update(base_url=fuzzed.controller.url)
        self._session = requests.Session()
        self._session.trust_env = False
        self._found: Fault | None = None

    def each_operation(self, seed: int, examples: int, role: str = "operator") -> None:
        """Ask each operation for itself, with so many examples of what fits and of what does not.

        Raises:
            Fault: an answer is one.
        """
        for found in self._schema.get_all_operations():
            assert isinstance(found, Ok), found
            strategy = found.ok().as_strategy()

            @hypothesis.seed(seed)
            @_settings(max_examples=examples)
            @hypothesis.given(case=strategy)
            def ask(case: Any) -> None:
                self._validate(self._call(case, role), case, CHECKS)

            self._run(ask)

    def sequences(self, seed: int, count: int, steps: int) -> None:
        """Ask in so many sequences, each of at most so many steps, and each of what there was at first.

        Raises:
            Fault: an answer is one.
        """
        outer, begun = self, 0

        class Sequence(self._schema.as_state_machine()):  # type: ignore[misc]
            def setup(self) -> None:
                nonlocal begun
                begun += 1
                outer._fuzzed.begin_anew()

            def call(self, case: Any, **_: Any) -> Any:
                return outer._call(case, "operator")

            def validate_response(self, response: Any, case: Any, *_: Any, **__: Any) -> None:
                outer._validate(response, case, [*CHECKS, *OF_SEQUENCES])

        while begun < count:
            hypothesis.seed(seed)(Sequence)
            left = _settings(max_examples=count - begun, stateful_step_count=steps)
            # A controller need not answer the same when the same is asked again: then a run ends early.
            with suppress(Flaky):
                self._run(partial(Sequence.run, settings=left))
            seed += 1_000_000

    def _call(self, case: Any, role: str) -> Any:
        name = case.operation.definition.raw["operationId"]
        if fixed := _STREAMS.get(name):
            case.query = {**(case.query or {}), **fixed}
        headers = self._fuzzed.authorization(role)
        return case.call(session=self._session, headers=headers, timeout=_SECONDS)

    def _validate(self, response: Any, case: Any, checks: list[Any]) -> None:
        kind = response.headers.get("content-type", [""])[0]
        path = unquote(urlsplit(response.request.url).path)
        try:
            self._fuzzed.judge(case.method, path, response.status_code, kind, response.content)
            case.validate_response(response, checks=checks)
        except (Fault, FailureGroup) as fault:
            self._found = self._found or Fault(f"{case.as_curl_command()}: {fault}")
            raise

    def _run(self, test: Callable[[], Any]) -> None:
        """Run a test; what was found counts, whether or not it happens again when it is asked again."""
        self._found = None
        try:
            test()
        except (Fault, FailureGroup, requests.RequestException) as failure:
            raise self._found or Fault(str(failure)) from failure
        except Flaky:
            if self._found is not None:
                raise self._found from None
            raise


def _settings(**more: int) -> settings:
    return settings(
        phases=[Phase.generate],
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        **more,  # type: ignore[arg-type]
    )
