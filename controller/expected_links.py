"""The links that a configuration expects between its switches: what they look like, and what cannot be.

Pure. This module knows nothing of files or of links that are there.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import BeforeValidator

from p4fabric.controller.names import PortRef, SwitchName
from p4fabric.controller.topology.model import Cable
from p4fabric.pipelines.values import Port

__all__ = ["HIGHEST_PORT", "ExpectedLink", "check_links"]

HIGHEST_PORT = 509
"""The highest number of a port that may carry links."""
_FORM = "such as [leaf1:31, spine1:2]"


def _link(value: object) -> Cable:
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(f"must be a list of two ports, {_FORM}")
    return Cable.of(_end(value[0]), _end(value[1]))


def _end(text: object) -> PortRef:
    if not isinstance(text, str):
        raise ValueError(f"must be switch:port, written as strings, {_FORM}")
    name, colon, number = text.rpartition(":")
    if not colon or not name or not (number.isascii() and number.isdigit()):
        raise ValueError(f"must be switch:port twice, {_FORM}")
    if not 1 <= int(number) <= HIGHEST_PORT:
        raise ValueError(f"must have port numbers of 1 to {HIGHEST_PORT}")
    return PortRef(SwitchName(name), Port(int(number)))


ExpectedLink = Annotated[Cable, BeforeValidator(_link)]


def check_links(links: Sequence[Cable], switches: Mapping[SwitchName, tuple[Port, ...] | None]) -> None:
    """Check links against the switches, each with the ports that may have links (None: any).

    Raises:
        ValueError: the first link that cannot be, as `links[0] …`.
    """
    taken: dict[PortRef, int] = {}
    for index, link in enumerate(links):
        where = f"links[{index}]"
        if link.one.switch == link.other.switch:
            raise ValueError(f"{where} joins {link.one.switch} to itself")
        for end in (link.one, link.other):
            if end.switch not in switches:
                raise ValueError(f"{where} names {end.switch}, which is none of the switches")
            ports = switches[end.switch]
            if ports is not None and end.port not in ports:
                raise ValueError(f"{where} uses {end}, which is not among the ports of {end.switch}")
            if end in taken:
                raise ValueError(f"{where} uses {end}, which links[{taken[end]}] uses already")
            taken[end] = index
