"""What a node keeps, and what a message makes of that. Values only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address

from p4fabric.controller.n4.pfcp import Message
from p4fabric.controller.n4.pfcp.values import NodeId, OuterHeaderCreation, UrrId
from p4fabric.controller.n4.plane import UserPlane
from p4fabric.controller.n4.sessions import Session
from p4fabric.controller.n4.sessions.choices import Stock
from p4fabric.controller.n4.sessions.values import Urr
from p4fabric.controller.n4.usage import UrrAccount

__all__ = ["Association", "Kept", "Prepared"]

_NO_STOCK = Stock()


@dataclass(frozen=True, slots=True)
class Association:
    """An SMF that controls sessions of the node.

    Attributes:
        node_id: how it names itself.
        recovery: its recovery time stamp: another one says that it has lost its sessions.
        since: when it was set up, in seconds since 1970.
    """

    node_id: NodeId
    recovery: int
    since: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A session, the SMF that controls it, and what it comes to in tables.

    Attributes:
        smf: the address of its SMF.
        usage: how far its URRs are, as far as they count.
    """

    smf: IPv4Address
    session: Session
    plane: UserPlane
    usage: Mapping[UrrId, UrrAccount] = field(default_factory=dict)

    @property
    def at_smf(self) -> tuple[IPv4Address, int]:
        """Which session it is at its SMF."""
        return self.smf, self.session.cp.seid

    @property
    def is_watched(self) -> bool:
        """Whether reports may be due without having been asked for, or rules are gone that have counted."""
        if self.plane.retired:
            return True
        return any(self.session.urrs[urr_id].reporting_triggers for urr_id in self.usage)


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a message comes to.

    Attributes:
        response: says so, once that is done; None: nobody asked.
        seid: of the session at the SMF, for the header of the response.
        sessions: as they are now, and as they were; None: there is none.
        associations: likewise, by the SMF's address.
        taken: of the stock.
        released: of the stock.
        left: tunnels on which no more packets follow, which is to be said there.
    """

    response: Message | None
    seid: int | None = None
    sessions: Mapping[int, tuple[Kept | None, Kept | None]] = field(default_factory=dict)
    associations: Mapping[IPv4Address, tuple[Association | None, Association | None]] = field(
        default_factory=dict
    )
    taken: Stock = _NO_STOCK
    released: tuple[Stock, ...] = ()
    left: tuple[OuterHeaderCreation, ...] = ()
    queried: tuple[UrrId, ...] = ()
    """URRs whose usage the response tells."""
    removed_urrs: tuple[Urr, ...] = ()
    """URRs that are gone, and whose last usage the response tells."""
    drops_waiting: bool = False
    """Whether packets of the session that wait are to be dropped."""
    is_armed: bool = False
    """Whether its SMF wants to hear again when packets wait."""
    ended_before: int = 0
    """Sessions that ended because of the same message, and are not among these."""

    @property
    def gone_rules(self) -> Iterator[tuple[int, frozenset[int]]]:
        """Of sessions that stand, the numbers of rules that are in no table any more."""
        for seid, (now, before) in self.sessions.items():
            if now is not None and before is not None:
                yield seid, before.plane.numbers - now.plane.numbers

    @property
    def only_ends(self) -> bool:
        """Whether sessions end by it, and none is made or changed: it cannot fail."""
        return all(now is None for now, _ in self.sessions.values())
