"""Packets that wait: which tunnels are open, what is kept of each, and when it is sent on or dropped.

Bounded by session, and in all by packets and octets; beyond a bound, what comes last is dropped, so that what
is kept is the beginning, in order. Clocks are given. This module knows no sockets.
"""

from __future__ import annotations

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, StrEnum, auto
from ipaddress import IPv4Address

from p4fabric.buffer.gtpu import Header, read_g_pdu
from p4fabric.buffer.orders import Close, Drop, Forward, Hold, Order, TunnelKey

__all__ = ["Bounds", "Dropped", "Held", "Left"]

_OVERHEAD = 160
"""Octets of memory that a packet needs besides its own."""
_FORWARDED_MOST, _FORWARDED_SECONDS = 1024, 60.0
"""Of a tunnel that was never told to keep anything."""


class Dropped(StrEnum):
    """Why a packet was dropped."""

    STRANGER = "stranger"
    """It is from an address that no tunnel is from."""
    MALFORMED = "malformed"
    """It is no G-PDU: cut short, or another message."""
    UNKNOWN_TUNNEL = "unknownTunnel"
    """No tunnel with this TEID is open."""
    SESSION_FULL = "sessionFull"
    """Its session keeps as many as it may."""
    BUFFER_FULL = "bufferFull"
    """The buffer does, in packets or octets."""
    TOO_OLD = "tooOld"
    ON_REQUEST = "onRequest"
    """The SMF wanted what is kept to be dropped."""
    SESSION_ENDED = "sessionEnded"
    NOT_SENT = "notSent"
    """The system did not take it."""


class Left(Enum):
    """What is still to be sent on."""

    NOTHING = auto()
    SOME = auto()
    NO_ROOM = auto()
    """Some, and the system takes no more for now."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What is kept in all.

    Attributes:
        packets: at most.
        octets: of memory, at most.
    """

    packets: int = 1 << 18
    octets: int = 256 << 20


@dataclass(slots=True)
class _Session:
    packets: int = 0
    tunnels: int = 0


@dataclass(slots=True, eq=False)
class _Tunnel:
    key: TunnelKey
    number: int
    session: _Session
    most: int = _FORWARDED_MOST
    seconds: float = _FORWARDED_SECONDS
    queue: deque[tuple[float, bytes]] = field(default_factory=deque)
    """When packets came, and they."""
    header: Header | None = None
    """Of packets that are sent on; None: they are kept."""
    gnb: str = ""
    is_armed: bool = False
    """Whether the controller is told of the next packet."""
    last: float = 0.0
    quiet: float = 0.0
    patient_until: float = 0.0
    told: int = 0
    """When it was told last, in turns of telling all."""


