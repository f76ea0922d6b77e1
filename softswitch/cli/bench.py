"""`p4fabric switch bench`: how fast a program is on this machine, without interfaces."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from softswitch.engine import NativeEngine
from softswitch.engine.api import BuildError
from softswitch.offline import build_times, offline_engine, read_frames
from softswitch.server.ports import BadOption

MOST_FRAMES = 64
PORTS = range(64)


def bench(
    pipeline: Annotated[Path, typer.Argument(help="A bmv2 JSON.")],
    p4info: Annotated[Path | None, typer.Option(help="Its P4Info, in text form; needed for entries.")] = None,
    entries: Annotated[
        Path | None, typer.Option(help="What to write first: a p4.v1.WriteRequest in text form.")
    ] = None,
    pcap: Annotated[Path | None, typer.Option(help=f"The frames, at most {MOST_FRAMES}.")] = None,
    frame: Annotated[str | None, typer.Option(help="One frame, in hexadecimal.")] = None,
    port: Annotated[int, typer.Option(help="Where they arrive.", min=0, max=510)] = 1,
    packets: Annotated[int, typer.Option(help="How many of each frame.", min=1)] = 1_000_000,
    rounds: Annotated[int, typer.Option(help="The best of so many counts.", min=1)] = 3,
) -> None:
    """Measure packets/s from memory, on one core, for each frame."""
    try:
        frames = read_frames(pcap, frame, MOST_FRAMES)
        with offline_engine(pipeline, p4info, entries) as engine:
            cold, warm = build_times(pipeline.read_bytes())
            typer.echo(f"{pipeline}: built in {cold:.2f} s, loaded again in {warm:.3f} s")
            for number in {*PORTS, port}:
                engine.add_port(number, None, discard=True)
            for number, one in enumerate(frames, 1):
                rate = max(engine.measure(port, [one], packets) for _ in range(rounds))
                typer.echo(
                    f"frame {number} ({len(one)} bytes): {rate:,.0f} packets/s, {_fate(engine, port, one)}"
                )
    except (BadOption, BuildError) as error:
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
