"""The server's life: it binds, serves and ends. Must not know what it serves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

import grpc
from finsy.proto import gnmi_grpc, p4i, p4r
from google.protobuf import text_format

from p4fabric.softswitch.engine.api import Engine, EngineOptions
from p4fabric.softswitch.engine.coverage import recorder
from p4fabric.softswitch.gnmi.service import GnmiService
from p4fabric.softswitch.server.capture_log import CaptureLog
from p4fabric.softswitch.server.claims import Claims
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.front_panel import FrontPanel
from p4fabric.softswitch.server.limits import GRPC_OPTIONS, MOST_CALLS
from p4fabric.softswitch.server.listen import ListenAddress
from p4fabric.softswitch.server.pipeline import Pipelines
from p4fabric.softswitch.server.port_changes import PortChanges
from p4fabric.softswitch.server.port_log import PortLog
from p4fabric.softswitch.server.ports import HIGHEST_PORT, BadOption, Ports
from p4fabric.softswitch.server.reporting import Reporting, collector_address
from p4fabric.softswitch.server.rpc import GuardedServer
from p4fabric.softswitch.server.service import P4RuntimeService
from p4fabric.softswitch.server.tasks import run_to_end
from p4fabric.softswitch.tracing.follow import Traced, TraceService

GRACE = 0.3
"""Seconds for RPCs to end when the server stops."""


@dataclass(frozen=True, slots=True)
class Tls:
    """Files in PEM; with an `authority` clients must show a certificate that it has signed."""

    certificate: Path
    private_key: Path
    authority: Path | None = None

    def credentials(self) -> grpc.ServerCredentials:
        """`BadOption` names the file that cannot be read."""
        try:
            pair = (self.private_key.read_bytes(), self.certificate.read_bytes())
            authority = self.authority.read_bytes() if self.authority else None
        except OSError as error:
            raise BadOption(f"TLS: {error.filename}: {error.strerror}") from None
        self._check()
        return grpc.ssl_server_credentials([pair], authority, authority is not None)

    def _check(self) -> None:
        """gRPC only logs what is wrong with its files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(self.certificate, self.private_key)
        except ssl.SSLError as error:
            raise BadOption(
                f"TLS: {self.certificate} and {self.private_key} are no certificate and its key: {error}"
            ) from None
        if self.authority is not None:
            try:
                context.load_verify_locations(self.authority)
            except ssl.SSLError as error:
                raise BadOption(f"TLS: {self.authority} is no certificate: {error}") from None


@dataclass(frozen=True, slots=True)
class SwitchOptions:
    """What a switch is made of. `listen` is HOST:PORT (port 0 takes a free one) or unix:PATH. Where other
    machines can reach it, `tls` with an authority is needed, or `insecure`: whoever connects may write."""

    device_id: int = 1
    listen: str = "127.0.0.1:9559"
    ports: Ports = field(default_factory=Ports)
    cpu_port: int = 510
    drop_port: int = 511
    config: p4r.ForwardingPipelineConfig | None = None
    tls: Tls | None = None
    insecure: bool = False
    cores: int = 1
    busy_poll_us: int = 0
    notifications: bool = True
    report_to: str | None = None
    """ADDRESS:PORT that the bins of watched queues are sent to by UDP, unless gNMI says otherwise."""
    log_packets: bool = False
    """Trace every packet into the log `p4fabric.softswitch.packets`, at debug; forwarding is slower then."""
    clock: Callable[[], int] | None = None
    """Gives nanoseconds of a clock that is held, and that `settle` is called for; None: the machine's."""


