"""`p4fabric switch info`: what a switch is and runs, and who is primary."""

from __future__ import annotations

from typing import Any

from p4fabric.softswitch.cli.client.options import AsJson, reads
from p4fabric.softswitch.cli.client.show import print_facts, print_json
from p4fabric.softswitch.client.errors import SwitchFailed
from p4fabric.softswitch.client.program import KINDS, Program
from p4fabric.softswitch.client.session import Switch
from p4fabric.softswitch.client.target import Target

_PRIMARY = {0: "none", 5: "none", 6: "another client"}


@reads
def info(target: Target, as_json: AsJson = False) -> None:
    """Show what the switch is, which program it runs, and who is primary."""
    with Switch(target) as switch:
        program = switch.program_or_none()
        document: dict[str, Any] = {
            "address": switch.address,
            "device_id": switch.device_id,
            "p4runtime": switch.version() or None,
            "primary": _primary(switch),
            "gnmi": _gnmi(switch),
            "program": _described(program) if program is not None else None,
        }
    if as_json:
        print_json(document)
        return
    facts: list[tuple[str, object]] = [
        ("address", document["address"]),
        ("device id", document["device_id"]),
        ("P4Runtime", document["p4runtime"] or "of before 1.0"),
        ("primary", document["primary"]),
        ("gNMI", document["gnmi"] or "not served"),
    ]
    if program is None:
        facts.append(("program", "none; `p4fabric switch push` gives it one"))
    else:
        described = document["program"]
        facts.append(("program", described["name"] or "(it has no name)"))
        facts += [(name, described[name]) for name in ("version", "architecture", "cookie")]
        facts += [
            (f"{what}s", described["objects"][kind])
            for kind, what in KINDS.items()
            if described["objects"][kind]
        ]
    print_facts(facts)


def _primary(switch: Switch) -> str:
    """Who is primary of the role: asked without an election id, so that nothing changes."""
    with switch.stream() as stream:
        answer = stream.arbitrate(None)
    found = _PRIMARY.get(answer.status.code, answer.status.message)
    highest = answer.election_id.high << 64 | answer.election_id.low
    if found == "another client":
        return f"a client with election id {highest}"
    return f"{found} (the highest election id so far is {highest})" if highest else found


def _gnmi(switch: Switch) -> str:
    from p4fabric.softswitch.client.gnmi import Gnmi

    try:
        return Gnmi(switch).version()
    except SwitchFailed:
        return ""


def _described(program: Program) -> dict[str, Any]:
    package = program.p4info.pkg_info
    return {
        "name": package.name,
        "version": package.version,
        "architecture": package.arch,
        "cookie": f"{program.cookie:#x}" if program.cookie else None,
        "objects": {kind: len(program.objects(kind)) for kind in KINDS},
    }
