"""The stream besides arbitration: packets in and out, digests, errors."""

from __future__ import annotations

import asyncio

import pytest
from finsy.proto import p4r

from p4fabric.pipelines.fabric import bindings as b
from p4fabric.pipelines.values import Port, VlanId, VrfId
from p4fabric.softswitch import AsyncSoftSwitch
from tests.entries import any_host, plain_network
from tests.switch.server.client import DELETE, INSERT, MODIFY, Client, entity, fabric_config, kinds_config
from tests.switch.server.kinds import everywhere, frame

MAC = 0x800000000001
INVALID, DENIED = 3, 7
HOST_SEEN = b.HostSeen.DIGEST_ID


def packet_out(payload: bytes, *metadata: tuple[int, bytes]) -> p4r.StreamMessageRequest:
    request = p4r.StreamMessageRequest()
    request.packet.payload = payload
    for number, value in metadata:
        request.packet.metadata.add(metadata_id=number, value=value)
    return request


# --- packets --------------------------------------------------------------------------------------


async def test_packets_go_out_and_come_in_with_their_metadata(switch: AsyncSoftSwitch, kinds: Client) -> None:
    await kinds.stream.write(packet_out(frame(MAC), (1, b"\3"), (2, b"\0")))
    assert await switch.collect(count=1) == [(3, frame(MAC))]
    to_cpu = everywhere(2)
    to_cpu.table_entry.action.action.params[0].value = b"\x01\xfe"
    assert await kinds.write((INSERT, to_cpu)) == []
    switch.inject(2, frame(MAC))
    packet = (await kinds.receive("packet")).packet
    assert packet.payload == frame(MAC)
    assert [(one.metadata_id, one.value) for one in packet.metadata] == [(1, b"\2"), (2, b"\0")]


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ([(1, b"\3")], "missing"),
        ([(1, b"\3"), (2, b"\0"), (7, b"\0")], "no metadata 7"),
        ([(1, b"\3"), (1, b"\3"), (2, b"\0")], "twice"),
        ([(1, b"\2\0"), (2, b"\0")], "9 bits"),
        ([(1, b""), (2, b"\0")], "empty"),
    ],
)
async def test_a_packet_out_with_wrong_metadata_is_dropped_and_given_back(
    switch: AsyncSoftSwitch, kinds: Client, metadata: list[tuple[int, bytes]], said: str
) -> None:
    request = packet_out(frame(MAC), *metadata)
    await kinds.stream.write(request)
    error = (await kinds.receive("error")).error
    assert (error.canonical_code, said in error.message) == (INVALID, True), error
    assert error.packet_out.packet_out == request.packet
    assert await switch.collect() == []


async def test_a_packet_that_is_too_long_is_refused(switch: AsyncSoftSwitch, kinds: Client) -> None:
    await kinds.stream.write(packet_out(bytes(9001), (1, b"\3"), (2, b"\0")))
    assert (await kinds.receive("error")).error.canonical_code == INVALID
    assert await switch.collect() == []


async def test_only_the_primary_sends_and_gets_packets(switch: AsyncSoftSwitch, kinds: Client) -> None:
    to_cpu = everywhere(2)
    to_cpu.table_entry.action.action.params[0].value = b"\x01\xfe"
    assert await kinds.write((INSERT, to_cpu)) == []
    async with Client(switch.address, 5) as backup:
        await backup.stream.write(packet_out(frame(MAC), (1, b"\3"), (2, b"\0")))
        assert (await backup.receive("error")).error.canonical_code == DENIED  # it has not arbitrated
        await backup.arbitrate()
        await backup.stream.write(packet_out(frame(MAC), (1, b"\3"), (2, b"\0")))
        error = (await backup.receive("error")).error
        assert (error.canonical_code, error.WhichOneof("details")) == (DENIED, "packet_out")
        assert await switch.collect() == []
        switch.inject(1, frame(MAC))
        await kinds.receive("packet")
        assert await backup.silent()


async def test_messages_of_unknown_kinds_are_told_and_the_stream_goes_on(kinds: Client) -> None:
    request = p4r.StreamMessageRequest()
    request.other.type_url = "type.example/x"
    await kinds.stream.write(request)
    error = (await kinds.receive("error")).error
    assert (error.canonical_code, error.WhichOneof("details")) == (12, "other")
    assert await kinds.arbitrate() == 0


# --- digests --------------------------------------------------------------------------------------


def arp(last: int) -> bytes:
    """An ARP request that the host 10.0.0.`last` sends from its own address."""
    mac = bytes([2, 0, 0, 0, 0, last])
    head = b"\xff" * 6 + mac + bytes.fromhex("0806 0001 0800 0604 0001")
    return head + mac + bytes([10, 0, 0, last]) + bytes(6) + bytes([10, 0, 0, 1]) + bytes(18)


def digest(*, timeout: float = 0.0, size: int = 1, ack: float = 0.0) -> p4r.Entity:
    one = p4r.Entity()
    one.digest_entry.digest_id = HOST_SEEN
    config = one.digest_entry.config
    config.max_timeout_ns, config.max_list_size = int(timeout * 1e9), size
    config.ack_timeout_ns = int(ack * 1e9)
    return one


