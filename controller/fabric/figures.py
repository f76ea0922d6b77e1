"""The fabric at one moment, as metrics and the API ask for it. Reads only; this module changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING

from controller.fabric.switch import FabricSwitch
from controller.fabric.views import SwitchView
from controller.names import IntentKey
from controller.telemetry.congestion import Episode
from controller.telemetry.counters import Count
from controller.telemetry.drop_counts import PointCount
from pipelines.values import Port

if TYPE_CHECKING:
    from controller.fabric.fabric import Fabric

__all__ = ["Figures", "switch_view"]

_FAILURES_SHOWN = 20


class Figures:
    """What metrics ask of a fabric at each scrape."""

    def __init__(self, fabric: Fabric, switches: Collection[FabricSwitch]) -> None:
        """Take the fabric and its switches."""
        self._fabric, self._switches = fabric, switches

    def switch_figures(self) -> Collection[FabricSwitch]:
        """All switches."""
        return self._switches

    def intents_by_state(self) -> Mapping[tuple[str, str], int]:
        """How many intents there are, by kind and state."""
        numbers: dict[tuple[str, str], int] = {}
        for view in self._fabric.intents():
            pair = (view.key.kind, view.status.state.value)
            numbers[pair] = numbers.get(pair, 0) + 1
        return numbers

    def all_counts(self) -> Iterator[tuple[IntentKey, tuple[Count, ...]]]:
        """All intents with counters, as they were read last."""
        for view in self._fabric.intents():
            if counts := self._fabric.last_counters(view.key):
                yield view.key, counts

    def active_congestion(self) -> tuple[Episode, ...]:
        """Episodes that go on."""
        return self._fabric.congestion.active

    def drops(self) -> tuple[PointCount, ...]:
        """What was dropped, by port and reason."""
        return self._fabric.last_drops()

    @property
    def events_lost(self) -> int:
        """By slow subscribers."""
        return self._fabric.bus.lost

    @property
    def events_published(self) -> int:
        """Since the start."""
        return self._fabric.bus.published

    @property
    def links_up(self) -> int:
        """Directions of links."""
        return len(self._fabric.topology.links)

    @property
    def hosts_known(self) -> int:
        """Hosts that were learned."""
        return len(self._fabric.topology.hosts)


def switch_view(switch: FabricSwitch, ports: frozenset[Port] | None) -> SwitchView:
    """A switch with the ports that it has, for people."""
    config, progress = switch.config, switch.progress
    return SwitchView(
        name=switch.name,
        device_id=config.device_id,
        role=config.role,
        target=config.target,
        address=config.address,
        ports=None if ports is None else tuple(sorted(ports)),
        connected=switch.connected,
        state=switch.state,
        held=switch.held,
        in_sync=switch.in_sync,
        desired=switch.desired,
        installed=switch.installed,
        failures=tuple(switch.failures.values())[:_FAILURES_SHOWN],
        refused=switch.refused,
        unknown=progress.unknown if progress is not None else (),
    )
