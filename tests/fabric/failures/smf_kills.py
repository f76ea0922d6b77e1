"""The controller, and with it the N4 agent, is killed again and again while an SMF has much to ask of it."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from ipaddress import IPv4Address
from random import Random
from typing import Any

from p4fabric.controller.n4.transactions import N1, T1
from p4fabric.controller.reconcile.diff import Difference
from p4fabric.controller.store.records import Contents
from tests.fabric.n4.smf import Answer, Smf, ie
from tests.unit.n4.vectors import octets

from .bed import FabricBed

__all__ = ["SmfKillsSeen", "free_udp_port", "kill_agents"]

ACCEPTED, NOT_FOUND = 1, 65
HEARTBEAT, RECOVERY = 1, 96
TUNNELS = {"open5gs_activate": ("10.0.3.10", 0x201), "open5gs_handover": ("10.0.3.11", 0x301)}
"""What each request makes of the way to the UE."""
_UE, _CP_SEID = IPv4Address("10.45.0.2").packed, (0xD3).to_bytes(8, "big")
"""In the requests that are sent, as they were recorded."""
_SMF_STAMP = (1).to_bytes(4, "big")
_LONGEST_PAUSE_S = 0.4
"""Of a UE between two requests."""


def _network(name: str, number: int, port: int, *hosts: str) -> dict[str, Any]:
    attachment = {
        "switch": "leaf1", "port": port, "mac": f"02:00:00:00:0{number}:01", "addresses": list(hosts)
    }  # fmt: skip
    spec = {
        "subnets": [f"10.0.{number}.0/24"],
        "gateways": [f"10.0.{number}.1"],
        "attachments": [attachment],
    }
    return {"kind": "Network", "tenant": "acme", "name": name, "spec": spec}


_INTENTS = (
    _network("access", 3, 1, "10.0.3.10", "10.0.3.11"),
    _network("data", 4, 2, "10.0.4.10"),
    {
        "kind": "Upf",
        "tenant": "acme",
        "name": "edge",
        "spec": {
            "smfs": ["127.0.0.1"],
            "accessNetwork": "access",
            "n3Address": "10.0.3.2",
            "dataNetworks": [{"dnn": "internet", "network": "data", "uePools": ["10.45.0.0/16"]}],
            "withoutEffect": ["bitRates", "uplinkQfi", "buffering", "usageReports"],
        },
    },
)


@dataclass
class SmfKillsSeen:
    """What became of it."""

    kills: int = 0
    answers: dict[str, int] = field(default_factory=dict)
    """Requests that were accepted, by what they ask for."""
    again: int = 0
    """Requests that were sent again, as often as that."""
    ended_before: int = 0
    """Deletions that were asked for again, and found that the session had ended."""
    longest: float = 0.0
    """Seconds from a request to its answer, at most."""
    wrong: list[str] = field(default_factory=list)
    """What an SMF notices: requests refused or never answered, and the node's other time stamps."""
    sessions: int = 0
    """At the end, as the SMF knows them."""
    lost: int = 0
    """Of those, that the controller does not have as the SMF knows them."""
    strange: int = 0
    """Sessions that the SMF does not know."""
    differences: dict[str, Difference] = field(default_factory=dict)
    """Where switches hold something else than follows from what is stored."""

    @property
    def holds(self) -> bool:
        """Whether the SMF has noticed nothing, and no session was lost."""
        return not (self.wrong or self.lost or self.strange or self.differences)


class _Ue:
    """A subscriber, and its session as the SMF knows it."""

    def __init__(self, number: int) -> None:
        self.address = IPv4Address("10.45.0.2") + number
        self.seid: int | None = None
        self.tunnel: tuple[str, int] | None = None
        self.heard = 0.0
        """When it had its last answer."""


class _BusySmf(Smf):
    """Many requests at once, each sent again until it is answered."""

    def __init__(self, seen: SmfKillsSeen, resends: int) -> None:
        super().__init__()
        self._seen, self._resends = seen, resends
        self._waiting: dict[int, asyncio.Future[Answer]] = {}

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = Answer(data)
        if answer.kind == HEARTBEAT:
            self.answer(answer, ie(RECOVERY, _SMF_STAMP))
            return
        waiting = self._waiting.pop(answer.sequence, None)
        if waiting is not None:
            waiting.set_result(answer)

    async def ask(self, datagram: bytes, seid: int | None = None) -> Answer:
        """As an SMF does: sent again after T1, so often, and then given up.

        Raises:
            TimeoutError: it is given up.
        """
        request, began = self.numbered(datagram, seid), time.monotonic()
        waiting: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[self._sequence] = waiting
        for number in range(self._resends + 1):
            self.send(request)
            self._seen.again += number > 0
            found, _ = await asyncio.wait([waiting], timeout=T1)
            if found:
                self._seen.longest = max(self._seen.longest, time.monotonic() - began)
                return waiting.result()
        raise TimeoutError


