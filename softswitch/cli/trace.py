"""`p4fabric switch trace`: what happens to packets, in a running switch or to a file's frames."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Any

import grpc
import typer

from p4fabric.pipelines.p4c import CompileError
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.options import Define, Include
from p4fabric.softswitch.engine import load_config
from p4fabric.softswitch.engine.api import BuildError
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.offline import offline_engine, read_frames
from p4fabric.softswitch.program import program_files
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import read_p4info
from p4fabric.softswitch.tracing.document import trace_document
from p4fabric.softswitch.tracing.follow import follow
from p4fabric.softswitch.tracing.formats import Formats
from p4fabric.softswitch.tracing.text import brief_text, trace_text

MOST_FRAMES = 10_000
PORTS = range(511)
_WAIT = 5.0

FromPort = Annotated[int | None, typer.Option("--port", help="Only packets received on this port.", min=0)]
Source = Annotated[str | None, typer.Option("--src", help="Only packets from this address or prefix.")]
Destination = Annotated[str | None, typer.Option("--dst", help="Only packets to this address or prefix.")]
Protocol = Annotated[int | None, typer.Option(help="Only this IP protocol, such as 6 or 17.", min=0, max=255)]
Count = Annotated[int | None, typer.Option("--count", "-c", help="Exit after this many packets.", min=1)]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object per packet.")]
Authority = Annotated[Path | None, typer.Option("--tls-ca", help="CA certificate for the switch (PEM).")]
Certificate = Annotated[Path | None, typer.Option("--tls-cert", help="Client certificate (PEM).")]
PrivateKey = Annotated[
    Path | None, typer.Option("--tls-key", help="Private key of the client certificate (PEM).")
]


Brief = Annotated[bool, typer.Option("--brief", "-b", help="Only tables, actions and drops, one line each.")]


def trace(
    where: Annotated[
        str,
        typer.Argument(
            metavar="ADDRESS|P4|JSON",
            help="A running switch (HOST:PORT, unix:PATH), P4 source (.p4), or a bmv2 JSON.",
        ),
    ],
    port: FromPort = None,
    src: Source = None,
    dst: Destination = None,
    protocol: Protocol = None,
    count: Count = None,
    as_json: AsJson = False,
    brief: Brief = False,
    pcap: Annotated[Path | None, typer.Option(help="With a file: frames that arrive on --port.")] = None,
    frame: Annotated[str | None, typer.Option(help="With a file: one frame, in hexadecimal.")] = None,
    p4info: Annotated[Path | None, typer.Option(help="P4Info of the JSON, needed for entries.")] = None,
    entries: Annotated[
        Path | None,
        typer.Option(help="With a file: entries to write first, a p4.v1.WriteRequest in text format."),
    ] = None,
    include: Include = None,
    define: Define = None,
    tls_ca: Authority = None,
    tls_cert: Certificate = None,
    tls_key: PrivateKey = None,
) -> None:
    """Trace packets: every parser state, table, action, field change, queue and drop."""
    try:
        wanted = trace_filter(port, src, dst, protocol)
        if brief and as_json:
            raise BadOption("--brief and --json exclude each other")
        if Path(where).is_file() or where.endswith((".json", ".p4")):
            if not Path(where).is_file():
                raise BadOption(f"{where}: no such file")
            frames = read_frames(pcap, frame, MOST_FRAMES)
            with ends_at_once(130):
                files = program_files(Path(where), p4info, include or [], define or [])
            documents = _offline(files.device_config, files.p4info, entries, frames, wanted)
        elif pcap or frame or p4info or entries or include or define:
            raise BadOption(
                f"{where} is no file: --pcap, --frame, --p4info, --entries, -I and -D belong to a program"
            )
        else:
            documents = live(where, wanted, count, (tls_ca, tls_cert, tls_key))
        with ends_at_once():
            show(documents, count, as_json, brief)
    except (BadOption, BuildError, CompileError) as error:
        typer.echo(f"p4fabric switch trace: {error}", err=True)
        raise typer.Exit(2) from None


def trace_filter(port: int | None, src: str | None, dst: str | None, protocol: int | None) -> TraceFilter:
    """What the options say; `BadOption` names the one that says nothing sensible."""
    networks = []
    for name, given in (("--src", src), ("--dst", dst)):
        try:
            networks.append(ip_network(given) if given is not None else None)
        except ValueError as error:
            raise BadOption(f"{name}: {error}") from None
    try:
        return TraceFilter(port, networks[0], networks[1], protocol)
    except ValueError as error:
        raise BadOption(str(error)) from None


def show(
    documents: Iterator[Mapping[str, Any]], count: int | None, as_json: bool, brief: bool = False
) -> None:
    """Print traces as they come, at most `count`."""
    text, shown = brief_text if brief else trace_text, 0
    for document in documents:
        if not document:
            typer.echo("tracing", err=True)
            continue
        typer.echo(json.dumps(document) if as_json else text(document))
        shown += 1
        if shown == count:
            return


@contextmanager
def progress(first: float = 0.5, next_: float = 5.0) -> Iterator[None]:
    """Say on stderr, after `first` seconds and then every `next_`, that there is nothing to see yet."""
    over = threading.Event()

    def tell() -> None:
        begin = time.monotonic()
        wait = first
        while not over.wait(wait):
            wait = next_
            seconds = time.monotonic() - begin
            typer.echo(f"compiling code that traces, {seconds:.0f} s (the first time only)", err=True)

    teller = threading.Thread(target=tell, daemon=True, name="progress")
    teller.start()
    try:
        yield
    finally:
        over.set()
        teller.join()


def live(
    address: str, wanted: TraceFilter, count: int | None, tls: tuple[Path | None, Path | None, Path | None]
) -> Iterator[Mapping[str, Any]]:
    """Of a running switch; `BadOption` says why it cannot be traced."""
    try:
        authority, certificate, key = (one.read_bytes() if one is not None else None for one in tls)
    except OSError as error:
        raise BadOption(f"{error.filename}: {error.strerror}") from None
    if authority is not None:
        secrets = grpc.ssl_channel_credentials(authority, key, certificate)
        channel = grpc.secure_channel(address, secrets)
    else:
        channel = grpc.insecure_channel(address)
    with channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=_WAIT)
            documents = follow(channel, wanted, count)
            with progress():
                begun = next(documents)
            yield begun
            yield from documents
        except grpc.FutureTimeoutError:
            raise BadOption(f"{address}: nobody answers in {_WAIT:.0f} s") from None
        except grpc.RpcError as error:
            said = "it does not trace" if error.code() is grpc.StatusCode.UNIMPLEMENTED else error.details()
            raise BadOption(f"{address}: {said}") from None


def _offline(
    program: Path, p4info: Path | None, entries: Path | None, frames: list[bytes], wanted: TraceFilter
) -> Iterator[Mapping[str, Any]]:
    port = wanted.port if wanted.port is not None else 1
    with ExitStack() as stack:
        with progress():
            engine = stack.enter_context(offline_engine(program, p4info, entries))
            engine.prepare_trace()
        pipeline = load_config(program.read_bytes()).pipeline
        formats = Formats(pipeline, read_p4info(p4info) if p4info is not None else None)
        for number in PORTS:
            if number != engine.options.cpu_port:
                engine.add_port(number, None)
        engine.start_trace(wanted)
        engine.start()
        for one in frames:
            engine.inject(port, one)
            engine.collect(timeout=10.0)
            yield from (trace_document(one, formats) for one in engine.take_traces())
