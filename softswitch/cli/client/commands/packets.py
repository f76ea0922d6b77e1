"""`p4fabric switch packet-out`, and `listen` for packet-ins, digests and idle timeouts.

The switch takes packet-outs from the primary alone, and sends what it has to tell to the primary alone.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import typer
from finsy.proto import p4r

from p4fabric.softswitch.cli.client.complete import of_kinds, of_packet_out
from p4fabric.softswitch.cli.client.options import AsJson, writes
from p4fabric.softswitch.cli.client.show import note, print_json_line, say
from p4fabric.softswitch.client import entries
from p4fabric.softswitch.client.cells import Data
from p4fabric.softswitch.client.errors import BadInput, SwitchFailed
from p4fabric.softswitch.client.names import find
from p4fabric.softswitch.client.program import Program, parse_assignments
from p4fabric.softswitch.client.session import DELETE, INSERT, Stream, Switch
from p4fabric.softswitch.client.target import Target
from p4fabric.softswitch.offline import read_frames
from p4fabric.softswitch.server.ports import BadOption

PACKET_IN, IDLE_TIMEOUT, DIGESTS = "packet-in", "idle-timeout", "digests"
MOST_FRAMES = 10_000
_ERROR_SECONDS = 0.3
"""For the switch to say that it does not take a packet; it says nothing when it does."""


@writes
def packet_out(
    target: Target,
    metadata: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[FIELD=VALUE]…",
            help="Fields of the program's packet_out header; those that are left out are 0.",
            autocompletion=of_packet_out,
        ),
    ] = None,
    frame: Annotated[str | None, typer.Option(help="The packet, in hexadecimal.")] = None,
    pcap: Annotated[Path | None, typer.Option(help="A pcap file: each of its packets.")] = None,
    count: Annotated[int, typer.Option("--count", "-c", min=1, help="Send each so many times.")] = 1,
    wait: Annotated[
        float | None,
        typer.Option("--listen", metavar="SECONDS", min=0.0, help="Then show what comes back, for so long."),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Send packets through the switch, as a controller does.

    For example: p4fabric switch packet-out egress_port=1 --frame ffffffffffff0000000000010800
    """
    try:
        frames = read_frames(pcap, frame.replace(":", "") if frame is not None else None, MOST_FRAMES)
    except BadOption as error:
        raise BadInput(str(error)) from None
    with Switch(target) as switch:
        program = switch.program()
        packet = p4r.PacketOut()
        _set_metadata(program, packet, metadata or [])
        with switch.primary() as stream:
            _check_is_primary(stream, "takes packets")
            for one in frames:
                for _ in range(count):
                    packet.payload = one
                    stream.send(p4r.StreamMessageRequest(packet=packet))
            # A switch says nothing when it has taken a packet, and something when it has not.
            wanted = _wanted(program, []) if wait is not None else set()
            _listen(program, stream, wanted, None, as_json, wait if wait is not None else _ERROR_SECONDS)


