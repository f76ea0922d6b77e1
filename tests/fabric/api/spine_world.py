"""Two leaves and two spines in this process, with cables that can be cut; each frame's way is known."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from p4fabric.controller.config import FabricConfig
from p4fabric.softswitch import AsyncSoftSwitch

__all__ = ["Cables", "End", "spine_config", "spine_world"]

End = tuple[str, int]
DEVICES = {"leaf1": 1, "leaf2": 2, "spine1": 3, "spine2": 4}
LINKS: Mapping[End, End] = {
    ("leaf1", 1): ("spine1", 1),
    ("leaf1", 2): ("spine2", 1),
    ("leaf2", 1): ("spine1", 2),
    ("leaf2", 2): ("spine2", 2),
}
HOST_PORT = 5
PORTS = range(1, 9)


class Cables:
    """Carries frames from switch to switch, and remembers what passed where."""

    def __init__(self, switches: Mapping[str, AsyncSoftSwitch]) -> None:
        self._switches = switches
        self._far = dict(LINKS) | {far: near for near, far in LINKS.items()}
        self.cut: set[End] = set()
        """Ends of cables that carry nothing."""
        self.left: list[tuple[End, bytes]] = []
        """Frames that left the fabric, oldest first."""
        self._passed: dict[bytes, list[tuple[End, str]]] = {}
        """Of frames with a mark: where they came in, or went out, oldest first."""

    def send(self, at: End, frame: bytes) -> None:
        """A host sends."""
        self._note(at, frame, "in")
        assert self._switches[at[0]].inject(at[1], frame)

    def way(self, mark: bytes) -> list[tuple[str, int, int]]:
        """The switches that the frame with a mark passed, with ports of arrival and departure."""
        ends = self._passed.get(mark, [])
        pairs = zip(ends[::2], ends[1::2], strict=False)
        return [(came[0][0], came[0][1], went[0][1]) for came, went in pairs]

    def _note(self, end: End, frame: bytes, what: str) -> None:
        at = frame.find(b"mark")
        if at >= 0:
            self._passed.setdefault(frame[at : at + 12], []).append((end, what))

    async def carry(self) -> None:
        """Carry frames, for ever."""
        while True:
            for name, switch in self._switches.items():
                try:
                    frames = await switch.collect()
                except RuntimeError:
                    continue  # it has no pipeline yet
                for port, frame in frames:
                    self._note((name, port), frame, "out")
                    far = self._far.get((name, port))
                    if far is None:
                        self.left.append(((name, port), frame))
                    elif not {far, (name, port)} & self.cut:
                        self._note(far, frame, "in")
                        with suppress(RuntimeError):
                            self._switches[far[0]].inject(far[1], frame)
            await asyncio.sleep(0.002)


def spine_config(folder: Path, addresses: Mapping[str, str], **sections: Any) -> FabricConfig:
    """The configuration of a controller for them."""
    switches = [
        {
            "name": name,
            "deviceId": device,
            "address": addresses[name],
            "role": "leaf" if name.startswith("leaf") else "spine",
            "ports": [1, 2],
        }
        for name, device in DEVICES.items()
    ]
    document = {"switches": switches, "api": {"listen": "127.0.0.1:0"}, **sections}
    return FabricConfig.read(document, folder / "fabric.yaml")


@asynccontextmanager
async def spine_world() -> AsyncIterator[tuple[Cables, dict[str, str]]]:
    """The switches while the body runs: cables, and addresses by name."""
    async with AsyncExitStack() as stack:
        switches = {
            name: await stack.enter_async_context(
                AsyncSoftSwitch(device_id=device, interfaces=dict.fromkeys(PORTS))
            )
            for name, device in DEVICES.items()
        }
        yield Cables(switches), {name: switch.address for name, switch in switches.items()}