def hosts(message: p4r.StreamMessageResponse) -> list[int]:
    """The last byte of each host's address, as the list has them."""
    return [one.struct.members[3].bitstring[-1] for one in message.digest.data]


@pytest.fixture
async def learning(fabric: Client) -> Client:
    """The primary; ports 1 and 2 are edge ports, where hosts are learned."""
    assert await fabric.write((INSERT, b.Networks(VlanId(100), plain_network(VrfId(1))).encode())) == []
    for port in (1, 2):
        entry = b.PortVlan(Port(port), False, None, 1, any_host(VlanId(100))).encode()
        assert await fabric.write((INSERT, entry)) == []
    return fabric


async def test_a_digest_says_what_the_packet_had_in_canonical_strings(
    switch: AsyncSoftSwitch, learning: Client
) -> None:
    switch.inject(1, arp(9))
    assert await learning.silent()  # nothing is learned before it is asked for
    assert await learning.write((INSERT, digest())) == []
    switch.inject(1, arp(9))
    found = (await learning.receive("digest")).digest
    assert (found.digest_id, len(found.data)) == (HOST_SEEN, 1)
    values = [one.bitstring for one in found.data[0].struct.members]
    assert values == [b"\1", b"\x64", bytes([2, 0, 0, 0, 0, 9]), bytes([10, 0, 0, 9]), b"\0"]
    assert found.timestamp > 1_700_000_000_000_000_000
    assert await learning.write((DELETE, digest())) == []
    switch.inject(1, arp(9))
    assert await learning.silent()


async def test_a_list_is_sent_when_it_is_full_or_when_its_time_is_over(
    switch: AsyncSoftSwitch, learning: Client
) -> None:
    assert await learning.write((INSERT, digest(timeout=0.4, size=3))) == []
    for last in (1, 2, 2, 1, 3, 4):
        switch.inject(1, arp(last))
    assert hosts(await learning.receive("digest")) == [1, 2, 3]
    assert await learning.silent(0.15)
    late = await learning.receive("digest", timeout=2)
    assert hosts(late) == [4]


async def test_what_was_sent_is_not_sent_again_before_it_is_acknowledged_or_too_old(
    switch: AsyncSoftSwitch, learning: Client
) -> None:
    assert await learning.write((INSERT, digest(ack=60))) == []
    switch.inject(1, arp(7))
    first = await learning.receive("digest")
    switch.inject(1, arp(7))
    assert await learning.silent()
    ack = p4r.StreamMessageRequest()
    ack.digest_ack.digest_id, ack.digest_ack.list_id = HOST_SEEN, first.digest.list_id + 1
    await learning.stream.write(ack)  # of another list
    switch.inject(1, arp(7))
    assert await learning.silent()
    ack.digest_ack.list_id = first.digest.list_id
    await learning.stream.write(ack)
    await learning.arbitrate()  # the acknowledgement has been read when this is answered
    switch.inject(1, arp(7))
    second = await learning.receive("digest")
    assert hosts(second) == [7] and second.digest.list_id != first.digest.list_id
    assert await learning.write((MODIFY, digest(ack=0.2))) == []
    await asyncio.sleep(0.3)
    switch.inject(1, arp(7))
    assert hosts(await learning.receive("digest")) == [7]


async def test_a_new_primary_has_seen_nothing_yet(switch: AsyncSoftSwitch, learning: Client) -> None:
    assert await learning.write((INSERT, digest(ack=60))) == []
    switch.inject(1, arp(7))
    await learning.receive("digest")
    async with Client(switch.address, 200) as successor:
        assert await successor.arbitrate() == 0
        switch.inject(1, arp(7))
        assert hosts(await successor.receive("digest")) == [7]


async def test_an_acknowledgement_of_an_unknown_digest_is_an_error(learning: Client) -> None:
    ack = p4r.StreamMessageRequest()
    ack.digest_ack.digest_id, ack.digest_ack.list_id = 77, 5
    await learning.stream.write(ack)
    error = (await learning.receive("error")).error
    assert (error.canonical_code, error.digest_list_ack.digest_list_ack) == (INVALID, ack.digest_ack)


async def test_digest_configurations_are_entities_like_others(learning: Client) -> None:
    request = entity("digest_entry {}", fabric_config())
    assert await learning.read(request) == []
    assert (await learning.write((MODIFY, digest())))[0][0] == 5
    assert await learning.write((INSERT, digest(timeout=1, size=9, ack=2))) == []
    assert (await learning.write((INSERT, digest())))[0][0] == 6
    assert await learning.read(request) == [digest(timeout=1, size=9, ack=2)]


async def test_kinds_has_no_digest_to_configure(kinds: Client) -> None:
    assert (await kinds.write((INSERT, digest())))[0][0] == 5
    assert await kinds.read(entity("digest_entry {}", kinds_config())) == []