class _Load:
    """An SMF in a thread of its own, with UEs that come, move and go while the body of `with` runs."""

    def __init__(self, port: int, ues: int, seed: int, resends: int, seen: SmfKillsSeen) -> None:
        self.ues = [_Ue(number) for number in range(ues)]
        self.counts: Counter[str] = Counter()
        self._port, self._seed, self._resends, self._seen = port, seed, resends, seen
        self._ending = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()))

    @contextmanager
    def running(self) -> Iterator[None]:
        """UEs have no request on the way any more when it is left."""
        self._thread.start()
        try:
            yield
        finally:
            self._ending.set()
            self._thread.join()

    async def _run(self) -> None:
        loop = asyncio.get_running_loop()
        _, smf = await loop.create_datagram_endpoint(
            lambda: _BusySmf(self._seen, self._resends), local_addr=("127.0.0.1", 0)
        )
        smf.port = self._port
        try:
            await smf.associate()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._ask_for_the_stamp(smf))
                for number, ue in enumerate(self.ues):
                    tasks.create_task(self._live(smf, ue, Random(self._seed * 1000 + number)))
        except TimeoutError:
            self._seen.wrong.append("no association")
        finally:
            smf.close()

    async def _ask_for_the_stamp(self, smf: Smf) -> None:
        stamp: int | None = None
        while not self._ending.is_set():
            try:
                found = (await smf.ask(smf.message(HEARTBEAT, ie(RECOVERY, _SMF_STAMP)))).recovery
            except TimeoutError:
                self._seen.wrong.append("a heartbeat was never answered")
                continue
            if stamp not in (None, found):
                self._seen.wrong.append(f"the time stamp was {stamp}, and is {found}")
            stamp = found
            await asyncio.sleep(_LONGEST_PAUSE_S)

    async def _live(self, smf: Smf, ue: _Ue, random: Random) -> None:
        while not self._ending.is_set():
            await asyncio.sleep(random.uniform(0, _LONGEST_PAUSE_S))
            if ue.seid is None:
                cp_seid = random.getrandbits(48) + 1
                datagram = octets("open5gs_establishment").replace(_UE, ue.address.packed)
                datagram = datagram.replace(_CP_SEID, cp_seid.to_bytes(8, "big"))
                answer = await self._accepted(smf, ue, "open5gs_establishment", datagram)
                ue.seid, ue.tunnel = (None if answer is None else answer.up_seid), None
                continue
            name = "open5gs_deletion" if ue.tunnel and random.random() < 0.2 else random.choice([*TUNNELS])
            again = self._seen.again
            answer = await self._accepted(smf, ue, name, octets(name))
            if name == "open5gs_deletion":
                ue.seid = ue.tunnel = None
                self._seen.ended_before += answer is not None and answer.cause == NOT_FOUND
                assert answer is None or answer.cause == ACCEPTED or self._seen.again > again
            elif answer is not None:
                ue.tunnel = TUNNELS[name]

    async def _accepted(self, smf: Smf, ue: _Ue, name: str, datagram: bytes) -> Answer | None:
        """The answer; None: there is none, or it is a refusal."""
        try:
            answer = await smf.ask(datagram, ue.seid)
        except TimeoutError:
            self._seen.wrong.append(f"{name} was never answered")
            return None
        may = (ACCEPTED, NOT_FOUND) if name == "open5gs_deletion" else (ACCEPTED,)
        if answer.cause not in may:
            self._seen.wrong.append(f"{name} was refused with cause {answer.cause}")
            return None
        self.counts[name] += 1
        ue.heard = time.monotonic()
        return answer

    def has_heard(self, since: float) -> bool:
        """Whether all UEs have had an answer."""
        return all(ue.heard > since for ue in self.ues)


def free_udp_port() -> int:
    """A port that nobody has: controllers listen there, one after the other."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def kill_agents(
    bed: FabricBed,
    port: int,
    kills: int,
    seed: int,
    *,
    ues: int = 100,
    resends: int = N1,
    say: Callable[[str], None] = lambda words: None,
) -> SmfKillsSeen:
    """Kill the controller at random moments while an SMF establishes, moves and deletes sessions.

    Args:
        bed: whose controller listens for SMFs.
        port: where it does.
        kills: how often.
        seed: of what is random.
        ues: that have a session, or are about to.
        resends: how often a request is sent again, each after T1; then its answer counts as missing.
        say: told how far it is.
    """
    seen, random = SmfKillsSeen(), Random(seed)
    bed.apply(*_INTENTS)
    bed.until(bed.is_whole, "the intents are on the switches")
    load = _Load(port, ues, seed, resends, seen)
    with load.running():
        for _ in range(kills):
            # An SMF has 10 s of patience, of which a restart takes some: one at a time.
            _all_answered(bed, load)
            time.sleep(random.uniform(0, _LONGEST_PAUSE_S))
            bed.kill_controller()
            bed.controller_gone()
            seen.kills += 1
            bed.start_controller()
            say(f"{seen.kills} kills, {load.counts.total()} answers, {seen.longest:.1f} s at most")
        _all_answered(bed, load)
    seen.answers = dict(load.counts)
    bed.until(bed.is_whole, "the last sessions are on the switches")
    bed.stop_controller()
    contents = bed.stored()
    _compare(contents, load.ues, seen)
    seen.differences = bed.differences(contents)
    return seen


def _all_answered(bed: FabricBed, load: _Load) -> None:
    began = time.monotonic()
    bed.until(lambda: load.has_heard(began), "each UE is answered")


def _compare(contents: Contents, ues: list[_Ue], seen: SmfKillsSeen) -> None:
    """Sessions as they are kept, beside those that the SMF knows."""
    kept = {}
    for one in contents.sessions:
        plane = one.value.served.kept.plane
        tunnel = next(((str(down.gnb), down.teid) for down in plane.downlinks), None)
        kept[one.value.key.seid] = (set(plane.ues), tunnel)
    known = {ue.seid: ({ue.address}, ue.tunnel) for ue in ues if ue.seid is not None}
    seen.sessions = len(known)
    seen.lost = sum(kept.get(seid) != one for seid, one in known.items())
    seen.strange = len(kept.keys() - known.keys())
