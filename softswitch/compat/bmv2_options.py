"""simple_switch_grpc's command line, as its 1.15 has it: what each option means to this switch.

An option that means nothing here is taken, and a note says what to do instead.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

LOG_LEVELS = ("trace", "debug", "info", "warn", "error", "off")
PRIORITIES = 8
DEFAULT_ADDRESS = "0.0.0.0:9559"
_NO_THRIFT = (
    "this switch has no Thrift server; `p4fabric switch tables|read|insert` do what simple_switch_CLI does"
)
_NO_NANOMSG = "this switch sends nothing over nanomsg"
_NOT_HERE = "this switch does not have it"
_NOTES = {
    "thrift_port": _NO_THRIFT,
    "nanolog": f"{_NO_NANOMSG}; the log and `p4fabric switch trace` show each packet",
    "notifications_addr": f"{_NO_NANOMSG}; P4Runtime clients get digests and idle timeouts",
    "debugger": "there is no debugger; `p4fabric switch trace` shows each step of a packet",
    "debugger_addr": "there is no debugger; `p4fabric switch trace` shows each step of a packet",
    "use_files": "no packets are read from files; `p4fabric switch trace PROGRAM --pcap FILE` does",
    "packet_in": f"{_NO_NANOMSG}, and takes no packets from there",
    "restore_state": _NOT_HERE,
    "dump_packet_data": "the log shows each packet's parsed headers; --pcap has all bytes",
    "disable_swap": "a pipeline can always be replaced",
    "dp_grpc_server_addr": f"{_NOT_HERE}; packets go by interfaces, or by SoftSwitch in Python",
    "load_modules": _NOT_HERE,
}


class BadUsage(Exception):
    """The command line is not one of simple_switch_grpc."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise BadUsage(message)


@dataclass(frozen=True, slots=True)
class Bmv2Options:
    """What the options say. `notes` are for the log: options that do nothing here."""

    device_id: int
    interfaces: tuple[str, ...]
    program: Path | None
    pcap: Path | None
    log_console: bool
    log_file: str | None
    log_level: str
    log_file_max_size: int
    log_file_max_files: int
    address: str
    tls: tuple[Path, Path, Path | None] | None
    """Certificate, key, and the authority of clients if they must have a certificate."""
    cpu_port: int | None
    drop_port: int
    without_interfaces: bool
    """Interfaces are not to be opened: packets were to come from somewhere else."""
    notes: tuple[str, ...]


def parse(words: Sequence[str]) -> Bmv2Options:
    """The options from `-i 1@veth1 ... x.json -- --grpc-server-addr ...`.

    Raises:
        BadUsage: an option is not known, or its value is wrong.
        SystemExit: after --help.
    """
    words = [word for word in words if word]
    at = words.index("--") if "--" in words else len(words)
    given, target = _general().parse_args(words[:at]), _target().parse_args(words[at + 1 :])
    notes = [
        f"--{name.replace('_', '-')}: {said}"
        for name, said in _NOTES.items()
        if any(_is_given(getattr(one, name, None)) for one in (given, target))
    ]
    if given.log_console and given.log_file:
        raise BadUsage("--log-console and --log-file are exclusive")
    if given.no_p4 and given.config:
        notes.append(f"{given.config} is ignored: --no-p4 is given")
    if not given.no_p4 and not given.config:
        raise BadUsage("please specify an input JSON configuration file, or --no-p4")
    if target.priority_queues > PRIORITIES:
        notes.append(f"--priority-queues {target.priority_queues}: this switch has {PRIORITIES}")
    if given.pcap is not None and not given.pcap.is_dir():
        raise BadUsage(f"directory '{given.pcap}' specified with '--pcap' does not exist")
    return Bmv2Options(
        device_id=given.device_id,
        interfaces=tuple(given.interface),
        program=Path(given.config) if given.config and not given.no_p4 else None,
        pcap=given.pcap,
        log_console=given.log_console,
        log_file=given.log_file,
        log_level=given.log_level,
        log_file_max_size=given.log_file_max_size,
        log_file_max_files=given.log_file_max_files,
        address=target.grpc_server_addr,
        tls=_tls(target, notes),
        cpu_port=target.cpu_port,
        drop_port=target.drop_port,
        without_interfaces=given.use_files is not None or given.packet_in is not None,
        notes=tuple(notes),
    )


def _tls(target: argparse.Namespace, notes: list[str]) -> tuple[Path, Path, Path | None] | None:
    if not target.grpc_server_ssl:
        if target.grpc_server_cert or target.grpc_server_key or target.grpc_server_cacert:
            notes.append("SSL/TLS is disabled for the gRPC server, so the .pem files are ignored")
        return None
    if target.grpc_server_cert is None or target.grpc_server_key is None:
        raise BadUsage("--grpc-server-ssl needs --grpc-server-cert and --grpc-server-key")
    authority = target.grpc_server_cacert if target.grpc_server_with_client_auth else None
    return target.grpc_server_cert, target.grpc_server_key, authority


def _is_given(value: object) -> bool:
    return value is not None and value is not False


def _positive(text: str) -> int:
    number = int(text)
    if number <= 0:
        raise ValueError
    return number


def _general() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="simple_switch_grpc",
        description="p4fabric's switch, with the options of bmv2's simple_switch_grpc.",
        epilog="Options of the target follow a --: " + _target().format_usage().split("target", 1)[1],
    )
    add = parser.add_argument
    add("-i", "--interface", action="append", default=[], metavar="PORT@INTERFACE")
    add("--pcap", nargs="?", const=Path(), type=Path, metavar="FOLDER", help="capture into NAME_in/out.pcap")
    add("--device-id", type=int, default=0)
    add("--log-console", action="store_true")
    add("--log-file", help="the log, in FILE.txt")
    add("-L", "--log-level", choices=LOG_LEVELS, default="trace")
    add("--log-flush", action="store_true", help="it always is")
    add("--log-file-max-size", type=_positive, default=5 * 1024 * 1024, metavar="BYTES")
    add("--log-file-max-files", type=int, default=3, metavar="COUNT")
    add("--no-p4", action="store_true", help="start without a program")
    add("-v", "--version", action="store_true")
    add("--json-version", action="store_true")
    add("--max-port-count", type=int, help="any number of ports is taken")
    for flag in ("--debugger",):
        add(flag, action="store_true", help="does nothing here")
    for text in ("--nanolog", "--notifications-addr", "--debugger-addr", "--packet-in", "--restore-state"):
        add(text, help="does nothing here")
    for number in ("--thrift-port", "--use-files", "--dump-packet-data"):
        add(number, type=int, help="does nothing here")
    add("config", nargs="?", metavar="PROGRAM", help="a bmv2 JSON, or P4 source (.p4)")
    return parser


def _target() -> argparse.ArgumentParser:
    parser = _Parser(prog="target", add_help=False)
    add = parser.add_argument
    add("--grpc-server-addr", default=DEFAULT_ADDRESS)
    add("--grpc-server-ssl", action="store_true")
    for file in ("--grpc-server-cacert", "--grpc-server-cert", "--grpc-server-key"):
        add(file, type=Path)
    add("--grpc-server-with-client-auth", action="store_true")
    add("--cpu-port", type=_positive)
    add("--drop-port", type=int, default=511)
    add("--priority-queues", type=_positive, default=1)
    for number in ("--max-mc-groups", "--max-l1-entries", "--max-l2-entries"):
        add(number, type=_positive)
    add("--disable-swap", action="store_true")
    add("--dp-grpc-server-addr")
    add("--load-modules")
    return parser
