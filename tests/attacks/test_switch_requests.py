"""Requests that are no messages, and faults of the switch itself: a status each, and a bounded log."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc, p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server import read, received, rpc, server, service
from p4fabric.softswitch.server.logs import PERIOD
from p4fabric.softswitch.server.rpc import LOGGED_FAULTS, FaultLog
from p4fabric.softswitch.server.service import P4RuntimeService
from tests.switch.server.client import INSERT, Client, kinds_config, refusal_of, refused
from tests.switch.server.kinds import prefix, rule

NO_MESSAGE = b"\xff\xff\xff\xff"
UNARY = (
    *(f"/p4.v1.P4Runtime/{name}" for name in ("Write", "SetForwardingPipelineConfig", "Capabilities")),
    "/p4.v1.P4Runtime/GetForwardingPipelineConfig",
    *(f"/gnmi.gNMI/{name}" for name in ("Capabilities", "Get", "Set")),
)
ANSWERED_IN_PARTS = ("/p4.v1.P4Runtime/Read", "/p4fabric.v1.Trace/Follow")
STREAMS = ("/p4.v1.P4Runtime/StreamChannel", "/gnmi.gNMI/Subscribe")


@pytest.fixture
async def switch() -> AsyncIterator[AsyncSoftSwitch]:
    async with AsyncSoftSwitch(interfaces={1: None}) as switch:
        yield switch


async def status_of(channel: grpc.aio.Channel, method: str, request: bytes) -> grpc.StatusCode:
    """What a method says to bytes."""
    if method in UNARY:
        call: Any = channel.unary_unary(method)(request)
    elif method in ANSWERED_IN_PARTS:
        call = channel.unary_stream(method)(request)
    else:
        call = channel.stream_stream(method)()
        await call.write(request)
    return await call.code()


@pytest.mark.parametrize("method", UNARY + ANSWERED_IN_PARTS + STREAMS)
async def test_bytes_that_are_no_message_are_invalid_and_log_nothing(
    switch: AsyncSoftSwitch, method: str, caplog: pytest.LogCaptureFixture
) -> None:
    async with grpc.aio.insecure_channel(switch.address) as channel:
        for _ in range(20):
            assert await status_of(channel, method, NO_MESSAGE) is grpc.StatusCode.INVALID_ARGUMENT
    assert not caplog.records


async def test_a_method_that_does_not_exist_is_unimplemented(
    switch: AsyncSoftSwitch, caplog: pytest.LogCaptureFixture
) -> None:
    async with grpc.aio.insecure_channel(switch.address) as channel:
        call = channel.unary_unary("/p4.v1.P4Runtime/Nothing")(NO_MESSAGE)
        assert await call.code() is grpc.StatusCode.UNIMPLEMENTED
    assert not caplog.records


async def test_good_requests_of_the_same_methods_are_answered(switch: AsyncSoftSwitch) -> None:
    async with Client(switch.address) as client:
        assert await client.arbitrate() == 0
        await client.stub.Capabilities(p4r.CapabilitiesRequest())
        names = gnmi_grpc.gNMIStub(client.channel)
        assert (await names.Get(gnmi.GetRequest(encoding=gnmi.JSON_IETF))).notification


async def test_a_request_that_is_too_large_is_refused_by_its_size(switch: AsyncSoftSwitch) -> None:
    async with Client(switch.address) as client:
        request = p4r.WriteRequest(device_id=1, role="x" * (rpc.LARGEST_REQUEST + 1))
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.stub.Write(request)
        assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        assert await client.arbitrate() == 0


async def test_a_fault_that_nobody_foresaw_is_internal_and_logged_at_a_bounded_rate(
    switch: AsyncSoftSwitch, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async with Client(switch.address) as client:
        assert await client.arbitrate() == 0
        monkeypatch.setattr(P4RuntimeService, "_check_primary", lambda *_: 1 / 0)
        monkeypatch.setattr(P4RuntimeService, "_read", lambda *_: 1 / 0)
        for _ in range(20):
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await client.stub.Write(p4r.WriteRequest())
            assert refused.value.code() is grpc.StatusCode.INTERNAL
            assert "ZeroDivisionError" not in str(refused.value.details())
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.messages()
        assert refused.value.code() is grpc.StatusCode.INTERNAL
    assert len(caplog.records) == LOGGED_FAULTS
    assert all(record.exc_info for record in caplog.records)


def test_faults_are_logged_again_after_a_while_with_the_number_of_those_that_were_not(
    caplog: pytest.LogCaptureFixture,
) -> None:
    now = 0.0
    faults = FaultLog(lambda: now)
    for _ in range(LOGGED_FAULTS + 7):
        faults.write("x/Y", ValueError("z"))
    assert len(caplog.records) == LOGGED_FAULTS
    now = PERIOD
    faults.write("x/Y", ValueError("z"))
    assert "7 more" in caplog.messages[-1] and caplog.records[-1].levelno == logging.ERROR


async def test_calls_that_never_send_their_request_end_and_let_others_have_their_turn(
    switch: AsyncSoftSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rpc, "RECEIVE_SECONDS", 0.5)
    async with grpc.aio.insecure_channel(switch.address) as channel, Client(switch.address) as client:
        # As a stream on the client's side the call begins, and its request never comes.
        silent = [channel.stream_unary("/p4.v1.P4Runtime/Write")() for _ in range(rpc.RECEIVING_AT_ONCE)]
        for call in silent:
            await call.wait_for_connection()
        for call in silent:
            assert await call.code() is grpc.StatusCode.INVALID_ARGUMENT
        await client.stub.Capabilities(p4r.CapabilitiesRequest(), timeout=5)


@asynccontextmanager
async def busy(switch: AsyncSoftSwitch) -> AsyncIterator[None]:
    """Meanwhile what requests ask for has to wait."""
    p4runtime = switch._server._service
    assert p4runtime is not None
    end = threading.Event()
    work = asyncio.ensure_future(p4runtime.in_state(lambda: end.wait(20)))
    try:
        yield
    finally:
        end.set()
        assert await work


def write_of(size: int) -> bytes:
    """A primary's request of so many bytes, which asks for nothing that there is."""
    request = p4r.WriteRequest(device_id=1)
    request.election_id.low = 1
    request.updates.add().entity.table_entry.metadata = bytes(size)
    return request.SerializeToString()


