"""`p4fabric switch bench`: how fast a program is on this machine, without interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from p4fabric.pipelines.p4c import CompileError
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.options import Define, Include
from p4fabric.softswitch.engine import NativeEngine
from p4fabric.softswitch.engine.api import BuildError
from p4fabric.softswitch.offline import build_times, offline_engine, read_frames
from p4fabric.softswitch.program import program_files
from p4fabric.softswitch.server.ports import BadOption

MOST_FRAMES = 64
PORTS = range(64)


def bench(
    pipeline: Annotated[Path, typer.Argument(help="P4 source (.p4), or a bmv2 JSON.")],
    p4info: Annotated[
        Path | None, typer.Option(help="P4Info of the JSON, in text format; needed for entries.")
    ] = None,
    entries: Annotated[
        Path | None, typer.Option(help="Entries to write first: a p4.v1.WriteRequest in text format.")
    ] = None,
    pcap: Annotated[Path | None, typer.Option(help=f"The frames, at most {MOST_FRAMES}.")] = None,
    frame: Annotated[str | None, typer.Option(help="One frame, in hexadecimal.")] = None,
    port: Annotated[int, typer.Option(help="Ingress port.", min=0, max=510)] = 1,
    packets: Annotated[int, typer.Option(help="Packets per frame.", min=1)] = 1_000_000,
    include: Include = None,
    define: Define = None,
    rounds: Annotated[int, typer.Option(help="Rounds; the best one counts.", min=1)] = 3,
) -> None:
    """Measure packets/s from memory, on one core, for each frame."""
    try:
        frames = read_frames(pcap, frame, MOST_FRAMES)
        with ends_at_once(130):
            files = program_files(pipeline, p4info, include or [], define or [])
        with offline_engine(files.device_config, files.p4info, entries) as engine:
            cold, warm = build_times(files.device_config.read_bytes())
            typer.echo(f"{pipeline}: built in {cold:.2f} s, loaded again in {warm:.3f} s")
            for number in {*PORTS, port}:
                engine.add_port(number, None, discard=True)
            for number, one in enumerate(frames, 1):
                rate = max(engine.measure(port, [one], packets) for _ in range(rounds))
                typer.echo(
                    f"frame {number} ({len(one)} bytes): {rate:,.0f} packets/s, {_fate(engine, port, one)}"
                )
    except (BadOption, BuildError, CompileError) as error:
        typer.echo(f"p4fabric switch bench: {error}", err=True)
        raise typer.Exit(2) from None


def _fate(engine: NativeEngine, port: int, frame: bytes) -> str:
    """Where one more copy of a frame goes."""
    before = {number: one.tx_packets for number, one in engine.port_stats().items()}
    dropped = engine.stats().drops
    engine.measure(port, [frame], 1)
    out = [number for number, one in engine.port_stats().items() if one.tx_packets != before.get(number, 0)]
    if out:
        return f"leaves by port {', '.join(map(str, out))}"
    why = [reason for reason, count in engine.stats().drops.items() if count != dropped[reason]]
    return f"dropped ({', '.join(why)})" if why else "goes nowhere"
