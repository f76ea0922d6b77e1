"""What is sent again until it is answered, and what is answered again (TS 29.244, clause 6.4).

`Requests` are ours to a peer, `Answers` are to a peer's. Both are bounded, know no sockets, and are told the
time: seconds of any clock that never goes back.

A peer's request is known by the peer's address and port, its sequence number and its octets. A retransmission
has the same octets; another request with a number that was used before is a new one, as of an SMF that was
restarted.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Generic, NamedTuple, TypeVar

from p4fabric.controller.n4.pfcp import MessageType

__all__ = ["N1", "T1", "Answers", "Full", "Overdue", "Peer", "Received", "Requests", "Verdict"]

T1 = 2.5
"""Seconds until a request that is not answered is sent again."""
N1 = 3
"""How often it is sent again."""
_LAST_SEQUENCE = 0xFFFFFF
K = TypeVar("K")


class Peer(NamedTuple):
    """Where a node's datagrams come from and go to."""

    address: str
    port: int


class Full(Exception):
    """As many requests wait for answers as may."""


@dataclass(frozen=True, slots=True)
class Overdue(Generic[K]):
    """A request whose time is up.

    Attributes:
        peer: that did not answer.
        what: given when it was sent.
        datagram: to be sent again; None: it was sent often enough, and counts as failed.
    """

    peer: Peer
    what: K
    datagram: bytes | None


@dataclass(slots=True)
class _Waiting(Generic[K]):
    what: K
    kind: MessageType
    datagram: bytes
    left: int
    due: float


class Requests(Generic[K]):
    """Requests of ours that wait for answers.

    Each has what it is about (`what`), which comes back with its answer or its failure.
    """

    def __init__(self, *, t1: float = T1, n1: int = N1, most_of_a_peer: int = 4096, first: int = 1) -> None:
        """Begin with none.

        Args:
            t1: seconds until a request is sent again.
            n1: how often it is.
            most_of_a_peer: that may wait for one peer.
            first: sequence number to each peer.
        """
        self._t1, self._n1, self._most, self._first = t1, n1, most_of_a_peer, first
        self._waiting: dict[Peer, OrderedDict[int, _Waiting[K]]] = {}
        self._next: dict[Peer, int] = {}

    def __len__(self) -> int:
        """How many wait."""
        return sum(len(waiting) for waiting in self._waiting.values())

    def number(self, peer: Peer) -> int:
        """A sequence number for the next request to a peer, that none which waits has.

        Raises:
            Full: as many wait for this peer as may.
        """
        waiting: dict[int, _Waiting[K]] = self._waiting.get(peer, OrderedDict())
        if len(waiting) >= self._most:
            raise Full(f"{len(waiting)} requests wait for {peer.address}:{peer.port}")
        sequence = self._next.get(peer, self._first)
        while sequence in waiting:
            sequence = _after(sequence)
        self._next[peer] = _after(sequence)
        return sequence

    def sent(
        self, peer: Peer, sequence: int, kind: MessageType, datagram: bytes, what: K, now: float
    ) -> None:
        """A request was sent, with a number of `number`, for the first time."""
        waiting = _Waiting(what, kind, datagram, self._n1, now + self._t1)
        self._waiting.setdefault(peer, OrderedDict())[sequence] = waiting

    def answered(self, peer: Peer, sequence: int, kind: MessageType) -> K | None:
        """An answer came: what its request was about; None if no such request waits.

        Args:
            peer: that answers.
            sequence: of the answer.
            kind: of the answer, which must be that of the request.
        """
        waiting = self._waiting.get(peer)
        found = None if waiting is None else waiting.get(sequence)
        if waiting is None or found is None:
            return None
        if kind not in (found.kind + 1, MessageType.VERSION_NOT_SUPPORTED_RESPONSE):
            return None
        del waiting[sequence]
        if not waiting:
            del self._waiting[peer]
        return found.what

    def overdue(self, now: float) -> Iterator[Overdue[K]]:
        """Requests whose time is up; each is to be sent again, or has failed and is forgotten."""
        for peer, waiting in list(self._waiting.items()):
            # In the order of their times: a request that is sent again goes to the end.
            for sequence, one in list(waiting.items()):
                if one.due > now:
                    break
                if one.left == 0:
                    del waiting[sequence]
                    yield Overdue(peer, one.what, None)
                    continue
                one.left -= 1
                one.due = now + self._t1
                waiting.move_to_end(sequence)
                yield Overdue(peer, one.what, one.datagram)
            if not waiting:
                del self._waiting[peer]

    @property
    def due(self) -> float | None:
        """When `overdue` has something next; None: nothing waits."""
        return min((next(iter(one.values())).due for one in self._waiting.values()), default=None)

    def forget(self, peer: Peer) -> list[K]:
        """What requests to a peer were about that is gone; its sequence numbers go on."""
        return [one.what for one in self._waiting.pop(peer, {}).values()]


