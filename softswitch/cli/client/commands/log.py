"""`p4fabric switch log`: what happens in a switch, followed from elsewhere.

No protocol serves a switch's log. What can be had of it is: ports that come up and go down (gNMI), primaries
that come and go and programs that are pushed (P4Runtime), and, of the embedded switch, packets (its traces).
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from datetime import datetime
from typing import Annotated, Any

import grpc
import typer
from finsy.proto import p4r

from p4fabric.softswitch.cli.client.options import AsJson, reads
from p4fabric.softswitch.cli.client.show import note, print_json_line, say
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.client.errors import SwitchFailed
from p4fabric.softswitch.client.gnmi import Gnmi, scalar
from p4fabric.softswitch.client.session import Stream, Switch
from p4fabric.softswitch.client.target import Target
from p4fabric.softswitch.engine.trace.events import TraceFilter
from p4fabric.softswitch.tracing.follow import follow
from p4fabric.softswitch.tracing.text import brief_text

Event = dict[str, Any]
"""What happened: `event`, and what is said of it; `text` is for people."""
MOST_WAITING = 10_000
LOOK_SECONDS = 1.0
"""Between two looks at which program runs."""


@reads
def log(
    target: Target,
    packets: Annotated[
        bool,
        typer.Option("--packets", help="Packets, too: tables, actions and drops (embedded switch only)."),
    ] = False,
    count: Annotated[int | None, typer.Option("--count", "-c", min=1, help="End after so many.")] = None,
    as_json: AsJson = False,
) -> None:
    """Follow what happens: ports, primaries, programs, and packets.

    The embedded switch's own log is on its stderr. In full, packets are shown by `p4fabric switch trace`.
    """
    events: queue.Queue[Event | SwitchFailed] = queue.Queue(MOST_WAITING)
    with Switch(target) as switch, switch.stream() as stream:
        switch.program_or_none(brief=True)
        first = _primary(stream.arbitrate(None))
        _begin(events, lambda put: _follow_primaries(stream, put))
        _begin(events, lambda put: _follow_programs(switch, put))
        try:
            gnmi = Gnmi(switch)
            gnmi.version()
            _begin(events, lambda put: _follow_ports(gnmi, put))
        except SwitchFailed:
            note("the switch serves no gNMI: ports are not followed")
        if packets:
            _begin(events, lambda put: _follow_packets(switch, put))
        note(f"following {switch.address}; {first}")
        with ends_at_once():
            _show(events, count, as_json)


def _show(events: queue.Queue[Event | SwitchFailed], count: int | None, as_json: bool) -> None:
    shown = 0
    while count is None or shown < count:
        event = events.get()
        if isinstance(event, SwitchFailed):
            raise event
        time = datetime.now().astimezone().isoformat(timespec="milliseconds")
        text = event.pop("text")
        if as_json:
            print_json_line({"time": time, **event})
        else:
            say(f"{time[11:23]} {text}")
        shown += 1


Put = Callable[[Event], None]


def _begin(events: queue.Queue[Event | SwitchFailed], source: Callable[[Put], None]) -> None:
    def run() -> None:
        try:
            source(events.put)
        except SwitchFailed as failure:
            events.put(failure)

    threading.Thread(target=run, daemon=True, name="log").start()


def _follow_primaries(stream: Stream, put: Put) -> None:
    while True:
        update = stream.receive("arbitration", None).arbitration
        put({"event": "primary", "status": update.status.code, "text": _primary(update)})


def _primary(update: p4r.MasterArbitrationUpdate) -> str:
    highest = update.election_id.high << 64 | update.election_id.low
    if update.status.code == grpc.StatusCode.ALREADY_EXISTS.value[0]:
        return f"primary: a client with election id {highest}"
    return "primary: none"


def _follow_programs(switch: Switch, put: Put) -> None:
    def running() -> tuple[bool, bytes]:
        found = switch.fresh_program()
        return found is not None, found or b""

    before = running()
    over = threading.Event()
    while not over.wait(LOOK_SECONDS):
        now = running()
        if now != before:
            put({"event": "program", "text": "program: another one runs"})
        before = now


def _follow_ports(gnmi: Gnmi, put: Put) -> None:
    try:
        known: dict[str, str] = {}
        synchronized = False
        for response in gnmi.statuses():
            if response.WhichOneof("response") == "sync_response":
                synchronized = True
            for update in response.update.update:
                elements = [*response.update.prefix.elem, *update.path.elem]
                name = next((one.key["name"] for one in elements if "name" in one.key), "?")
                status = str(scalar(update.val))
                if synchronized and known.get(name) != status:
                    put({"event": "port", "port": name, "status": status, "text": f"port {name}: {status}"})
                known[name] = status
    except grpc.RpcError as error:
        note(f"ports are not followed: {error.details()}")


def _follow_packets(switch: Switch, put: Put) -> None:
    try:
        for document in follow(switch.channel, TraceFilter()):
            if not document:
                note("packets are followed")
                continue
            put({"event": "packet", "packet": document, "text": brief_text(document).rstrip()})
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            raise SwitchFailed(
                f"{switch.address}: only the embedded switch shows packets: leave out --packets"
            ) from None
        raise SwitchFailed(f"{switch.address}: packets are not followed: {error.details()}") from None
