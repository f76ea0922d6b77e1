"""What a controller and a buffer say to each other. Values, and JSON.

The controller sends batches of orders, each with a number; when a batch is carried out, the buffer says so.
Batches from one that `is_first` to one that `is_whole` tell all tunnels that there are: others that were open
before end then. Whatever is not exactly right is refused: then the connection ends.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Address
from typing import Any, NamedTuple, TypeAlias

__all__ = [
    "CONTROL",
    "SERVICE",
    "Batch",
    "Close",
    "Drop",
    "Forward",
    "Hold",
    "News",
    "NotUnderstood",
    "Order",
    "TunnelKey",
    "read_batch",
    "read_news",
]

SERVICE, CONTROL = "p4fabric.Buffer", "Control"
"""Of gRPC: one stream in both directions, whose messages are JSON."""
_HIGHEST_TEID, _HIGHEST_QFI = 0xFFFFFFFF, 0x3F
_MOST_PACKETS, _MOST_SECONDS = 1 << 20, 1 << 20


class NotUnderstood(ValueError):
    """What the other side says is not what is agreed."""


class TunnelKey(NamedTuple):
    """A tunnel that ends at the buffer: the address that packets come from, and their TEID."""

    n3: IPv4Address
    teid: int


@dataclass(frozen=True, slots=True)
class Hold:
    """Keep what comes. When packets are there, or the first one comes, the controller is told once.

    Attributes:
        session: shares its bounds with other tunnels of the same N3 address.
        most: packets of the session.
        seconds: that a packet may wait.
    """

    tunnel: TunnelKey
    session: int
    most: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Forward:
    """Send on what was kept and what comes, in this order, to a gNB.

    When nothing is kept any more, and for `quiet` seconds nothing has come, or `patience` seconds are over,
    the controller is told once; with 0 of both at once.
    """

    tunnel: TunnelKey
    gnb: IPv4Address
    teid: int
    qfi: int
    quiet: float
    patience: float


@dataclass(frozen=True, slots=True)
class Drop:
    """Let go of what is kept; of what comes next, the controller is told again."""

    tunnel: TunnelKey


@dataclass(frozen=True, slots=True)
class Close:
    """The tunnel ends; what it still forwards for `linger` seconds is what was under way."""

    tunnel: TunnelKey
    linger: float


Order: TypeAlias = Hold | Forward | Drop | Close


@dataclass(frozen=True, slots=True)
class Batch:
    """Orders, in their order.

    Attributes:
        number: of the batch, for the answer.
        is_first: whether all tunnels are told from here on.
        is_whole: whether all have been told by now.
    """

    number: int
    orders: tuple[Order, ...]
    is_first: bool = False
    is_whole: bool = False

    def encode(self) -> bytes:
        """As JSON."""
        said = [
            [_NAMES[type(one)], *(_plain(getattr(one, each.name)) for each in fields(one))]
            for one in self.orders
        ]
        document: dict[str, Any] = {"batch": self.number, "orders": said}
        for name, value in (("first", self.is_first), ("whole", self.is_whole)):
            if value:
                document[name] = True
        return json.dumps(document, separators=(",", ":")).encode()


@dataclass(frozen=True, slots=True)
class News:
    """What a buffer tells: batches that are carried out, what came, what is sent on, and figures at times."""

    done: tuple[int, ...] = ()
    arrived: tuple[TunnelKey, ...] = ()
    ready: tuple[TunnelKey, ...] = ()
    figures: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """As JSON."""
        document: dict[str, Any] = {}
        if self.done:
            document["done"] = list(self.done)
        for name, keys in (("arrived", self.arrived), ("ready", self.ready)):
            if keys:
                document[name] = [_plain(one) for one in keys]
        if self.figures:
            document["figures"] = dict(self.figures)
        return json.dumps(document, separators=(",", ":")).encode()


_NAMES: Mapping[type[Order], str] = {Hold: "hold", Forward: "forward", Drop: "drop", Close: "close"}


def read_batch(octets: bytes) -> Batch:
    """Read orders.

    Raises:
        NotUnderstood: they are none.
    """
    document = _object(octets)
    try:
        flags = (document.get(name, False) is True for name in ("first", "whole"))
        orders = tuple(_order(one) for one in document["orders"])
        return Batch(_number(document["batch"]), orders, *flags)
    except (KeyError, TypeError, ValueError) as error:
        raise NotUnderstood(f"no batch of orders: {error!r}") from None


def read_news(octets: bytes) -> News:
    """Read news.

    Raises:
        NotUnderstood: they are none.
    """
    document = _object(octets)
    try:
        return News(
            tuple(_number(one) for one in document.get("done", ())),
            tuple(_tunnel(one) for one in document.get("arrived", ())),
            tuple(_tunnel(one) for one in document.get("ready", ())),
            {str(name): _number(value) for name, value in document.get("figures", {}).items()},
        )
    except (AttributeError, TypeError, ValueError) as error:
        raise NotUnderstood(f"no news: {error!r}") from None


def _object(octets: bytes) -> dict[str, Any]:
    try:
        document = json.loads(octets)
    except ValueError as error:
        raise NotUnderstood(f"no JSON: {error}") from None
    if not isinstance(document, dict):
        raise NotUnderstood("no JSON object")
    return document


def _plain(value: object) -> object:
    if isinstance(value, TunnelKey):
        return [str(value.n3), value.teid]
    return str(value) if isinstance(value, IPv4Address) else value


def _order(told: Sequence[Any]) -> Order:
    match told:
        case ["hold", tunnel, session, most, seconds]:
            return Hold(_tunnel(tunnel), _number(session), _number(most, _MOST_PACKETS), _seconds(seconds))
        case ["forward", tunnel, gnb, teid, qfi, quiet, patience]:
            end = IPv4Address(_text(gnb)), _number(teid, _HIGHEST_TEID), _number(qfi, _HIGHEST_QFI)
            return Forward(_tunnel(tunnel), *end, _seconds(quiet), _seconds(patience))
        case ["drop", tunnel]:
            return Drop(_tunnel(tunnel))
        case ["close", tunnel, linger]:
            return Close(_tunnel(tunnel), _seconds(linger))
        case _:
            raise ValueError(f"no order: {str(told)[:80]}")


def _tunnel(told: Any) -> TunnelKey:
    n3, teid = told
    return TunnelKey(IPv4Address(_text(n3)), _number(teid, _HIGHEST_TEID))


def _text(told: Any) -> str:
    if not isinstance(told, str):  # IPv4Address takes numbers as well.
        raise ValueError(f"no address: {told!r}")
    return told


def _number(told: Any, highest: int = (1 << 64) - 1) -> int:
    if type(told) is not int or not 0 <= told <= highest:
        raise ValueError(f"no number of 0 to {highest}: {told!r}")
    return told


def _seconds(told: Any) -> float:
    if type(told) not in (int, float) or not 0 <= told <= _MOST_SECONDS:
        raise ValueError(f"no seconds: {told!r}")
    return float(told)