def _after(sequence: int) -> int:
    return 1 if sequence >= _LAST_SEQUENCE else sequence + 1


class Verdict(Enum):
    """What to do with a peer's request."""

    NEW = "new"
    """Carry it out, and give its answer to `Answers.answered`."""
    IN_PROGRESS = "in progress"
    """It came again while it is carried out: say nothing."""
    ANSWERED = "answered"
    """It came again: send the stored answer."""
    TOO_MANY = "too many"
    """As many are carried out as may: say nothing, the peer sends it again."""


class Received(NamedTuple):
    """What to do with a peer's request, and the stored answer if there is one."""

    verdict: Verdict
    answer: bytes | None = None


@dataclass(slots=True)
class _Known:
    octets: int
    """The hash of the request's octets."""
    answer: bytes | None = None


class Answers:
    """Requests of peers that are carried out, and answers that are kept for when a request comes again.

    An answer is kept for as long as its peer may send the request again. There is room for some answers;
    beyond it the oldest go first, so that the answers are lost in a flood, and not the memory.
    """

    def __init__(
        self, *, keep: float = T1 * (N1 + 1), most_in_progress: int = 8192, most_answers: int = 131_072
    ) -> None:
        """Begin with none.

        Args:
            keep: seconds for which an answer is kept.
            most_in_progress: requests that may be carried out at once.
            most_answers: that may be kept.
        """
        self._keep, self._most_in_progress, self._most_answers = keep, most_in_progress, most_answers
        self._known: dict[tuple[Peer, int], _Known] = {}
        self._kept: deque[tuple[float, tuple[Peer, int], _Known]] = deque()
        self._in_progress = 0

    @property
    def in_progress(self) -> int:
        """How many requests are carried out."""
        return self._in_progress

    def __len__(self) -> int:
        """How many requests are known, whether answered or not."""
        return len(self._known)

    def received(self, peer: Peer, sequence: int, datagram: bytes, now: float) -> Received:
        """A request came."""
        self._expire(now)
        key = (peer, sequence)
        octets = hash(datagram)
        known = self._known.get(key)
        if known is not None and known.octets == octets:
            if known.answer is None:
                return Received(Verdict.IN_PROGRESS)
            return Received(Verdict.ANSWERED, known.answer)
        if self._in_progress >= self._most_in_progress:
            return Received(Verdict.TOO_MANY)
        if known is not None and known.answer is None:
            # The earlier request's answer would go to a peer that has forgotten it.
            self._in_progress -= 1
        self._known[key] = _Known(octets)
        self._in_progress += 1
        return Received(Verdict.NEW)

    def answered(self, peer: Peer, sequence: int, datagram: bytes, answer: bytes | None, now: float) -> bool:
        """A request was carried out.

        Args:
            peer: that sent it.
            sequence: of the request.
            datagram: the request's octets.
            answer: to keep; None: it gets none, and counts as new if it comes again.
            now: the time.

        Returns:
            Whether the answer is to be sent: not if another request has taken the number since.
        """
        key = (peer, sequence)
        known = self._known.get(key)
        if known is None or known.answer is not None or known.octets != hash(datagram):
            return False
        self._in_progress -= 1
        if answer is None:
            del self._known[key]
            return False
        known.answer = answer
        self._kept.append((now + self._keep, key, known))
        self._expire(now)
        return True

    def _expire(self, now: float) -> None:
        kept = self._kept
        while kept and (kept[0][0] <= now or len(kept) > self._most_answers):
            _, key, known = kept.popleft()
            if self._known.get(key) is known:
                del self._known[key]
