"""Finds the links between switches with signed LLDP frames.

This module knows probes, and when a link is up or down. It must never know what links are for.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable

from controller.names import PortRef, SwitchName
from controller.topology.model import Link
from pipelines.values import Port

__all__ = ["Discovery"]


class Discovery:
    """`run` it in a TaskGroup; feed it packet-ins and connections."""

    def __init__(
        self,
        send: Callable[[PortRef, bytes], Awaitable[None]],
        on_link_up: Callable[[Link], None],
        on_link_down: Callable[[Link, str], None],
        *,
        is_edge: Callable[[PortRef], bool] = lambda port: False,
    ) -> None:
        """Nothing is sent before `run`.

        Args:
            send: puts a frame out of a port; a P4RuntimeError of it is ignored (that probe is lost).
            on_link_up: called for each direction of a link once it is found.
            on_link_down: called with the reason.
            is_edge: ports that tenants use: no probes there, and frames from there are not believed.
        """
        raise NotImplementedError

    def restore(self, links: Iterable[Link]) -> None:
        """Take links as up that were known before a restart; they age like others."""
        raise NotImplementedError

    def switch_connected(self, switch: SwitchName, ports: Collection[Port] | None = None) -> None:
        """Start to probe; without `ports`, ports 1 to 32, silent ones ever more rarely."""
        raise NotImplementedError

    def switch_disconnected(self, switch: SwitchName) -> None:
        """Its links stay for a grace period: the control channel is gone, perhaps not the switch."""
        raise NotImplementedError

    def port_down(self, port: PortRef) -> None:
        """Take the links at a port down at once."""
        raise NotImplementedError

    def received(self, at: PortRef, frame: bytes) -> None:
        """Look at a frame from a switch; anything but a valid probe is ignored."""
        raise NotImplementedError

    async def run(self) -> None:
        """Probe and age for ever. Ends by cancellation only."""
        raise NotImplementedError
