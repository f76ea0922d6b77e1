from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, cast

import grpc
import pytest
from finsy.proto import U128, p4r

from p4fabric.softswitch import AsyncSoftSwitch
from p4fabric.softswitch.server.pipeline import Pipelines
from p4fabric.softswitch.server.service import P4RuntimeService
from tests.switch.server.client import Client, Push, fabric_config, refused, uint128

OK, NOT_FOUND, ALREADY_EXISTS = 0, 5, 6


@pytest.fixture
async def clients(switch: AsyncSoftSwitch):  # type: ignore[no-untyped-def]
    """Makes clients that are closed at the end."""
    async with AsyncExitStack() as stack:

        async def make(*args: object, **kwargs: object) -> Client:
            return await stack.enter_async_context(Client(switch.address, *args, **kwargs))  # type: ignore[arg-type]

        yield make


async def told(client: Client) -> tuple[int, int | None]:
    """The status and election id of the next arbitration update."""
    update = await client.arbitration()
    assert update.device_id == 1
    return update.status.code, U128.decode(update.election_id) if update.HasField("election_id") else None


async def test_every_change_of_primary_is_told_to_all(clients) -> None:  # type: ignore[no-untyped-def]
    low, high, watcher = await clients(5), await clients((1 << 127) + 7), await clients(None)
    await watcher.bid(None)
    assert await told(watcher) == (NOT_FOUND, None)
    await low.bid(5)
    assert await told(low) == (OK, 5)
    assert await told(watcher) == (ALREADY_EXISTS, 5)
    await high.bid(high.election_id)
    assert await told(high) == (OK, high.election_id)
    for other in (low, watcher):
        assert await told(other) == (ALREADY_EXISTS, high.election_id)
    high.stream.cancel()
    for other in (low, watcher):
        assert await told(other) == (NOT_FOUND, high.election_id)


class Call:
    """A stream as the server sees it, which ends, and is cancelled, just when the test says so."""

    def __init__(self, service: P4RuntimeService, election_id: int | None) -> None:
        bid = p4r.StreamMessageRequest()
        bid.arbitration.device_id = 1
        if election_id is not None:
            bid.arbitration.election_id.CopyFrom(uint128(election_id))
        self.requests: asyncio.Queue[object] = asyncio.Queue()
        self.requests.put_nowait(bid)
        self.told: asyncio.Queue[p4r.StreamMessageResponse] = asyncio.Queue()
        self.closing, self.closed = asyncio.Event(), asyncio.Event()
        self.task = asyncio.ensure_future(service.StreamChannel(None, cast(Any, self)))

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    async def read(self) -> object:
        return await self.requests.get()

    async def write(self, message: p4r.StreamMessageResponse) -> None:
        self.told.put_nowait(message)
        if message.arbitration.status.code == OK:
            try:
                await asyncio.Event().wait()
            finally:
                self.closing.set()
                await self.closed.wait()


async def test_a_call_that_is_cancelled_while_it_ends_leaves_no_primary_behind() -> None:
    async with asyncio.timeout(60):
        service = P4RuntimeService(1, cast(Pipelines, None))
        primary = Call(service, 9)
        assert (await primary.told.get()).arbitration.status.code == OK
        watcher = Call(service, None)
        assert (await watcher.told.get()).arbitration.status.code == ALREADY_EXISTS
        primary.requests.put_nowait(grpc.aio.EOF)
        await primary.closing.wait()
        primary.task.cancel()
        primary.closed.set()
        assert (await watcher.told.get()).arbitration.status.code == NOT_FOUND
        watcher.task.cancel()
        watcher.closed.set()
        await asyncio.wait((primary.task, watcher.task))


@asynccontextmanager
async def writing(switch: AsyncSoftSwitch) -> AsyncIterator[None]:
    """Meanwhile the switch is busy with a write."""
    service = switch._server._service
    assert service is not None
    begun, end = threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert end.wait(20)

    write = asyncio.ensure_future(service.in_state(work))
    try:
        await asyncio.to_thread(begun.wait)
        yield
    finally:
        end.set()
        await write