class Held:
    """What is kept, and the tunnels that it comes from."""

    def __init__(
        self,
        bounds: Bounds,
        send: Callable[[bytes, str], bool],
        arrived: Callable[[TunnelKey], None],
        ready: Callable[[TunnelKey], None],
    ) -> None:
        """Make it without tunnels.

        Args:
            bounds: in all.
            send: sends a G-PDU to a gNB; False: not now. May raise OSError: it is not sent at all.
            arrived: told of tunnels that keep packets.
            ready: told of tunnels that have sent on all that they kept.
        """
        self._bounds, self._send = bounds, send
        self._arrived, self._ready = arrived, ready
        self._by_n3: dict[str, dict[int, _Tunnel]] = {}
        self._sessions: dict[tuple[IPv4Address, int], _Session] = {}
        self._keeping: dict[_Tunnel, None] = {}
        """Those with packets that are to wait."""
        self._draining: OrderedDict[_Tunnel, None] = OrderedDict()
        """Those with packets that are to be sent on; whose turn is next comes first."""
        self._settling: dict[_Tunnel, None] = {}
        """Those that the controller waits for."""
        self._ending: dict[_Tunnel, float] = {}
        """Those that are closed, and when they are gone."""
        self._turn = 0
        self.packets = self.octets = self.kept = self.sent = 0
        """Kept now, and since the beginning: packets that were kept, and that were sent on."""
        self.dropped: Counter[Dropped] = Counter()

    # The controller's orders.

    def begin(self) -> None:
        """The controller is going to tell all tunnels."""
        self._turn += 1

    def whole(self) -> None:
        """It has told all of them; others end."""
        for tunnels in list(self._by_n3.values()):
            for tunnel in list(tunnels.values()):
                if tunnel.told != self._turn and tunnel not in self._ending:
                    self._end(tunnel)

    def apply(self, order: Order, now: float) -> None:
        """Carry out an order."""
        match order:
            case Hold():
                self._hold(order)
            case Forward():
                self._forward(order, now)
            case Drop():
                tunnel = self._tunnel(order.tunnel)
                if tunnel is not None:
                    self._empty(tunnel, Dropped.ON_REQUEST)
                    tunnel.is_armed = True
            case Close():
                tunnel = self._tunnel(order.tunnel)
                if tunnel is None:
                    return
                self._settling.pop(tunnel, None)
                if order.linger and tunnel.header is not None:
                    self._ending[tunnel] = now + order.linger
                else:
                    self._end(tunnel)

    def _hold(self, order: Hold) -> None:
        tunnel = self._opened(order.tunnel, order.session)
        tunnel.most, tunnel.seconds, tunnel.header = order.most, order.seconds, None
        self._draining.pop(tunnel, None)
        self._settling.pop(tunnel, None)
        tunnel.is_armed = not tunnel.queue
        if tunnel.queue:
            self._keeping[tunnel] = None
            self._arrived(tunnel.key)

    def _forward(self, order: Forward, now: float) -> None:
        tunnel = self._tunnel(order.tunnel) or self._opened(order.tunnel, 0)
        tunnel.told = self._turn
        tunnel.header, tunnel.gnb = Header(order.teid, order.qfi), str(order.gnb)
        tunnel.quiet, tunnel.patient_until, tunnel.last = order.quiet, now + order.patience, now
        self._keeping.pop(tunnel, None)
        self._settling[tunnel] = None
        if tunnel.queue:
            self._draining[tunnel] = None

    def _tunnel(self, key: TunnelKey) -> _Tunnel | None:
        return self._by_n3.get(str(key.n3), {}).get(key.teid)

    def _opened(self, key: TunnelKey, number: int) -> _Tunnel:
        tunnel = self._tunnel(key)
        if tunnel is not None and tunnel.number != number:
            self._end(tunnel)
            tunnel = None
        if tunnel is None:
            session = self._sessions.setdefault((key.n3, number), _Session())
            session.tunnels += 1
            tunnel = _Tunnel(key, number, session)
            self._by_n3.setdefault(str(key.n3), {})[key.teid] = tunnel
        self._ending.pop(tunnel, None)
        tunnel.told = self._turn
        return tunnel

    def _end(self, tunnel: _Tunnel) -> None:
        self._empty(tunnel, Dropped.SESSION_ENDED)
        self._settling.pop(tunnel, None)
        self._ending.pop(tunnel, None)
        n3 = str(tunnel.key.n3)
        tunnels = self._by_n3[n3]
        del tunnels[tunnel.key.teid]
        if not tunnels:
            del self._by_n3[n3]
        tunnel.session.tunnels -= 1
        if not tunnel.session.tunnels:
            del self._sessions[tunnel.key.n3, tunnel.number]

    def _empty(self, tunnel: _Tunnel, why: Dropped) -> None:
        self.dropped[why] += len(tunnel.queue)
        while tunnel.queue:
            self._took(tunnel)
        self._keeping.pop(tunnel, None)
        self._draining.pop(tunnel, None)

    # Packets.

    def received(self, n3: str, message: memoryview, now: float) -> None:
        """A datagram came from an address; it is kept, sent on or dropped."""
        tunnels = self._by_n3.get(n3)
        if tunnels is None:
            self.dropped[Dropped.STRANGER] += 1
            return
        found = read_g_pdu(message)
        if found is None:
            self.dropped[Dropped.MALFORMED] += 1
            return
        teid, start = found
        tunnel = tunnels.get(teid)
        if tunnel is None:
            self.dropped[Dropped.UNKNOWN_TUNNEL] += 1
            return
        packet = bytes(message[start:])
        tunnel.last = now
        # What comes while others wait is sent behind them.
        if tunnel.header is None or tunnel.queue or not self._sent(tunnel, packet):
            self._keep(tunnel, packet, now)

    def _keep(self, tunnel: _Tunnel, packet: bytes, now: float) -> None:
        size, session = len(packet) + _OVERHEAD, tunnel.session
        if session.packets >= tunnel.most:
            self.dropped[Dropped.SESSION_FULL] += 1
            return
        if self.packets >= self._bounds.packets or self.octets + size > self._bounds.octets:
            self.dropped[Dropped.BUFFER_FULL] += 1
            return
        tunnel.queue.append((now, packet))
        session.packets += 1
        self.packets += 1
        self.octets += size
        self.kept += 1
        if tunnel.header is not None:
            self._draining[tunnel] = None
            return
        self._keeping[tunnel] = None
        if tunnel.is_armed:
            tunnel.is_armed = False
            self._arrived(tunnel.key)

    def _took(self, tunnel: _Tunnel) -> None:
        """The first packet of a tunnel is kept no more."""
        _, packet = tunnel.queue.popleft()
        tunnel.session.packets -= 1
        self.packets -= 1
        self.octets -= len(packet) + _OVERHEAD

    def _sent(self, tunnel: _Tunnel, packet: bytes) -> bool:
        assert tunnel.header is not None
        try:
            is_sent = self._send(tunnel.header.before(packet), tunnel.gnb)
        except OSError:
            self.dropped[Dropped.NOT_SENT] += 1
            return True
        self.sent += is_sent
        return is_sent

    def drain(self, of_each: int, in_all: int) -> Left:
        """Send on what is to be sent on, tunnel by tunnel.

        Args:
            of_each: packets of a tunnel at most, until it is the next one's turn.
            in_all: packets at most.
        """
        while self._draining and in_all:
            tunnel = next(iter(self._draining))
            for _ in range(min(of_each, in_all, len(tunnel.queue))):
                if not self._sent(tunnel, tunnel.queue[0][1]):
                    return Left.NO_ROOM
                self._took(tunnel)
                in_all -= 1
            if tunnel.queue:
                self._draining.move_to_end(tunnel)
            else:
                del self._draining[tunnel]
        return Left.SOME if self._draining else Left.NOTHING

    # Time.

    @property
    def is_settling(self) -> bool:
        """Whether `settle` is to be called soon."""
        return bool(self._settling)

    def settle(self, now: float) -> None:
        """Tell what has been sent on."""
        for tunnel in list(self._settling):
            if not tunnel.queue and (now - tunnel.last >= tunnel.quiet or now >= tunnel.patient_until):
                del self._settling[tunnel]
                self._ready(tunnel.key)

    def age(self, now: float) -> None:
        """Drop what is too old, and end what was closed."""
        for tunnel in list(self._keeping):
            while tunnel.queue and now - tunnel.queue[0][0] >= tunnel.seconds:
                self._took(tunnel)
                self.dropped[Dropped.TOO_OLD] += 1
            if not tunnel.queue:
                del self._keeping[tunnel]
        for tunnel, end in list(self._ending.items()):
            if now >= end:
                self._end(tunnel)

    def figures(self) -> Mapping[str, int]:
        """How it is, and what it has done since it began."""
        return {
            "tunnels": sum(len(one) for one in self._by_n3.values()),
            "waiting": len(self._keeping),
            "packets": self.packets,
            "octets": self.octets,
            "kept": self.kept,
            "sent": self.sent,
            **{f"dropped.{why}": count for why, count in self.dropped.items()},
        }
