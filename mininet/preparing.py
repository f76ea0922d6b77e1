"""Intents are applied, hosts are known, switches report: what a lab about congestion begins with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from control import in_sync
from processes import Ended
from scene import Scene

__all__ = ["prepare"]

PATIENCE_S = 60.0
"""On a machine that has other things to do."""


def prepare(scene: Scene, intents: Path, receiver: str, directed_links: int) -> None:
    """Apply intents, and wait until all is as it should be.

    Args:
        scene: the running lab.
        intents: what to apply.
        receiver: the host that all others send to.
        directed_links: how many there are.

    Raises:
        Ended: that does not come.
    """

    def until(path: str, ready: Callable[[Any], bool], otherwise: str) -> None:
        if not ready(scene.controller.wait_until(path, ready, PATIENCE_S)):
            raise Ended(f"{otherwise} after {PATIENCE_S:.0f} s")

    scene.controller.command("apply", "-f", str(intents))
    until("/api/v1/links", lambda found: len(found["items"]) == directed_links, "links are missing")
    until("/api/v1/switches", in_sync, "not all switches hold what is desired")
    # All at once: a host at another leaf is routed to when it has said something.
    address = str(scene.plan[receiver].ipv4.ip)
    peers = {
        host.name: address if host.name != receiver else str(scene.net["h1"].IP()) for host in scene.plan
    }
    asked = {host: ("ping", peer, "--seconds", PATIENCE_S) for host, peer in peers.items()}
    for host, answers in scene.ask_all(asked, seconds=2 * PATIENCE_S).items():
        if answers[peers[host]] is None:
            raise Ended(f"{host} does not reach {peers[host]}")
    until(
        "/api/v1/telemetry",
        lambda found: all(one["heardAt"] is not None for one in found["switches"]),
        "not all switches report",
    )
