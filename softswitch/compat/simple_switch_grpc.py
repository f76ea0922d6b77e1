"""The switch under the name and with the options of bmv2's simple_switch_grpc."""

from __future__ import annotations

import asyncio
import logging
import re
import sys
from logging.handlers import RotatingFileHandler
from pathlib import Path

from finsy.proto import p4r

from p4fabric.pipelines.p4c import CompileError
from p4fabric.softswitch.cli.interrupt import ends_at_once
from p4fabric.softswitch.cli.serve import quiet_libraries, serve
from p4fabric.softswitch.compat.bmv2_options import BadUsage, Bmv2Options, parse
from p4fabric.softswitch.program import program_files
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.limits import raise_descriptor_limit
from p4fabric.softswitch.server.listen import ListenAddress
from p4fabric.softswitch.server.ports import HIGHEST_PORT, BadOption, Ports, parse_interfaces
from p4fabric.softswitch.server.server import SwitchOptions, Tls, read_config
from p4fabric.softswitch.server.shapers import with_shapers

VERSION, JSON_VERSION = "1.15.5", "2.23"
"""Of the bmv2 that this takes the place of, for scripts that ask."""
QUEUE_DEPTH = 64
"""Packets, as bmv2 has it."""
_LEVELS = {"trace": "DEBUG", "debug": "DEBUG", "info": "INFO", "warn": "WARNING", "error": "ERROR"}
_FORMAT = "[%(asctime)s.%(msecs)03d] [p4fabric] [%(levelname).1s] %(message)s"
_log = logging.getLogger("p4fabric.softswitch.compat")


def main() -> None:
    """The command; ends with status 1 when it cannot start, as bmv2 does."""
    words = sys.argv[1:]
    if {"-v", "--version"} & set(words):
        print(VERSION)
        return
    if "--json-version" in words:
        print(JSON_VERSION)
        return
    try:
        given = parse(words)
        _log_as(given)
        options = _options(given)
        raise_descriptor_limit()
        asyncio.run(serve(options, lambda server: f"Server listening on {server.address}"))
    except BadUsage as error:
        print(f"Error: {error}", "Usage: simple_switch_grpc [options] <path to JSON config file>",
              sep="\n", file=sys.stderr)  # fmt: skip
        raise SystemExit(1) from None
    except (BadOption, CompileError, Refusal) as error:
        print(f"simple_switch_grpc: {error}", file=sys.stderr)
        raise SystemExit(1) from None


def _options(given: Bmv2Options) -> SwitchOptions:
    """What the switch is made of; notes are logged."""
    for note in given.notes:
        _log.warning("%s", note)
    if not ListenAddress.parse(given.address).is_local:
        _log.warning(
            "whoever can connect to %s may write to this switch, as with bmv2; --grpc-server-addr "
            "127.0.0.1:PORT is for this machine only",
            given.address,
        )
    ports = parse_interfaces(list(given.interfaces))
    interfaces = dict.fromkeys(ports) if given.without_interfaces else ports
    taken = {*interfaces, given.drop_port}
    spare = next(number for number in range(HIGHEST_PORT - 1, -1, -1) if number not in taken)
    return SwitchOptions(
        device_id=given.device_id,
        listen=given.address,
        ports=with_shapers(Ports(interfaces, pcap=given.pcap), QUEUE_DEPTH),
        cpu_port=given.cpu_port if given.cpu_port is not None else spare,
        drop_port=given.drop_port,
        config=_config(given.program) if given.program is not None else None,
        tls=Tls(*given.tls) if given.tls is not None else None,
        insecure=True,
        log_packets=_log.isEnabledFor(logging.DEBUG),
    )


def _config(program: Path) -> p4r.ForwardingPipelineConfig:
    """A JSON runs as it is, without P4Info: a client brings that with its own pipeline."""
    with ends_at_once(130):
        files = program_files(program, None)
    if files.warnings:
        _log.warning("%s", files.warnings)
    if files.p4info is not None:
        return read_config(files.p4info, files.device_config)
    return p4r.ForwardingPipelineConfig(p4_device_config=files.device_config.read_bytes())


def _log_as(given: Bmv2Options) -> None:
    """To the console or a file if that is asked for; else only what is amiss, on stderr."""
    wanted = given.log_console or given.log_file is not None
    handler: logging.Handler
    if given.log_file is not None:
        handler = _file(given.log_file, given.log_file_max_size, given.log_file_max_files)
    else:
        handler = logging.StreamHandler(sys.stdout if given.log_console else sys.stderr)
    handler.setFormatter(logging.Formatter(_FORMAT, "%H:%M:%S"))
    level = _LEVELS.get(given.log_level, "CRITICAL") if wanted else "WARNING"
    logging.basicConfig(level=level, handlers=[handler])
    quiet_libraries()


def _file(name: str, largest: int, most: int) -> logging.Handler:
    """NAME.txt; when it has become too large it is NAME.1.txt."""
    try:
        handler = RotatingFileHandler(f"{name}.txt", maxBytes=largest, backupCount=most)
    except OSError as error:
        raise BadOption(f"--log-file {name}: {error.filename}: {error.strerror}") from None
    handler.namer = lambda path: re.sub(r"\.txt\.(\d+)$", r".\1.txt", path)
    return handler


if __name__ == "__main__":
    main()
