"""A switch for tests and scripts, without asyncio: packets in, packets out, tables by their names.

    with SoftSwitch("router.json", "router.p4info.txtpb") as switch:
        switch.write(+P4TableEntry("routes", match=Match(dst="10.0.0.0/8"), action=Action("to_port", port=2)))
        assert switch.send(1, frame) == [(2, frame)]

Entities are finsy's. Must not know how the switch works inside.
"""

from __future__ import annotations

import queue
from collections.abc import Mapping
from contextlib import ExitStack
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Self, SupportsBytes

from anyio.from_thread import BlockingPortal, start_blocking_portal
from finsy import P4Schema
from finsy.p4entity import (
    P4EntityList,
    P4UpdateList,
    decode_entity,
    decode_stream,
    encode_entities,
    encode_updates,
)
from finsy.proto import p4r

from p4fabric.softswitch.clock import VirtualClock
from p4fabric.softswitch.engine.api import Departure, Engine
from p4fabric.softswitch.program import program_files
from p4fabric.softswitch.server.listen import ListenAddress
from p4fabric.softswitch.server.ports import Ports, QueueLimits, QueueWatch
from p4fabric.softswitch.server.server import SoftSwitchServer, SwitchOptions, Tls, read_config

MEMORY_PORTS: Mapping[int, str | None] = dict.fromkeys(range(1, 9))
"""Ports 1 to 8, without interfaces."""
MOST_RECEIVED = 1024
"""Messages that wait for `receive`; more are dropped."""