@writes
def listen(
    target: Target,
    what: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[packet-in | idle-timeout | digests | DIGEST]…",
            help="Only this; DIGEST is the name of one.",
            autocompletion=of_kinds("digests"),
        ),
    ] = None,
    count: Annotated[int | None, typer.Option("--count", "-c", min=1, help="End after so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Show packet-ins, digests and idle timeouts as they come.

    Digests that the switch does not send yet are asked for, until this ends. The switch tells the primary
    alone, so this is primary while it runs; after another client took its place, it takes it again.
    """
    with Switch(target) as switch:
        program = switch.program()
        wanted = _wanted(program, what or [])
        with switch.primary() as stream, _interrupted():
            _check_is_primary(stream, "hears of packet-ins, digests and idle timeouts")
            with _digests(switch, stream, wanted), suppress(KeyboardInterrupt):
                note("listening")
                _listen(program, stream, wanted, count, as_json)


def _listen(
    program: Program,
    stream: Stream,
    wanted: set[str],
    count: int | None,
    as_json: bool,
    seconds: float | None = None,
) -> None:
    """Show messages: so many, for so long, or until an interrupt."""
    shown = 0
    end = time.monotonic() + seconds if seconds is not None else None
    while count is None or shown < count:
        left = end - time.monotonic() if end is not None else None
        message = stream.try_receive(left) if left is None or left > 0 else None
        if message is None:
            return
        for document, line in _told(program, stream, message, wanted):
            now = datetime.now().astimezone().isoformat(timespec="milliseconds")
            if as_json:
                print_json_line({"time": now, **document})
            else:
                say(f"{now[11:23]} {line}")
            shown += 1
            if shown == count:
                return


def _told(
    program: Program, stream: Stream, message: p4r.StreamMessageResponse, wanted: set[str]
) -> Iterator[tuple[dict[str, Any], str]]:
    match message.WhichOneof("update"):
        case "packet" if PACKET_IN in wanted:
            fields = {one.metadata_id: one.value for one in message.packet.metadata}
            known = [one for one in program.packet_metadata("packet_in") if one.id in fields]
            payload = message.packet.payload
            shown = " ".join(f"{one.name}={one.type.show(fields[one.id])}" for one in known)
            yield (
                {
                    "packet_in": {one.name: one.type.plain(fields[one.id]) for one in known},
                    "payload": payload.hex(),
                },
                f"packet-in {shown} ({len(payload)} bytes) {payload.hex()}",
            )
        case "digest":
            digest = message.digest
            stream.send(
                p4r.StreamMessageRequest(
                    digest_ack=p4r.DigestListAck(digest_id=digest.digest_id, list_id=digest.list_id)
                )
            )
            info = program.by_id("digests", digest.digest_id)
            if info.preamble.name in wanted:
                name = program.short("digests", info.preamble.name)
                data = Data(program, program.schema.digests[info.preamble.name].type_spec, name)
                for one in digest.data:
                    yield (
                        {"digest": info.preamble.name, "data": data.plain(one)},
                        f"digest {name} {data.show(one)}",
                    )
        case "idle_timeout_notification" if IDLE_TIMEOUT in wanted:
            for entry in message.idle_timeout_notification.table_entry:
                table = program.table_by_id(entry.table_id)
                shown = f"idle-timeout {table.short} {entries.show_match(table, entry)}"
                shown += f" --priority {entry.priority}" if entry.priority else ""
                yield {"idle_timeout": entries.plain_entry(program, table, entry)}, shown
        case "arbitration":
            note(stream.follow_arbitration(message.arbitration))
        case "error":
            raise SwitchFailed(f"packet-out: {message.error.message}")


@contextmanager
def _digests(switch: Switch, stream: Stream, wanted: set[str]) -> Iterator[None]:
    """Those that are wanted are sent, and those that were not sent before are not sent afterwards."""
    program = switch.program()
    begun = []
    for name, info in program.objects("digests").items():
        if name not in wanted:
            continue
        request = p4r.Entity()
        request.digest_entry.digest_id = info.preamble.id
        if switch.read(request):
            continue
        entity = p4r.Entity()
        entity.digest_entry.digest_id = info.preamble.id
        config = entity.digest_entry.config
        config.max_list_size, config.max_timeout_ns, config.ack_timeout_ns = 1, 0, entries.NANOSECONDS
        stream.write([(INSERT, entity)], [f"digest {info.preamble.alias}"])
        begun.append(request)
    try:
        yield
    finally:
        stream.write([(DELETE, one) for one in begun], ["digest"] * len(begun))


def _wanted(program: Program, words: Sequence[str]) -> set[str]:
    """`packet-in`, `idle-timeout`, and digests by their whole names."""
    digests = {name: name for name in program.objects("digests")}
    if not words:
        return {PACKET_IN, IDLE_TIMEOUT, *digests}
    found: set[str] = set()
    for word in words:
        if word == DIGESTS:
            found |= set(digests)
        else:
            known = {PACKET_IN: PACKET_IN, IDLE_TIMEOUT: IDLE_TIMEOUT, DIGESTS: DIGESTS, **digests}
            found.add(find(known, word, "message"))
    return found


def _set_metadata(program: Program, packet: p4r.PacketOut, words: Sequence[str]) -> None:
    known = {one.name: one for one in program.packet_metadata("packet_out")}
    if words and not known:
        raise BadInput("the program has no packet_out header (@controller_header), so it takes no fields")
    given = parse_assignments(words, known, "field of packet_out")
    for one in known.values():
        if one.name not in given and one.type.text:
            raise BadInput(f"packet_out: {one.name} is missing: write {one.name}=STRING")
        packet.metadata.add(metadata_id=one.id, value=one.type.encode(given.get(one.name, "0")))


def _check_is_primary(stream: Stream, does: str) -> None:
    if not stream.is_primary:
        raise SwitchFailed(f"only the primary itself {does}: --as-primary cannot be used here")


@contextmanager
def _interrupted() -> Iterator[None]:
    """SIGINT and SIGTERM end what is under way, so that what was begun is ended.

    SIGINT as well: a shell has what it starts in the background ignore it.
    """

    def end(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    before: Any = {number: signal.signal(number, end) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
