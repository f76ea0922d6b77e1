from __future__ import annotations

import asyncio

import pytest
from finsy.proto import p4r, rpc_code

from p4fabric.controller.names import SwitchName
from p4fabric.controller.p4runtime import (
    Code,
    NotPrimary,
    PacketIn,
    Phase,
    SwitchUnavailable,
    Update,
    UpdateError,
    UpdateKind,
)
from p4fabric.controller.p4runtime.gate import ConnectGate
from p4fabric.pipelines.entities import MulticastGroup, Replica, encode_int
from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import IPv4Address, MacAddress, Port, VlanId

from .conftest import Listener, eventually, is_primary, running, session_to
from .fake_switch import FakeSwitch


def bridging(mac: int, port: int = 1) -> b.Bridging:
    return b.Bridging(VlanId(1), MacAddress(mac), b.ToPort(Port(port)))


def inserts(count: int) -> list[Update]:
    return [Update(UpdateKind.INSERT, bridging(mac)) for mac in range(1, count + 1)]


async def test_the_pipeline_is_pushed_to_an_empty_switch_and_not_again_by_the_next_controller(
    fake: FakeSwitch,
) -> None:
    for election_id in (1, 2):
        session = session_to(fake, Listener(), election_id)
        async with running(session.run):
            await session.wait_until(is_primary)
    assert fake.pushes == 1


async def test_a_pipeline_with_another_cookie_is_replaced(fake: FakeSwitch) -> None:
    fake.config = p4r.ForwardingPipelineConfig()
    fake.config.cookie.cookie = 7
    session = session_to(fake, Listener())
    async with running(session.run):
        await session.wait_until(is_primary)
    assert fake.pushes == 1 and fake.config.cookie.cookie not in (0, 7)


async def test_an_unreachable_switch_is_tried_until_it_is_there(fake: FakeSwitch) -> None:
    await fake.stop()
    session, listener = session_to(fake, listener := Listener()), listener
    async with running(session.run):
        await asyncio.sleep(0.5)
        assert session.state.phase is Phase.DISCONNECTED
        assert "connection failed" in session.state.reason
        with pytest.raises(SwitchUnavailable, match="leaf1 is disconnected"):
            await session.read()
        await fake.start()
        await session.wait_until(is_primary)
    assert listener.states[-1].reason == "stopped"


async def test_a_session_ends_when_it_is_cancelled_while_its_connection_comes_to_an_end(
    fake: FakeSwitch,
) -> None:
    taken, ending, end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    class Slow(Listener):
        """Takes a while to let go of a packet."""

        async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
            taken.set()
            try:
                await asyncio.Event().wait()
            finally:
                ending.set()
                await end.wait()

    session = session_to(fake, Slow())
    task = asyncio.create_task(session.run())
    await session.wait_until(is_primary)
    packet = p4r.StreamMessageResponse()
    packet.packet.metadata.add(metadata_id=1, value=b"\x01")
    fake.say(packet)
    await taken.wait()
    await fake.stop()
    await ending.wait()
    task.cancel()
    await asyncio.sleep(0)
    end.set()
    _, running_on = await asyncio.wait([task], timeout=5)
    assert not running_on


async def test_few_connect_at_a_time_and_one_that_gets_nowhere_holds_up_nobody(fake: FakeSwitch) -> None:
    gate = ConnectGate(at_once=1, patience=0.1)
    away = FakeSwitch()
    away.silent = True
    await away.start()
    try:
        first, second = session_to(away, Listener(), gate=gate), session_to(fake, Listener(), gate=gate)
        async with running(first.run), running(second.run):
            await second.wait_until(is_primary)
            assert first.state.phase is Phase.DISCONNECTED
            # The turn is over with the first read, or after the patience.
            await second.read()
            async with asyncio.timeout(60):
                (await gate.enter()).end()
    finally:
        await away.stop()


