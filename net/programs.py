"""Gets a switch's program ready: compiles it where it is P4 source, and reads what the compiler made."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from finsy.proto import p4r

from p4fabric.net.entries import Written, updates_of
from p4fabric.net.errors import NetworkFailed
from p4fabric.net.model import NetworkModel, Program
from p4fabric.pipelines.p4c import CompileError, compile_program
from p4fabric.softswitch.client.errors import SwitchFailed
from p4fabric.softswitch.client.program import Program as Names
from p4fabric.softswitch.server.errors import Refusal
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.server import read_config


@dataclass(frozen=True, slots=True)
class Prepared:
    """What a switch is given when it starts."""

    config: p4r.ForwardingPipelineConfig
    updates: Sequence[Written]


def prepare(model: NetworkModel) -> dict[str, Prepared]:
    """The programs and entries of all switches that have one, each program compiled once.

    Raises:
        NetworkFailed: a program cannot be compiled or read.
        TopologyError: entries do not fit their program.
    """
    configs: dict[Program, tuple[p4r.ForwardingPipelineConfig, Names]] = {}
    prepared = {}
    for switch in model.switches.values():
        if switch.program is None:
            continue
        if switch.program not in configs:
            config = compiled(switch.program)
            configs[switch.program] = (config, _names(config))
        config, names = configs[switch.program]
        prepared[switch.name] = Prepared(config, updates_of(switch, names))
    return prepared


def _names(config: p4r.ForwardingPipelineConfig) -> Names:
    try:
        return Names(config.p4info, config.p4_device_config)
    except SwitchFailed as error:
        raise NetworkFailed(str(error)) from None


def compiled(program: Program) -> p4r.ForwardingPipelineConfig:
    """The pipeline that a program is.

    Raises:
        NetworkFailed: it cannot be compiled or read.
    """
    device_config, p4info = program.device_config, program.p4info
    if program.source is not None:
        device_config, p4info = _compile(program.source)
    assert device_config is not None and p4info is not None
    try:
        return read_config(p4info, device_config)
    except (BadOption, Refusal) as error:
        raise NetworkFailed(str(error)) from None


def _compile(source: Path) -> tuple[Path, Path]:
    try:
        made = compile_program(source)
    except CompileError as error:
        raise NetworkFailed(str(error)) from None
    return made.device_config, made.p4info
