"""Who goes when there are too many connections, and when one is late; the clock is held."""

from __future__ import annotations

import asyncio
import errno
import resource
import socket
from dataclasses import dataclass, field
from typing import Any

import pytest

from p4fabric.controller.api import event_streams, listen
from p4fabric.controller.api.connections import READ_ON, Acceptor, Client, Connections, Limits
from p4fabric.controller.api_config import ApiConfig
from p4fabric.controller.descriptors import RESERVED, connections_within

LIMITS = Limits(connections=8, unread_bytes=1 << 20, header=10, body=30, write=30)


@dataclass
class Fake:
    """A connection's protocol, as far as `Connections` knows it."""

    idle: bool = False
    waiting: int = 0
    ends: list[str] = field(default_factory=list)

    def expire(self, what: str) -> None:
        self.ends.append(f"expired: {what}")

    def abort(self) -> None:
        self.ends.append("aborted")

    def unread(self) -> int:
        return self.waiting

    def is_idle(self) -> bool:
        return self.idle


def come(connections: Connections, known: bool = False, idle: bool = False) -> tuple[Client, Fake]:
    fake = Fake(idle)
    client = Client(0.0, fake)
    connections.add(client)
    if known:
        connections.welcome(client)
    return client, fake


def test_the_oldest_stranger_makes_room_and_no_known_client() -> None:
    connections = Connections(LIMITS)
    _, friend = come(connections, known=True)
    strangers = [come(connections)[1] for _ in range(7)]
    assert connections.make_room() and len(connections) == 7
    assert [stranger.ends for stranger in strangers] == [["aborted"], *[[]] * 6] and not friend.ends
    # Control: where there is room nobody goes.
    assert connections.make_room() and len(connections) == 7


def test_known_clients_that_want_nothing_leave_a_part_of_the_room_to_strangers() -> None:
    connections = Connections(LIMITS)
    busy = [come(connections, known=True)[1] for _ in range(3)]
    idle = [come(connections, known=True, idle=True)[1] for _ in range(3)]
    newcomers = [come(connections)[1] for _ in range(2)]
    assert connections.make_room()
    assert [fake.ends for fake in idle] == [["aborted"], [], []]
    assert not any(fake.ends for fake in busy + newcomers)


def test_a_client_that_does_not_read_goes_before_one_that_is_busy_and_without_either_nobody_comes() -> None:
    connections = Connections(LIMITS)
    clients = [come(connections, known=True) for _ in range(8)]
    assert not connections.make_room()
    clients[3][1].waiting = 100
    connections.judge(1.0)
    assert connections.make_room()
    assert [fake.ends for _, fake in clients] == [["aborted"] if n == 3 else [] for n in range(8)]


def test_what_is_awaited_expires_at_its_deadline_however_often_something_comes() -> None:
    connections = Connections(LIMITS)
    client, fake = come(connections)
    client.expect("headers", 10.0)
    client.expect("headers", 19.0)
    connections.judge(9.9)
    assert not fake.ends
    connections.judge(10.0)
    connections.judge(10.1)
    assert fake.ends == ["expired: headers"]


def test_a_client_must_read_on() -> None:
    connections = Connections(LIMITS)
    _, reader = come(connections)
    _, dripper = come(connections)
    reader.waiting = dripper.waiting = 10 * READ_ON
    connections.judge(0.0)
    for second in (10.0, 20.0, 29.0):
        reader.waiting -= READ_ON
        dripper.waiting -= 1
        connections.judge(second)
    assert not dripper.ends
    connections.judge(30.0)
    assert dripper.ends == ["aborted"] and not reader.ends
    reader.waiting = 0
    connections.judge(31.0)
    connections.judge(100.0)
    assert not reader.ends


def test_what_is_unread_is_bounded_together_and_who_stalls_longest_goes() -> None:
    connections = Connections(LIMITS)
    clients = [come(connections, known=True) for _ in range(3)]
    for second, (client, fake) in enumerate(clients):
        fake.waiting = 500_000
        connections.stalls(client, float(second))
    assert [fake.ends for _, fake in clients] == [["aborted"], [], []]
    # Control: one answer alone may be of any size.
    alone = Connections(LIMITS)
    client, fake = come(alone)
    fake.waiting = 100 << 20
    alone.stalls(client, 0.0)
    assert not fake.ends


def test_descriptors_are_kept_for_switches_and_the_store() -> None:
    assert connections_within(20_000, 10, 512) == 512
    assert connections_within(1024, 50, 512) == (1024 - RESERVED - 200) // 2
    assert connections_within(64, 50, 512) == 8


def test_followers_leave_a_part_of_the_room_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    usual = ApiConfig.model_validate({})
    monkeypatch.setattr(resource, "getrlimit", lambda _: (20_000, 20_000))
    assert event_streams(usual, 10) == usual.max_event_streams >= 1000
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    assert event_streams(usual, 10) == 321 <= 0.75 * connections_within(1024, 10, usual.max_connections)
    assert connections_within(-1, 1000, 512) == 512


class Exhausted(socket.socket):
    """A listening socket of a process that has no file descriptors left."""

    def accept(self) -> Any:
        raise OSError(errno.EMFILE, "Too many open files")


async def test_where_descriptors_run_out_a_stranger_goes_and_the_log_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    connections = Connections(LIMITS)
    _, stranger = come(connections)
    with Exhausted() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        acceptor = Acceptor(listener, connections, lambda client: asyncio.Protocol(), None)
        with acceptor.accepting(), socket.create_connection(listener.getsockname()):
            # Many turns of the loop, but one try.
            for _ in range(100):
                await asyncio.sleep(0)
    assert stranger.ends == ["aborted"]
    assert caplog.text.count("no connection can be accepted: Too many open files") == 1


def test_answers_are_not_held_back_until_the_client_acknowledges() -> None:
    config = ApiConfig.model_validate({"listen": "127.0.0.1:0"})
    with listen(config) as listener, socket.create_connection(listener.getsockname()):
        accepted, _ = listener.accept()
        with accepted:
            assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
