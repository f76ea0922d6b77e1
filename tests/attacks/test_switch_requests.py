"""Requests that are no messages, and faults of the switch itself: a status each, and a bounded log."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest
from finsy.proto import gnmi, gnmi_grpc, p4r

from softswitch import AsyncSoftSwitch
from softswitch.server import rpc
from softswitch.server.logs import PERIOD
from softswitch.server.rpc import LOGGED_FAULTS, FaultLog
from softswitch.server.service import P4RuntimeService
from tests.switch.server.client import Client

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