@pytest.mark.parametrize("role", ["", "monitor"])
async def test_all_hear_when_a_client_goes_away_that_was_about_to_become_primary(  # type: ignore[no-untyped-def]
    clients, switch: AsyncSoftSwitch, role: str
) -> None:
    primary, watcher = await clients(9, role=role), await clients(None, role=role)
    assert await primary.arbitrate() == OK
    await watcher.bid(None)
    assert await told(watcher) == (ALREADY_EXISTS, 9)
    async with writing(switch):
        for election_id in (12, 15, 18):  # several in a row
            elect = await clients(election_id, role=role)
            await elect.bid(election_id)
            for other in (primary, watcher):
                assert await told(other) == (ALREADY_EXISTS, election_id)
            elect.stream.cancel()
            for other in (primary, watcher):
                assert await told(other) == (NOT_FOUND, election_id)
        late = await clients(8, role=role)
        await late.bid(8)
        assert await told(late) == (NOT_FOUND, 18)
    for other in (primary, watcher, late):
        assert await other.silent(), "nobody has become primary unasked"
    await late.bid(18)
    assert await told(late) == (OK, 18)
    for other in (primary, watcher):
        assert await told(other) == (ALREADY_EXISTS, 18)


async def test_a_client_that_is_outbid_before_it_is_primary_may_go_away_unnoticed(  # type: ignore[no-untyped-def]
    clients, switch: AsyncSoftSwitch
) -> None:
    primary, first, second = await clients(9), await clients(12), await clients(15)
    assert await primary.arbitrate() == OK
    async with writing(switch):
        await first.bid(12)
        assert await told(primary) == (ALREADY_EXISTS, 12)
        await second.bid(15)
        for other in (primary, first):
            assert await told(other) == (ALREADY_EXISTS, 15)
        first.stream.cancel()
        assert await primary.silent()
    assert await told(second) == (OK, 15)
    assert await primary.silent()


async def test_a_backup_is_answered_while_a_new_primary_waits_for_writes_to_end(  # type: ignore[no-untyped-def]
    clients, switch: AsyncSoftSwitch
) -> None:
    primary, elect, backup = await clients(9), await clients(12), await clients(3)
    assert await primary.arbitrate() == OK
    async with writing(switch):
        await elect.bid(12)
        assert await told(primary) == (ALREADY_EXISTS, 12)
        await backup.bid(3)
        assert await told(backup) == (ALREADY_EXISTS, 12)
        assert (await refused(primary.write()))[0] is grpc.StatusCode.PERMISSION_DENIED
    assert await told(elect) == (OK, 12)


async def test_a_lower_id_never_becomes_primary_after_a_higher_one_was_seen(clients) -> None:  # type: ignore[no-untyped-def]
    first, second = await clients(9), await clients(8)
    assert await first.arbitrate() == OK
    assert await second.arbitrate() == ALREADY_EXISTS
    first.stream.cancel()
    assert await told(second) == (NOT_FOUND, 9)
    await second.bid(8)
    assert await told(second) == (NOT_FOUND, 9)
    await second.bid(9)
    assert await told(second) == (OK, 9)


async def test_a_primary_that_lowers_its_id_leaves_nobody_in_charge(clients) -> None:  # type: ignore[no-untyped-def]
    one, other = await clients(9), await clients(8)
    assert await one.arbitrate() == OK
    assert await other.arbitrate() == ALREADY_EXISTS
    await one.bid(3)
    assert await told(one) == (NOT_FOUND, 9)
    assert await told(other) == (NOT_FOUND, 9)
    assert (await refused(one.push(fabric_config())))[0] is grpc.StatusCode.PERMISSION_DENIED


async def test_a_zero_election_id_is_an_id_and_an_unset_one_is_none(clients) -> None:  # type: ignore[no-untyped-def]
    unset, zero = await clients(None), await clients(0)
    await unset.bid(None)
    assert await told(unset) == (NOT_FOUND, None)
    await zero.bid(0)
    assert await told(zero) == (OK, 0)


async def test_a_backup_that_arrives_is_told_alone(clients) -> None:  # type: ignore[no-untyped-def]
    one, backup = await clients(9), await clients(8)
    assert await one.arbitrate() == OK
    assert await backup.arbitrate() == ALREADY_EXISTS
    backup.stream.cancel()
    assert await one.silent()