async def test_a_restarted_switch_gets_its_pipeline_again_and_a_new_epoch(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    async with running(session.run):
        first = await session.wait_until(is_primary)
        await fake.stop()
        await session.wait_until(lambda state: state.phase is Phase.DISCONNECTED)
        fake.restart_empty()
        await fake.start()
        second = await session.wait_until(is_primary)
        assert (second.epoch, fake.pushes) == (first.epoch + 1, 2)


async def test_a_lost_pipeline_is_found_by_the_next_write_or_look(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    async with running(session.run):
        first = await session.wait_until(is_primary)
        fake.restart_empty()
        await session.wait_until(lambda state: is_primary(state) and state.epoch > first.epoch)
        assert fake.pushes == 2


async def test_a_refused_pipeline_is_a_state_with_the_switchs_reason(fake: FakeSwitch) -> None:
    fake.refuse_pipeline = "table too large"
    session = session_to(fake, Listener())
    async with running(session.run):
        refused = await session.wait_until(lambda state: "table too large" in state.reason)
        assert refused.phase is Phase.DISCONNECTED
        fake.refuse_pipeline = ""
        await session.wait_until(is_primary)


async def test_a_half_open_connection_is_given_up(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    async with running(session.run):
        await session.wait_until(is_primary)
        fake.silent = True
        lost = await session.wait_until(lambda state: state.phase is Phase.DISCONNECTED)
        assert "no answer in time" in lost.reason
        await session.wait_until(lambda state: "did not answer in 0.5 s" in state.reason)
        fake.silent = False
        await session.wait_until(is_primary)


async def test_another_controller_takes_over_and_gives_back(fake: FakeSwitch) -> None:
    old, new = session_to(fake, Listener(), 5), session_to(fake, Listener(), 9)
    async with running(old.run):
        await old.wait_until(is_primary)
        async with running(new.run):
            await new.wait_until(is_primary)
            demoted = await old.wait_until(lambda state: state.phase is Phase.BACKUP)
            assert demoted.reason == "another controller is primary with election id 9"
            with pytest.raises(NotPrimary):
                await old.write(inserts(1))
            assert (await old.read()).entities == {}
        await old.wait_until(is_primary)
        assert await old.write(inserts(1)) == []


async def test_an_election_id_in_use_is_outbid_by_one(fake: FakeSwitch) -> None:
    dead, alive = session_to(fake, Listener(), 5), session_to(fake, Listener(), 5)
    async with running(dead.run, alive.run):
        await alive.wait_until(lambda state: state.phase is not Phase.DISCONNECTED)
        await dead.wait_until(lambda state: state.phase is not Phase.DISCONNECTED)
        assert sorted(client.election_id for client in fake.clients) == [5, 6]


async def test_writes_are_cut_into_batches_and_each_refused_update_is_named(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    full = bridging(777)
    fake.refuse_update = lambda update: (
        (rpc_code.RESOURCE_EXHAUSTED, "table full")
        if update.entity.table_entry.match[1].exact.value == encode_int(777)
        else None
    )
    async with running(session.run):
        await session.wait_until(is_primary)
        errors = await session.write(inserts(1200))
        assert errors == [UpdateError(UpdateKind.INSERT, full.key, Code.RESOURCE_EXHAUSTED, "table full")]
        assert sorted(len(request.updates) for request in fake.writes) == [200, 500, 500]
        again = await session.write(inserts(500))
        assert {error.code for error in again} == {Code.ALREADY_EXISTS} and len(again) == 500
        assert len((await session.read()).entities) == 1199


async def test_what_cannot_be_decoded_is_reported_and_the_rest_is_read(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    group = MulticastGroup(3, (Replica(1), Replica(2)))
    strange = bridging(9).encode()
    strange.table_entry.action.action.action_id = 99
    default = p4r.Entity(table_entry=p4r.TableEntry(table_id=b.Bridging.TABLE_ID, is_default_action=True))
    async with running(session.run):
        await session.wait_until(is_primary)
        await session.write([Update(UpdateKind.INSERT, group), *inserts(1)])
        fake.entities[b"strange"], fake.entities[b"default"] = strange, default
        found = await session.read()
        assert found.entities == {group.key: group, bridging(1).key: bridging(1)}
        assert len(found.unknown) == 1 and "unknown action 99" in found.unknown[0]


async def test_packets_and_digests_arrive_and_digests_are_acknowledged(fake: FakeSwitch) -> None:
    listener = Listener()
    session = session_to(fake, listener)
    async with running(session.run):
        await session.wait_until(is_primary)
        garbled = p4r.StreamMessageResponse()
        garbled.packet.payload = b"no metadata"
        packet = p4r.StreamMessageResponse()
        packet.packet.payload = b"frame"
        packet.packet.metadata.add(metadata_id=1, value=b"\x01\x00")
        fake.say(garbled)
        fake.say(packet)
        digest = p4r.StreamMessageResponse()
        digest.digest.digest_id, digest.digest.list_id = b.HostSeen.DIGEST_ID, 42
        for values in ((3, 5, 77, 0x0A000001, 0), (1 << 20, 5, 77, 0, 0)):  # a good one, and a port too large
            members = digest.digest.data.add().struct.members
            for value in values:
                members.add(bitstring=encode_int(value))
        fake.say(digest)
        got = await listener.packets.get()
        assert got == PacketIn(b.PacketInMetadata(Port(256)), b"frame")
        seen = await listener.messages.get()
        assert isinstance(seen, b.HostSeen) and seen.ipv4 == IPv4Address("10.0.0.1")
        acknowledged = await fake.received.get()
        assert acknowledged.digest_ack.list_id == 42
        assert listener.messages.empty()
        await session.packet_out(b.PacketOutMetadata(Port(7)), b"out")
        sent = await fake.received.get()
        assert sent.packet.payload == b"out" and sent.packet.metadata[0].value == b"\x07"


async def test_a_port_that_floods_the_controller_does_not_keep_others_from_being_heard(
    fake: FakeSwitch,
) -> None:
    listener = Listener()
    session = session_to(fake, listener)
    async with running(session.run):
        await session.wait_until(is_primary)
        for port in [1] * 3000 + [2]:
            packet = p4r.StreamMessageResponse()
            packet.packet.metadata.add(metadata_id=1, value=bytes([port]))
            fake.say(packet)
        while (await listener.packets.get()).header != b.PacketInMetadata(Port(2)):
            pass
        assert session.dropped_messages > 2500


async def test_what_the_program_says_itself_is_not_limited_as_a_ports_frames_are(fake: FakeSwitch) -> None:
    listener = Listener()
    session = session_to(fake, listener)
    async with running(session.run):
        await session.wait_until(is_primary)
        before = asyncio.get_running_loop().time()
        for number in range(2000):
            packet = p4r.StreamMessageResponse()
            packet.packet.payload = number.to_bytes(2, "big")
            packet.packet.metadata.add(metadata_id=1, value=encode_int(510))
            fake.say(packet)
        for number in range(2000):
            own = b.PacketInMetadata(Port(510))
            assert await listener.packets.get() == PacketIn(own, number.to_bytes(2, "big"))
        assert session.dropped_messages == 0
        assert session.heard_all(before), "what hosts say was not drowned"


async def test_a_frame_that_waits_was_not_heard_yet(fake: FakeSwitch) -> None:
    class Slow(Listener):
        async def packet_in(self, switch: SwitchName, packet: PacketIn) -> None:
            await super().packet_in(switch, packet)
            await may_go_on.wait()

    may_go_on, listener, now = asyncio.Event(), Slow(), asyncio.get_running_loop().time
    session = session_to(fake, listener)
    async with running(session.run):
        await session.wait_until(is_primary)
        before = now()
        for port in (1, 2, 3):
            packet = p4r.StreamMessageResponse()
            packet.packet.metadata.add(metadata_id=1, value=bytes([port]))
            fake.say(packet)
        await listener.packets.get()
        await asyncio.sleep(0.05)  # the others are in the queue by then
        assert not session.heard_all(before)
        may_go_on.set()
        await listener.packets.get()
        await listener.packets.get()
        assert session.heard_all(before)


async def test_a_switch_that_reports_too_much_may_have_lost_some_of_it(fake: FakeSwitch) -> None:
    listener, loop = Listener(), asyncio.get_running_loop()
    session = session_to(fake, listener)

    async def report(lists: int) -> None:
        """Lists of 64 messages, as the fabric's digests are configured."""
        for number in range(lists):
            digests = p4r.StreamMessageResponse()
            digests.digest.digest_id, digests.digest.list_id = b.HostSeen.DIGEST_ID, number
            for _ in range(64):
                digests.digest.data.add()
            fake.say(digests)
        for _ in range(lists):
            while not (await fake.received.get()).HasField("digest_ack"):
                pass

    async with running(session.run):
        await session.wait_until(is_primary)
        before = loop.time()
        await report(3)
        assert session.heard_all(before)
        await report(10)
        assert not session.heard_all(before) and session.heard_all(loop.time())


async def test_a_request_under_way_fails_when_the_connection_goes(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    async with running(session.run):
        await session.wait_until(is_primary)
        fake.silent = True
        with pytest.raises(SwitchUnavailable):
            await session.write(inserts(1))


async def test_a_switch_that_reads_no_more_is_still_heard(fake: FakeSwitch) -> None:
    listener = Listener()
    session = session_to(fake, listener)
    async with running(session.run):
        await session.wait_until(is_primary)
        fake.reads_stream.clear()
        frame = bytes(1 << 16)
        sending = [
            asyncio.create_task(session.packet_out(b.PacketOutMetadata(Port(1)), frame)) for _ in range(600)
        ]
        await asyncio.sleep(0.3)
        assert any(not task.done() for task in sending)  # the line is full
        nobody = p4r.StreamMessageResponse()
        nobody.arbitration.device_id = 1
        nobody.arbitration.election_id.low = 7
        nobody.arbitration.status.code = rpc_code.NOT_FOUND  # is answered by a higher bid
        fake.say(nobody)
        for number in range(3):
            digests = p4r.StreamMessageResponse()
            digests.digest.digest_id, digests.digest.list_id = b.HostSeen.DIGEST_ID, number
            members = digests.digest.data.add().struct.members
            for value in (number, 5, 77, 0x0A000001, 0):
                members.add(bitstring=encode_int(value))
            fake.say(digests)
        packet = p4r.StreamMessageResponse()
        packet.packet.metadata.add(metadata_id=1, value=b"\x02")
        fake.say(packet)
        assert (await listener.packets.get()).header == b.PacketInMetadata(Port(2))
        for number in range(3):
            seen = await listener.messages.get()
            assert isinstance(seen, b.HostSeen) and seen.ingress_port == number
        fake.reads_stream.set()
        await asyncio.gather(*sending)
        while not (await fake.received.get()).HasField("digest_ack"):
            pass
        await eventually(lambda: [client.election_id for client in fake.clients] == [8])


async def test_packets_that_wait_are_given_up_with_the_connection(fake: FakeSwitch) -> None:
    session = session_to(fake, Listener())
    async with running(session.run):
        await session.wait_until(is_primary)
        fake.reads_stream.clear()
        packet = b.PacketOutMetadata(Port(1))
        sending = [asyncio.create_task(session.packet_out(packet, bytes(1 << 16))) for _ in range(600)]
        await asyncio.sleep(0.3)
        await fake.stop()
        results = await asyncio.gather(*sending, return_exceptions=True)
        assert {type(result) for result in results} == {type(None), SwitchUnavailable}
        fake.reads_stream.set()
