"""Plain writes, which the server never makes messages of: nobody must be able to tell."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import grpc
import pytest
from finsy.proto import p4r

from tests.switch.server.client import INSERT, Client, refused, uint128
from tests.switch.server.kinds import rule

ROOT = Path(__file__).parents[3]
SECONDS = "6"


@pytest.mark.parametrize("program", ["kinds", "fabric"])
def test_random_requests_come_to_the_same_as_bytes_and_as_messages(program: str) -> None:
    """And the native reader, under ASan and UBSan, reads nothing that is not there."""
    libraries = []
    for name in ("libasan.so", "libubsan.so"):
        found = subprocess.run(["cc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
        libraries.append(found.stdout.strip())
    environment = {
        **os.environ,
        "LD_PRELOAD": " ".join(libraries),
        "PYTHONMALLOC": "malloc",  # so that requests, too, have bounds that are watched
        "ASAN_OPTIONS": "detect_leaks=0:abort_on_error=1",
        "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    }
    command = [sys.executable, "-m", "tests.switch.server.fuzz", program, SECONDS, "1", "sanitize"]
    result = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=110, check=False
    )
    assert result.returncode == 0, result.stderr[-4000:] + result.stdout[-1000:]
    requests, short, updates = map(int, re.findall(r"\d+", result.stdout))
    assert short > requests / 5, result.stdout
    assert updates > requests / 5, result.stdout


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
