"""A switch in an asyncio program: `async with AsyncSoftSwitch(interfaces={1: "veth1"}) as switch: ...`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from types import TracebackType
from typing import Self

from finsy.proto import p4i, p4r

from softswitch.server.ports import Ports, QueueLimits
from softswitch.server.server import SoftSwitchServer, SwitchOptions, Tls


class AsyncSoftSwitch:
    """A P4Runtime switch in this process, on a free port of 127.0.0.1 unless told otherwise.

    A port without interface (None) is a memory port: `inject` a frame there, `collect` what leaves.
    """

    def __init__(
        self,
        *,
        device_id: int = 1,
        interfaces: Mapping[int, str | None] | None = None,
        queues: Mapping[int, QueueLimits] | None = None,
        cpu_port: int = 510,
        listen: str = "127.0.0.1:0",
        p4info: p4i.P4Info | None = None,
        device_config: bytes = b"",
        tls: Tls | None = None,
        insecure: bool = False,
        log_packets: bool = False,
    ) -> None:
        """Make the switch; nothing happens before `async with`. With `p4info` and `device_config` it runs a
        pipeline at once.

        `listen` is HOST:PORT or unix:PATH. Whoever connects there may write: where other machines can reach
        it, `tls` with an authority for clients is needed, or `insecure` to accept that.
        `log_packets` traces every packet into the log, `softswitch.packets` at level debug.

        Raises:
            BadOption: `listen` is no address.
        """
        config = None
        if p4info is not None:
            config = p4r.ForwardingPipelineConfig(p4info=p4info, p4_device_config=device_config)
        self._server = SoftSwitchServer(
            SwitchOptions(
                device_id=device_id,
                listen=listen,
                ports=Ports(dict(interfaces or {}), dict(queues or {})),
                cpu_port=cpu_port,
                config=config,
                tls=tls,
                insecure=insecure,
                log_packets=log_packets,
            )
        )

    @property
    def address(self) -> str:
        """Where it serves P4Runtime, as gRPC's clients take it: HOST:PORT or unix:PATH."""
        return self._server.address

    def inject(self, port: int, frame: bytes) -> bool:
        """A frame arrives on a memory port; False when there was no room for it."""
        return self._server.engine.inject(port, frame)

    async def collect(self, timeout: float = 1.0, count: int | None = None) -> list[tuple[int, bytes]]:
        """What was sent to memory ports, as (port, frame): waits for `count` frames, or until all that was
        injected has been dealt with (None), at most `timeout` seconds."""
        return await asyncio.to_thread(self._server.engine.collect, timeout, count)

    async def __aenter__(self) -> Self:
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()