async def test_large_requests_that_wait_to_be_carried_out_are_bounded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rpc, "MOST_BYTES_IN_FLIGHT", 10 << 20)
    async with AsyncSoftSwitch() as switch, Client(switch.address) as client:
        assert await client.arbitrate() == 0
        await client.push(kinds_config())
        write = client.channel.unary_unary("/p4.v1.P4Runtime/Write")
        async with busy(switch):
            calls = [write(write_of(1 << 20)) for _ in range(20)]
            held = {asyncio.ensure_future(call.code()) for call in calls}
            async with asyncio.timeout(60):
                while len(held) > 9:  # each is a few bytes more than 1 MiB
                    done, held = await asyncio.wait(held, return_when=asyncio.FIRST_COMPLETED)
                    assert {task.result() for task in done} == {grpc.StatusCode.RESOURCE_EXHAUSTED}
            # Small ones get through, and there is room again when large ones have been answered.
            await client.stub.Capabilities(p4r.CapabilitiesRequest(), timeout=60)
            assert len(held) == 9 and not any(task.done() for task in held)
        assert {await task for task in held} == {grpc.StatusCode.UNKNOWN}
        assert await write(write_of(1 << 20)).code() is grpc.StatusCode.UNKNOWN


async def test_calls_that_are_cancelled_count_until_what_they_have_begun_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, "MOST_CALLS", 10)
    async with AsyncSoftSwitch() as switch, Client(switch.address) as client:
        assert await client.arbitrate() == 0
        await client.push(kinds_config())
        async with busy(switch):
            for _ in range(30):
                call = client.channel.unary_unary("/p4.v1.P4Runtime/Write")(write_of(10))
                await asyncio.wait((asyncio.ensure_future(call.code()),), timeout=0.1)
                call.cancel()
            await asyncio.sleep(0.2)  # the switch has heard of it
            code, _ = await refused(client.stub.Capabilities(p4r.CapabilitiesRequest()))
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
        await asyncio.sleep(0.2)
        await client.stub.Capabilities(p4r.CapabilitiesRequest())


async def test_reads_whose_answers_are_not_taken_are_bounded(
    switch: AsyncSoftSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "MOST_READS", 3)
    async with Client(switch.address) as client:
        assert await client.arbitrate() == 0
        await client.push(kinds_config())
        async with busy(switch):
            reads = [asyncio.ensure_future(client.read()) for _ in range(3)]
            await asyncio.sleep(0.2)
            code, said = await refused(client.read())
            assert code is grpc.StatusCode.RESOURCE_EXHAUSTED and "3 reads" in said
        assert await asyncio.gather(*reads) == [[], [], []]
        assert await client.read() == []


async def test_a_small_request_cannot_ask_for_more_than_there_is_memory(
    switch: AsyncSoftSwitch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(received, "MOST_UPDATES", 100)
    monkeypatch.setattr(read, "MOST_REQUESTS", 100)
    monkeypatch.setattr(read, "MOST_SELECTED", 20)
    async with Client(switch.address) as client:
        assert await client.arbitrate() == 0
        await client.push(kinds_config())
        exhausted = grpc.StatusCode.RESOURCE_EXHAUSTED
        plain, other = prefix(1 << 40, 8, 2), p4r.Entity()
        for one in (plain, other):
            code, said = await refused(client.write(*[(INSERT, one)] * 101))
            assert code is exhausted and "101 updates" in said
        everything = p4r.Entity(table_entry=p4r.TableEntry())
        code, said = await refused(client.read(*[everything] * 101))
        assert code is exhausted and "101 entities" in said
        assert await client.write(*((INSERT, rule(n, 2)) for n in range(1, 9))) == []
        with pytest.raises(grpc.aio.AioRpcError) as refusal:
            await client.read(*[everything] * 5)
        codes = [code for code, _ in refusal_of(refusal.value)]
        assert codes == sorted(codes) and (codes[0], codes[-1]) == (0, 8)
