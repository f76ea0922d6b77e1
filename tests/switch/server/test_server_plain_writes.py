"""Plain writes, which the server never makes messages of: nobody must be able to tell."""

from __future__ import annotations

import re

import grpc
import pytest
from finsy.proto import p4r

from tests.switch.sanitized import run_sanitized
from tests.switch.server.client import INSERT, Client, refused, uint128
from tests.switch.server.fuzz import run
from tests.switch.server.kinds import rule

SECONDS = 6


@pytest.mark.parametrize("program", ["kinds", "fabric"])
def test_random_requests_come_to_the_same_as_bytes_and_as_messages(program: str) -> None:
    """And the native reader, under ASan and UBSan, reads nothing that is not there."""
    said = run_sanitized("tests.switch.server.fuzz", program, SECONDS, 1, "sanitize")
    requests, short, updates = map(int, re.findall(r"\d+", said))
    assert short > requests / 10, said
    # Thousands of requests; most are wrong somewhere, and nothing of a wrong one is carried out.
    assert requests > 500 and updates > requests / 20, said


@pytest.mark.parametrize("program", ["translated", "hidden"])
def test_random_requests_for_what_is_translated_or_hidden_come_to_the_same(program: str) -> None:
    requests, _, _ = run(program, 1, 1)
    assert requests >= 100


async def test_bytes_that_are_no_request_are_refused(kinds: Client) -> None:
    write = kinds.channel.unary_unary("/p4.v1.P4Runtime/Write")
    request = p4r.WriteRequest(device_id=1, election_id=uint128(100))
    request.updates.add(type=INSERT, entity=rule(1, 2))
    for wrong in (b"\x08", b"\x0a\xff\xff", request.SerializeToString()[:-1]):
        assert (await refused(write(wrong)))[0] is grpc.StatusCode.INVALID_ARGUMENT
    # A change in the middle of the last update, which is found only when the state is about to change.
    whole = request.SerializeToString()
    assert (await refused(write(whole[:-3] + b"\xff" * 3)))[0] is grpc.StatusCode.INVALID_ARGUMENT
    assert rule(1, 2) not in await kinds.read(p4r.Entity(table_entry=p4r.TableEntry()))
    await write(whole)
    assert rule(1, 2) in await kinds.read(p4r.Entity(table_entry=p4r.TableEntry()))