class SoftSwitch:
    """A P4Runtime switch in this process, from `with` to its end.

    Besides being written and read here, it serves P4Runtime at `address`.
    """

    def __init__(
        self,
        device_config: str | PathLike[str] | None = None,
        p4info: str | PathLike[str] | None = None,
        *,
        interfaces: Mapping[int, str | None] = MEMORY_PORTS,
        queues: Mapping[int, QueueLimits] | None = None,
        watches: Mapping[int, QueueWatch] | None = None,
        report_to: str | None = None,
        device_id: int = 1,
        cpu_port: int = 510,
        listen: str = "127.0.0.1:0",
        tls: Tls | None = None,
        insecure: bool = False,
        log_packets: bool = False,
        pcap: str | PathLike[str] | None = None,
        clock: VirtualClock | None = None,
    ) -> None:
        """Make the switch; nothing happens before `with`.

        Args:
            device_config: the bmv2 JSON that p4c made, or P4 source (`.p4`), which is compiled now; without
                one, a P4Runtime client pushes it.
            p4info: the JSON's P4Info, in text form.
            interfaces: the interface of each port; None is a memory port, for `send` and `collect`.
            queues: rates and depths of ports' egress queues; those of other ports have no limit of rate.
            watches: ports whose queues are kept in bins of a millisecond (`engine.queues.bins`).
            report_to: ADDRESS:PORT that these bins are sent to, by UDP.
            listen: HOST:PORT for P4Runtime, where port 0 takes a free one, or unix:PATH.
            tls: certificates to serve it with.
            insecure: listen where other machines can connect, without mutual TLS: all of them may write.
            pcap: a folder for pcap files of what each port receives and sends, such as port1_in.pcap.
            clock: what its time goes by instead of the machine's clock; it stands still until it is advanced.
            log_packets: trace every packet into the log, `p4fabric.softswitch.packets` at level debug.

        Raises:
            BadOption: a file cannot be read, or `listen` is no address.
            CompileError: the P4 source does not compile.
        """
        config = None
        if device_config is not None:
            files = program_files(Path(device_config), Path(p4info) if p4info is not None else None)
            if files.p4info is None:
                raise ValueError(f"{device_config}: device_config and p4info belong together")
            config = read_config(files.p4info, files.device_config)
        elif p4info is not None:
            raise ValueError(f"{p4info}: device_config and p4info belong together")
        self._options = SwitchOptions(
            device_id=device_id,
            listen=listen,
            ports=Ports(
                dict(interfaces),
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
            clock=(lambda: clock.now_ns) if clock is not None else None,
        )
        self._clock = clock
        ListenAddress.parse(listen)
        self._received: queue.Queue[p4r.StreamMessageResponse] = queue.Queue(MOST_RECEIVED)
        self._stack = ExitStack()
        self._running: tuple[BlockingPortal, SoftSwitchServer] | None = None

    def __enter__(self) -> Self:
        server = SoftSwitchServer(self._options)
        with ExitStack() as stack:
            portal = stack.enter_context(start_blocking_portal(name="softswitch"))
            stack.enter_context(portal.wrap_async_context_manager(server))
            portal.call(server.listen, self._receive)
            self._running = (portal, server)
            self._stack = stack.pop_all()
        if self._clock is not None:
            self._clock.attach(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._clock is not None:
            self._clock.detach(self)
        self._running = None
        self._stack.close()

    @property
    def address(self) -> str:
        """Where it serves P4Runtime, as gRPC's clients take it: HOST:PORT or unix:PATH."""
        return self._parts[1].address

    @property
    def clock(self) -> VirtualClock:
        """The clock that its time goes by.

        Raises:
            RuntimeError: it was given none.
        """
        if self._clock is None:
            raise RuntimeError("the switch goes by the machine's clock: give it clock=VirtualClock()")
        return self._clock

    @property
    def engine(self) -> Engine:
        """What moves packets: figures of ports and queues; `RuntimeError` before a pipeline runs."""
        return self._parts[1].engine

    @property
    def _parts(self) -> tuple[BlockingPortal, SoftSwitchServer]:
        if self._running is None:
            raise RuntimeError("the switch does not run: use it inside `with`")
        return self._running

    @property
    def _schema(self) -> P4Schema:
        config = self._parts[1].config
        if config is None:
            raise RuntimeError("no forwarding pipeline runs yet")
        return P4Schema(config.p4info)

    # --- packets --------------------------------------------------------------------------------

    def send(self, port: int, *frames: SupportsBytes, timeout: float = 10.0) -> list[Departure]:
        """Frames arrive on a memory port one by one; what leaves memory ports then, as (port, frame).

        Waits until all have been dealt with, at most `timeout` seconds; with a virtual clock all arrive at
        its time, and what leaves at that time is returned.

        Raises:
            ValueError: it is no memory port, or a frame is empty or too large, or there are too many.
        """
        self.inject(port, *frames)
        return self.collect(timeout)

    def inject(self, port: int, *frames: SupportsBytes) -> None:
        """Frames arrive on a memory port; see `send`. Waits for nothing."""
        if self._options.ports.interfaces.get(port, "") is not None:
            raise ValueError(f"port {port} is no memory port")
        engine = self.engine
        for frame in frames:
            if not engine.inject(port, bytes(frame)):
                raise ValueError(f"port {port} takes no such frame, or no more at once")

    def collect(self, timeout: float = 10.0, count: int | None = None) -> list[Departure]:
        """What left memory ports, as (port, frame): waits for `count` frames, or until all that was sent has
        been dealt with (None), at most `timeout` seconds.

        With a virtual clock and without `count`: what has left by now.

        Raises:
            TimeoutError: by a virtual clock, a packet is recirculated without end.
        """
        if self._clock is not None and count is None:
            self.move_to(self._clock.now_ns)
        return self.engine.collect(timeout, count)

    # --- what its clock asks --------------------------------------------------------------------

    def due_ns(self) -> int | None:
        """When its clock sets something off in the server: idle timeouts, digests' lists.

        For queues the clock need not stop: each frame leaves at its time.
        """
        portal, server = self._parts
        return portal.call(server.due_ns)

    def move_to(self, ns: int) -> None:
        """Its clock has gone on to a time."""
        portal, server = self._parts
        portal.call(server.settle, ns)

    def queue_due_ns(self) -> int | None:
        """When a queue sends next, by its virtual clock; None: nothing waits."""
        engine = self._parts[1].running_engine
        return engine.due_ns() if engine is not None else None

    def departures(self) -> list[Departure]:
        """What has left memory ports since it was asked, without waiting."""
        engine = self._parts[1].running_engine
        return engine.collect(0, 1 << 32) if engine is not None else []

    # --- P4Runtime ------------------------------------------------------------------------------

    def write(self, *updates: P4UpdateList) -> None:
        """Carry out finsy's entities (`+` inserts, `~` modifies, `-` deletes) and packet-outs, in order.

        Raises:
            Refusal: an update is refused; all that stand in this call are then undone.
        """
        portal, server = self._parts
        batch: list[p4r.Update] = []
        for one in encode_updates(updates, self._schema):
            if isinstance(one, p4r.Update):
                batch.append(one)
            else:
                portal.call(server.write, batch)
                portal.call(server.packet_out, one.packet)
                batch = []
        portal.call(server.write, batch)

    def read(self, *entities: P4EntityList) -> list[Any]:
        """Finsy's entities that these select: `read(P4TableEntry("routes"))` are all routes.

        Raises:
            Refusal: a request is refused.
        """
        portal, server = self._parts
        schema = self._schema
        return [
            decode_entity(one, schema) for one in portal.call(server.read, encode_entities(entities, schema))
        ]

    def receive(self, timeout: float = 10.0) -> Any:
        """What the switch tells its controller next: finsy's `P4PacketIn`, `P4DigestList` or
        `P4IdleTimeoutNotification`.

        Raises:
            TimeoutError: nothing has come.
        """
        try:
            return decode_stream(self._received.get(timeout=timeout), self._schema)
        except queue.Empty:
            raise TimeoutError(f"nothing was received in {timeout} s") from None

    def _receive(self, message: p4r.StreamMessageResponse) -> None:
        if not self._received.full():
            self._received.put_nowait(message)
