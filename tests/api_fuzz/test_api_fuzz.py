"""Whatever is sent to the API, each answer is as its description says, and none is a fault (5xx)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api_fuzz import rounds
from tests.api_fuzz.world import Fuzzed, fuzzed
from tests.attacks.api import until

SEED = 1


@pytest.fixture(scope="module")
def controller(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fuzzed]:
    """A controller for all tests, which leave it as it should be."""
    with fuzzed(tmp_path_factory.mktemp("fuzzed")) as found:
        yield found
        found.finish()


@pytest.mark.timeout(120)
def test_each_operation_and_sequences_of_them_are_answered_as_described(controller: Fuzzed) -> None:
    rounds.described(controller, SEED, examples=4, sequences=10, steps=10)
    assert controller.described == controller.operations.keys()
    assert {200, 201, 204, 403, 404, 409, 422} <= controller.statuses.keys()


@pytest.mark.timeout(120)
def test_odd_bodies_queries_and_headers_are_answered_as_described(controller: Fuzzed) -> None:
    controller.statuses.clear()
    rounds.requests(controller, SEED, count=1500)
    assert {200, 400, 401, 403, 404, 405, 415, 422} <= controller.statuses.keys()


@pytest.mark.timeout(120)
def test_what_is_no_http_and_readers_that_go_away_do_no_harm(controller: Fuzzed) -> None:
    before = controller.controller.descriptors()
    controller.statuses.clear()
    rounds.wire(controller, SEED)
    assert {200, 400, 403, 410} <= controller.statuses.keys()
    until(lambda: controller.controller.descriptors() <= before)
