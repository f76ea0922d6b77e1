"""The links of a running network: plugs them in, and has them fail and come back."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from p4fabric.net import wiring
from p4fabric.net.errors import NetworkFailed
from p4fabric.net.hosts import RunningHost
from p4fabric.net.model import End, Link, NetworkModel
from p4fabric.net.namespaces import Namespace


class Links:
    """A network's links, between hosts' namespaces and that of the switches."""

    def __init__(self, model: NetworkModel, hosts: Mapping[str, RunningHost], switches: Namespace) -> None:
        self._model = model
        self._hosts = hosts
        self._switches = switches
        self._carrying: list[tuple[Link, subprocess.Popen[str]]] = []

    def plug(self, make: Callable[[], Namespace]) -> None:
        """Make all of them; `wait_until_carrying` waits for those with delay or loss.

        Args:
            make: makes a namespace for what carries frames over links with delay or loss.
        """
        wires = make() if any(map(_needs_wire, self._model.links)) else None
        for number, link in enumerate(self._model.links):
            places = [self._place(end.node) for end in link.ends]
            if wires is not None and _needs_wire(link):
                middle = [End("wires", number, f"w{number}{side}") for side in "ab"]
                for end, place, inner in zip(link.ends, places, middle, strict=True):
                    place.call(wiring.plug, end, inner, wires.pid)
                    wires.call(wiring.bring_up, inner)
                process = _carry(wires, link, [inner.interface for inner in middle])
                self._carrying.append((link, process))
            else:
                places[0].call(wiring.plug, *link.ends, places[1].pid)
            for end, place in zip(link.ends, places, strict=True):
                place.call(wiring.bring_up, end)
                if end.node in self._hosts:
                    place.call(wiring.limit, end, link)

    def wait_until_carrying(self) -> None:
        """Wait for the processes that carry frames over links with delay or loss.

        Raises:
            NetworkFailed: one has ended.
        """
        for _, process in self._carrying:
            assert process.stdout is not None
            if process.stdout.readline() != "ready\n":
                raise NetworkFailed("a link with delay or loss cannot be made")
            process.stdout.close()

    def cut(self) -> list[Link]:
        """Those with delay or loss whose process has ended by itself: nothing passes any more."""
        return [link for link, process in self._carrying if process.poll() is not None]

    def wait_until_up(self) -> None:
        """Wait for all interfaces.

        Raises:
            NetworkFailed: one does not come up.
        """
        places = {"switches": self._switches} | {one.name: one.namespace for one in self._hosts.values()}
        for name, place in places.items():
            mine = [end for _, end in self._model.interfaces() if self._place(end.node) is place]
            if late := place.call(wiring.wait_until_up, [end.interface for end in mine]):
                raise NetworkFailed(f"{name}: {', '.join(late)} does not come up")

    def set_state(self, node: str, other: str, *, up: bool) -> None:
        """Have all links between two nodes fail, or come back.

        Raises:
            KeyError: there is none.
        """
        found = [link for link in self._model.links if {end.node for end in link.ends} == {node, other}]
        if not found:
            raise KeyError(f"no link between {node} and {other}")
        for link in found:
            # A host that loses only its carrier keeps its routes.
            ends = [end for end in link.ends if end.node not in self._hosts] or list(link.ends)
            for end in ends:
                self._place(end.node).call(wiring.set_state, end.interface, up)
            if up and all(end.node in self._hosts for end in link.ends):
                for end in ends:
                    host = self._hosts[end.node]
                    host.namespace.call(wiring.configure, host.model, host.ends)

    def _place(self, node: str) -> Namespace:
        return self._hosts[node].namespace if node in self._hosts else self._switches


def _needs_wire(link: Link) -> bool:
    return bool(link.delay_s or link.loss)


def _carry(wires: Namespace, link: Link, interfaces: Sequence[str]) -> subprocess.Popen[str]:
    words = [sys.executable, "-m", "p4fabric.net.wire", *interfaces, repr(link.delay_s), repr(link.loss)]
    return wires.popen(
        words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