class SoftSwitchServer:
    """A switch that serves P4Runtime and gNMI from `start` (or `async with`) to `stop`."""

    def __init__(self, options: SwitchOptions) -> None:
        self.options = options
        self._port_changes = PortChanges()
        self._panel = FrontPanel(
            options.ports,
            self._port_changes,
            reporting=Reporting(collector=options.report_to or ""),
            node=options.device_id,
        )
        self._claims = Claims()
        self._pipelines = Pipelines(
            self._panel,
            EngineOptions(
                cpu_port=options.cpu_port,
                drop_port=options.drop_port,
                cores=options.cores,
                busy_poll_us=options.busy_poll_us,
                name=f"p4switch{options.device_id}",
                clock=options.clock,
            ),
        )
        self._service: P4RuntimeService | None = None
        self._server: grpc.aio.Server | None = None
        self._listen = ListenAddress.parse(options.listen)
        self._port = 0
        self._traces: TraceService | None = None
        self._captured = CaptureLog(self._panel.captures)
        self._watches: list[asyncio.Task[None]] = []

    @property
    def address(self) -> str:
        """Where it listens, as gRPC's clients take it: HOST:PORT or unix:PATH."""
        return self._listen.with_port(self._port)

    @property
    def engine(self) -> Engine:
        """The running engine, for figures and for memory ports; `RuntimeError` before a pipeline runs."""
        engine = self.running_engine
        if engine is None:
            raise RuntimeError("no forwarding pipeline runs yet")
        return engine

    @property
    def running_engine(self) -> Engine | None:
        """The same; None before a pipeline runs."""
        running = self._pipelines.running
        return running.engine if running is not None else None

    def _traced(self) -> Traced | None:
        running = self._pipelines.running
        if running is None:
            return None
        return Traced(running.engine, running.device_config, running.config.p4info)

    @property
    def config(self) -> p4r.ForwardingPipelineConfig | None:
        """The running pipeline."""
        running = self._pipelines.running
        return running.config if running is not None else None

    # What the process that runs the switch asks of it itself, without being a client.

    def listen(self, listener: Callable[[p4r.StreamMessageResponse], object]) -> None:
        """Tell also this listener, on the event loop, what primaries are told."""
        self._serving.listeners.append(listener)

    async def write(self, updates: Sequence[p4r.Update]) -> None:
        """Carry out all updates or none. `Refusal` says which is refused, and why."""
        await self._serving.write_all(updates)

    async def replace(self, config: p4r.ForwardingPipelineConfig) -> Refusal | None:
        """Run another pipeline with all that the running one holds; where it cannot hold that, with nothing:
        the result says why. `Refusal`: it cannot be run, and nothing has changed."""
        return await self._serving.replace(config)

    async def read(self, requests: Sequence[p4r.Entity]) -> list[p4r.Entity]:
        """What the requests select. `Refusal` says which is refused, and why."""
        return await self._serving.read_all(requests)

    async def packet_out(self, packet: p4r.PacketOut) -> None:
        """Send a packet. `Refusal` says why it cannot be sent."""
        self._serving.send(packet)

    async def due_ns(self) -> int | None:
        """When a held clock sets something off in the server; None: never."""
        return self._serving.due_ns()

    async def settle(self, to_ns: int) -> None:
        """A held clock has gone on to a time: do all that is due.

        Raises:
            TimeoutError: the program recirculates packets without end.
        """
        engine = self.running_engine
        if engine is not None:
            await asyncio.to_thread(engine.advance, to_ns)
        await self._serving.settle()

    @property
    def _serving(self) -> P4RuntimeService:
        if self._service is None:
            raise RuntimeError("the switch does not run")
        return self._service

    async def start(self) -> None:
        """Check the ports, load the pipeline if one is given, and listen.

        Raises:
            BadOption: an option is wrong or cannot be had: an interface, the address, a TLS file.
            Refusal: the pipeline cannot be run.
        """
        options = self.options
        if not 0 <= options.device_id < 1 << 64:
            raise BadOption(f"device id {options.device_id} is not in 0..2^64-1")
        for name, number in (("CPU", options.cpu_port), ("drop", options.drop_port)):
            if not 0 <= number <= HIGHEST_PORT:
                raise BadOption(f"{name} port {number} is not in 0..{HIGHEST_PORT}")
        if options.cpu_port == options.drop_port:
            raise BadOption(f"port {options.cpu_port} cannot be both the CPU port and the drop port")
        if options.cpu_port in options.ports.interfaces:
            raise BadOption(f"port {options.cpu_port} is the CPU port")
        options.ports.check(options.drop_port)
        if options.report_to is not None:
            collector_address(options.report_to)
        self._claims.claim(options.ports)
        try:
            self._port_changes.start()
            self._service = P4RuntimeService(
                options.device_id,
                self._pipelines,
                notifications=options.notifications,
                clock=options.clock,
            )
            self._server = self._bind()
            if options.config is not None:
                await self._service.load(options.config)
            guarded = GuardedServer(self._server)
            self._service.join(guarded)
            self._traces = TraceService(self._traced, log_packets=options.log_packets)
            self._traces.join(guarded)
            gnmi = GnmiService(self._panel, self._port_changes, self._service.in_state)
            gnmi_grpc.add_gNMIServicer_to_server(gnmi, guarded)
            await self._server.start()
            self._traces.start()
            self._watches.append(asyncio.create_task(PortLog(self._panel.figures).run()))
            if options.ports.pcap is not None:
                self._watches.append(asyncio.create_task(self._captured.run()))
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End every RPC, then the engine, even when cancelled meanwhile. Idempotent."""
        await run_to_end(self._stop())

    async def _stop(self) -> None:
        watches, self._watches = self._watches, []
        for watch in watches:
            watch.cancel()
        await asyncio.gather(*watches, return_exceptions=True)
        server, self._server = self._server, None
        if server is not None:
            await server.stop(GRACE)
        traces, self._traces = self._traces, None
        if traces is not None:
            await traces.close()
        service, self._service = self._service, None
        if service is not None:
            await asyncio.sleep(0)
            self._captured.end()
            await service.close()
        self._port_changes.close()
        self._claims.release()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    def _bind(self) -> grpc.aio.Server:
        listen, tls = self._listen, self.options.tls
        listen.check_open(
            tls=tls is not None,
            authority=tls is not None and tls.authority is not None,
            insecure=self.options.insecure,
        )
        credentials = tls.credentials() if tls is not None else None
        server = grpc.aio.server(options=GRPC_OPTIONS, maximum_concurrent_rpcs=MOST_CALLS)
        with listen.bindable():
            try:
                if credentials is not None:
                    self._port = server.add_secure_port(listen.text, credentials)
                else:
                    self._port = server.add_insecure_port(listen.text)
            except RuntimeError:
                self._port = 0
        if not self._port:
            reason = "may this user make a socket there?" if listen.path else "is the port in use?"
            raise BadOption(f"address {listen.text}: cannot listen there; {reason}")
        return server


def read_config(p4info: Path, device_config: Path) -> p4r.ForwardingPipelineConfig:
    """A pipeline from files: P4Info as text or binary protobuf, and the bmv2 JSON.

    Raises:
        BadOption: a file cannot be read, or is not a P4Info.
    """
    counting = recorder()
    if counting is not None:
        counting.look_in(device_config.parent)
    try:
        blob = device_config.read_bytes()
    except OSError as error:
        raise BadOption(f"{error.filename}: {error.strerror}") from None
    return p4r.ForwardingPipelineConfig(p4info=read_p4info(p4info), p4_device_config=blob)


def read_p4info(path: Path) -> p4i.P4Info:
    """A P4Info from its file; `BadOption` as above."""
    try:
        return text_format.Parse(path.read_bytes(), p4i.P4Info())
    except OSError as error:
        raise BadOption(f"{error.filename}: {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadOption(f"{path} is not a text-format P4Info: {error}") from None


__all__ = ["BadOption", "Refusal", "SoftSwitchServer", "SwitchOptions", "Tls", "read_config", "read_p4info"]