async def test_each_role_has_its_own_primary_and_election_ids(clients) -> None:  # type: ignore[no-untyped-def]
    default, monitor = await clients(9), await clients(9, role="monitor")
    assert await default.arbitrate() == OK
    await monitor.bid(9)
    update = await monitor.arbitration()
    assert (update.status.code, update.role.name) == (OK, "monitor")
    await monitor.push(fabric_config())
    assert await default.silent()


@pytest.mark.parametrize(
    ("bids", "code"),
    [
        ([{"device_id": 2}], grpc.StatusCode.NOT_FOUND),
        ([{}, {"device_id": 2}], grpc.StatusCode.FAILED_PRECONDITION),
        ([{}, {"role": "other"}], grpc.StatusCode.FAILED_PRECONDITION),
        ([{"election_id": 100}], grpc.StatusCode.INVALID_ARGUMENT),
        ([{}, {"election_id": 100}], grpc.StatusCode.INVALID_ARGUMENT),
    ],
)
async def test_a_wrong_update_ends_the_stream_and_changes_nothing(  # type: ignore[no-untyped-def]
    clients, primary: Client, bids: list[dict[str, object]], code: grpc.StatusCode
) -> None:
    client = await clients(7)
    for bid in bids:
        await client.bid(**{"election_id": 7, **bid})
    for _ in bids[1:]:
        assert await told(client) == (ALREADY_EXISTS, 100)
    assert await client.stream.code() is code
    await primary.push(fabric_config())


async def test_a_role_configuration_is_refused(clients) -> None:  # type: ignore[no-untyped-def]
    client = await clients(7)
    request = p4r.StreamMessageRequest()
    request.arbitration.device_id = 1
    request.arbitration.role.name = "some"
    request.arbitration.role.config.SetInParent()
    await client.stream.write(request)
    assert await client.stream.code() is grpc.StatusCode.INVALID_ARGUMENT


async def test_too_many_clients_are_refused(clients) -> None:  # type: ignore[no-untyped-def]
    for number in range(64):
        assert await (await clients(number)).arbitrate() == OK
    last = await clients(99)
    await last.bid(99)
    assert await last.stream.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_only_the_primary_changes_anything_and_a_backup_reads(clients, fabric: Client) -> None:  # type: ignore[no-untyped-def]
    backup = await clients(50)
    assert await backup.arbitrate() == ALREADY_EXISTS
    assert await backup.read() == []
    denied = grpc.StatusCode.PERMISSION_DENIED
    for election_id in (50, 99, None):
        backup.election_id = election_id
        assert (await refused(backup.write()))[0] is denied
        assert (await refused(backup.push(fabric_config())))[0] is denied
    backup.election_id = 100  # whoever knows the primary's three values is the primary (section 5)
    assert await backup.write() == []


async def test_devices_and_roles_that_are_not_there_are_not_found(fabric: Client) -> None:
    stub, not_found = fabric.stub, grpc.StatusCode.NOT_FOUND
    primary = uint128(100)
    for device_id, role in ((2, ""), (0, ""), (1, "nobody")):
        write = p4r.WriteRequest(device_id=device_id, role=role, election_id=primary)
        assert (await refused(stub.Write(write)))[0] is not_found
        push = Push(device_id=device_id, role=role, election_id=primary, action=Push.VERIFY)
        assert (await refused(stub.SetForwardingPipelineConfig(push)))[0] is not_found
    get = p4r.GetForwardingPipelineConfigRequest(device_id=2)
    assert (await refused(stub.GetForwardingPipelineConfig(get)))[0] is not_found
    assert (await refused(stub.Capabilities(p4r.CapabilitiesRequest(device_id=2))))[0] is not_found
    fabric.device_id = 2
    assert (await refused(fabric.read()))[0] is not_found


async def test_capabilities_name_the_version(fabric: Client) -> None:
    answer = await fabric.stub.Capabilities(p4r.CapabilitiesRequest())
    assert answer.p4runtime_api_version == "1.5.0"
