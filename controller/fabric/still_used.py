"""For whom what is drained is the only way, in words. Pure; this module does not know who is drained."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator

from p4fabric.controller.names import IntentKey, SwitchName
from p4fabric.controller.reasons import Code, Reason
from p4fabric.controller.topology.crossings import Crossings
from p4fabric.controller.topology.drain import Drained
from p4fabric.controller.topology.model import Cable, Host

__all__ = ["still_used"]

_NAMED = 5
"""Hosts, networks and pairs of switches that are named."""


def still_used(
    drained: Drained,
    crossings: Crossings,
    hosts_at: Callable[[SwitchName], Iterable[Host]],
    networks_at: Callable[[SwitchName], Collection[IntentKey]],
) -> tuple[Reason, ...]:
    """Why something stays in use though it is drained; none: nobody needs it.

    Args:
        drained: a switch or a link.
        crossings: pairs of switches without another way.
        hosts_at: hosts at ports of a switch.
        networks_at: networks that are open there.
    """
    return (*_of_edge(drained, hosts_at, networks_at), *_of_pairs(drained, crossings))


def _of_edge(
    drained: Drained,
    hosts_at: Callable[[SwitchName], Iterable[Host]],
    networks_at: Callable[[SwitchName], Collection[IntentKey]],
) -> Iterator[Reason]:
    if isinstance(drained, Cable) or not (networks := networks_at(drained)):
        return
    hosts = sorted({_name(host) for host in hosts_at(drained)})
    if hosts:
        text = f"{drained} has {_listed(hosts, 'host', 'hosts')}, which {_have(hosts)} no other way"
    else:
        names = [f"{key.tenant}/{key.name}" for key in sorted(networks)]
        text = (
            f"{_listed(names, 'network', 'networks')} {_are(names)} open at {drained}, and no host was heard"
        )
    yield Reason(Code.NO_OTHER_WAY, text, switch=drained)


def _of_pairs(drained: Drained, crossings: Crossings) -> Iterator[Reason]:
    pairs = crossings.get(drained, ())
    for one, other in pairs[:_NAMED]:
        what = "the link" if isinstance(drained, Cable) else drained
        text = f"there is no other path between {one} and {other}: {what} stays in use"
        yield Reason(Code.NO_OTHER_WAY, text, switch=one)
    if len(pairs) > _NAMED:
        yield Reason(Code.MORE, f"{len(pairs) - _NAMED} more pairs of switches have no other path")


def _name(host: Host) -> str:
    return str(min(host.addresses, key=str)) if host.addresses else str(host.mac)


def _listed(names: Collection[str], one: str, many: str) -> str:
    shown = ", ".join(list(names)[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return f"{one if len(names) == 1 else many} {shown}{more}"


def _have(names: Collection[str]) -> str:
    return "has" if len(names) == 1 else "have"


def _are(names: Collection[str]) -> str:
    return "is" if len(names) == 1 else "are"
