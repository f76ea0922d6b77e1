"""`p4fabric net`. Exit statuses: 0 it worked, 1 a check or the network failed, 2 a file cannot be used."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

if TYPE_CHECKING:
    from p4fabric.net.model import NetworkModel

app = typer.Typer(
    name="net",
    help="Networks of hosts, P4 switches and links, from one file.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
File = Annotated[
    Path, typer.Argument(help="A topology file: ours, p4lang/tutorials' topology.json, p4-utils' p4app.json.")
]


@app.command()
def run(
    file: File = Path("topology.yaml"),
    check: Annotated[
        Path | None,
        typer.Option(
            metavar="SCRIPT",
            help="Run the checks in this script instead of a prompt, and exit with a verdict.",
        ),
    ] = None,
    pcap: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", help="Write what each port receives and sends to pcap files in this folder."
        ),
    ] = None,
    log_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Folder for the logs of switches, tasks and scripts.")
    ] = None,
    log_packets: Annotated[
        bool,
        typer.Option("--log-packets", help="Log every packet with its tables, actions and drops."),
    ] = False,
) -> None:
    """Run a network, with a prompt."""
    from p4fabric.net.cli.prompt import Prompt
    from p4fabric.net.cli.script import BadScript, read_script
    from p4fabric.net.cli.script import check as judge
    from p4fabric.net.errors import CannotRun, NetworkFailed, TopologyError
    from p4fabric.net.network import Network

    passed = True
    try:
        with _ended_by_signals():
            if check is not None and check.suffix == ".py" and not check.is_file():
                raise BadScript(f"{check}: no such file")
            if check is not None and check.suffix != ".py":
                read_script(check)
            with Network(file, pcap=pcap, logs=log_dir, log_packets=log_packets, say=_note) as network:
                typer.echo(f"{file}: {_size(network.model)}: up")
                if check is not None:
                    passed = judge(network, check, typer.echo)
                else:
                    typer.echo("`help` lists what can be typed; `exit` ends the network")
                    Prompt(network).run()
    except (TopologyError, BadScript) as error:
        _fail(error, 2)
    except (CannotRun, NetworkFailed) as error:
        _fail(error, 1)
    except KeyboardInterrupt:
        typer.echo("interrupted; all is removed", err=True)
        raise typer.Exit(130) from None
    except _Terminated:
        raise typer.Exit(143) from None
    raise typer.Exit(0 if passed else 1)


@app.command()
def check(file: File = Path("topology.yaml")) -> None:
    """Check a topology file, its programs and entries, without running it."""
    from p4fabric.net.errors import NetworkFailed, TopologyError
    from p4fabric.net.programs import prepare
    from p4fabric.net.read.load import load

    try:
        model = load(file)
        prepared = prepare(model)
    except (TopologyError, NetworkFailed) as error:
        _fail(error, 2)
    for note in model.notes:
        _note(note)
    entries = sum(len(one.updates) for one in prepared.values())
    typer.echo(f"{file}: {_size(model)}, {count_of(entries, 'entry', 'entries')}: all right")


@app.command()
def show(file: File = Path("topology.yaml")) -> None:
    """Show what a topology file describes: nodes, addresses, links."""
    from p4fabric.net.cli.shown import addresses_text, links_text, nodes_text
    from p4fabric.net.errors import TopologyError
    from p4fabric.net.read.load import load

    try:
        model = load(file)
    except TopologyError as error:
        _fail(error, 2)
    for note in model.notes:
        _note(note)
    parts = (("nodes", nodes_text(model)), ("links", links_text(model)), ("P4Runtime", addresses_text(model)))
    for name, text in parts:
        typer.echo(f"{name}:")
        for line in text.splitlines():
            typer.echo(f"  {line}")


@app.command()
def program(
    address: Annotated[
        str, typer.Argument(help="Where the switch serves P4Runtime: HOST:PORT or unix:PATH.")
    ],
    file: Annotated[Path, typer.Argument(help="P4 source (.p4), or a bmv2 JSON.")],
    entries: Annotated[
        list[Path] | None,
        typer.Argument(help="P4Runtime's text format, p4lang/tutorials' JSON, simple_switch_CLI's commands."),
    ] = None,
    p4info: Annotated[
        Path | None, typer.Option(help="P4Info of the JSON; by default the file next to it.")
    ] = None,
    device_id: Annotated[int, typer.Option(min=0)] = 1,
) -> None:
    """Push a program to a running switch, and write entries from files."""
    from p4fabric.net.errors import NetworkFailed, TopologyError
    from p4fabric.net.program_switch import program_switch

    try:
        count = program_switch(address, device_id, file, p4info, entries or [])
    except TopologyError as error:
        _fail(error, 2)
    except NetworkFailed as error:
        _fail(error, 1)
    typer.echo(f"{address} runs {file}, {count} entries written")


def _note(text: str) -> None:
    typer.echo(f"note: {text}", err=True)


def _fail(error: Exception, status: int) -> NoReturn:
    typer.echo(f"p4fabric net: {error}", err=True)
    raise typer.Exit(status) from None


class _Terminated(BaseException):
    """SIGTERM or SIGHUP came."""


def _size(model: NetworkModel) -> str:
    return ", ".join(
        (
            count_of(len(model.hosts), "host"),
            count_of(len(model.switches), "switch", "switches"),
            count_of(len(model.links), "link"),
        )
    )


def count_of(number: int, one: str, many: str = "") -> str:
    """`1 switch`, `2 switches`."""
    return f"{number} {one if number == 1 else many or one + 's'}"


@contextmanager
def _ended_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end the network: everything is removed."""

    def interrupt(_number: int, _frame: FrameType | None) -> None:
        raise _Terminated

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
