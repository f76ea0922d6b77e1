"""A switch in an asyncio program: `async with AsyncSoftSwitch(interfaces={1: "veth1"}) as switch: ...`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Self

from finsy.proto import p4i, p4r

from p4fabric.pipelines.p4c import compile_program, is_p4_file
from p4fabric.softswitch.engine.api import Departure
from p4fabric.softswitch.server.ports import BadOption, Ports, QueueLimits, QueueWatch
from p4fabric.softswitch.server.server import SoftSwitchServer, SwitchOptions, Tls, read_config


class AsyncSoftSwitch:
    """A P4Runtime switch in this process, on a free port of 127.0.0.1 unless told otherwise.

    A port without interface (None) is a memory port: `inject` a frame there, `collect` what leaves.
    """

    def __init__(
        self,
        program: str | PathLike[str] | None = None,
        *,
        device_id: int = 1,
        interfaces: Mapping[int, str | None] | None = None,
        queues: Mapping[int, QueueLimits] | None = None,
        watches: Mapping[int, QueueWatch] | None = None,
        report_to: str | None = None,
        cpu_port: int = 510,
        listen: str = "127.0.0.1:0",
        p4info: p4i.P4Info | None = None,
        device_config: bytes = b"",
        tls: Tls | None = None,
        insecure: bool = False,
        log_packets: bool = False,
        pcap: str | PathLike[str] | None = None,
    ) -> None:
        """Make the switch; nothing happens before `async with`. It runs a pipeline at once when it is given
        one: P4 source as `program` (a `.p4`, which is compiled then), or `p4info` and `device_config`.

        `listen` is HOST:PORT or unix:PATH. Whoever connects there may write: where other machines can reach
        it, `tls` with an authority for clients is needed, or `insecure` to accept that.
        `watches` are ports whose queues are kept in bins of a millisecond (`engine.queues.bins`), which are
        sent by UDP to `report_to` (ADDRESS:PORT).
        `pcap` is a folder for pcap files of what each port receives and sends, such as port1_in.pcap.
        `log_packets` traces every packet into the log, `p4fabric.softswitch.packets` at level debug.

        Raises:
            BadOption: `listen` is no address, or `program` no `.p4`.
        """
        if program is not None and not is_p4_file(program):
            raise BadOption(
                f"{program} is no .p4: a device config is given as `device_config`, with `p4info`"
            )
        if program is not None and (p4info is not None or device_config):
            raise ValueError("either `program` or `p4info` and `device_config`")
        self._program = Path(program) if program is not None else None
        config = None
        if p4info is not None:
            config = p4r.ForwardingPipelineConfig(p4info=p4info, p4_device_config=device_config)
        self._options = SwitchOptions(
            device_id=device_id,
            listen=listen,
            ports=Ports(
                dict(interfaces or {}),
                dict(queues or {}),
                pcap=Path(pcap) if pcap is not None else None,
                watches=dict(watches or {}),
            ),
            cpu_port=cpu_port,
            config=config,
            tls=tls,
            insecure=insecure,
            report_to=report_to,
            log_packets=log_packets,
        )
        self._server = SoftSwitchServer(self._options)

    @property
    def address(self) -> str:
        """Where it serves P4Runtime, as gRPC's clients take it: HOST:PORT or unix:PATH."""
        return self._server.address

    def inject(self, port: int, frame: bytes) -> bool:
        """A frame arrives on a memory port; False when there was no room for it."""
        return self._server.engine.inject(port, frame)

    async def collect(self, timeout: float = 10.0, count: int | None = None) -> list[Departure]:
        """What was sent to memory ports, as (port, frame): waits for `count` frames, or until all that was
        injected has been dealt with (None), at most `timeout` seconds."""
        return await asyncio.to_thread(self._server.engine.collect, timeout, count)

    async def __aenter__(self) -> Self:
        """Raises `CompileError` when the program does not compile, and what a start may raise."""
        if self._program is not None:
            made = await asyncio.to_thread(compile_program, self._program)
            config = read_config(made.p4info, made.device_config)
            self._server = SoftSwitchServer(replace(self._options, config=config))
        await self._server.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._server.stop()
