"""A kind of intent is one module for its model and one for its meaning; nothing else knows of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from p4fabric.controller.intents import KINDS

MODEL = '''
"""Beacon: a port that is watched closely, with a number of its own."""

from collections.abc import Iterator
from typing import Literal

from p4fabric.controller.intents.document import Claim, IntentDocument, Need, Part
from p4fabric.controller.intents.fields import PortNumber, SwitchLabel


class BeaconSpec(Part):
    switch: SwitchLabel
    port: PortNumber


class Beacon(IntentDocument):
    kind: Literal["Beacon"]
    spec: BeaconSpec

    def claims(self) -> Iterator[Claim]:
        where = f"{self.spec.switch}:{self.spec.port}"
        yield Claim(("beacon", where), "a beacon", "spec.port", where)

    def needs(self) -> Iterator[Need]:
        yield Need("beacon", str(self.key), 7, 8, "numbers of beacons")
'''
MEANING = '''
"""Beacons: a threshold at their ports."""

from p4fabric.controller.compiler.meaning import meaning
from p4fabric.controller.compiler.output import CounterSource, Output
from p4fabric.controller.compiler.view import FabricView
from p4fabric.controller.intents.kinds.beacon import Beacon
from p4fabric.controller.intents.numbers import NumberKey
from p4fabric.controller.names import SwitchName
from p4fabric.pipelines.fabric import bindings as b


@meaning(Beacon)
def beacon(view: FabricView, intent: Beacon) -> Output:
    number = view.numbers.given[NumberKey("beacon", str(intent.key))]
    switch = SwitchName(intent.spec.switch)
    if switch not in view.switches:
        return Output(notes=(f"switch {switch} is not part of the fabric",))
    return Output({switch: (b.CongestionWatch(intent.spec.port, b.Watch(number, 1, 0, 1, 0)),)})
'''
SCRIPT = '''
import json, sys
from importlib.machinery import PathFinder

FOLDERS = {
    "p4fabric.controller.intents.kinds": sys.argv[1],
    "p4fabric.controller.compiler.kinds": sys.argv[2],
}


class AlsoThere:
    """The packages of kinds have modules in another folder, too."""

    @staticmethod
    def find_spec(name, path=None, target=None):
        if name not in FOLDERS:
            return None
        spec = PathFinder.find_spec(name, path)
        spec.submodule_search_locations.append(FOLDERS[name])
        return spec


sys.meta_path.insert(0, AlsoThere)

from p4fabric.controller.api.openapi import describe
from p4fabric.controller.core import Capacity, Core, IntentConflict
from p4fabric.controller.intents import parse_intent
from p4fabric.controller.names import IntentKey, SwitchName, TenantName
from p4fabric.controller.state import Change
from p4fabric.controller.topology.model import Role, Switch
from fastapi import FastAPI

LEAF = SwitchName("leaf1")


def beacon(name, switch="leaf1", port=1):
    document = {"kind": "Beacon", "name": name, "tenant": "acme", "spec": {"switch": switch, "port": port}}
    return parse_intent(document)


def held():
    return sorted(str(entity) for entity in core.compiler.desired(LEAF).values() if "Watch" in str(entity))


found = {}
core = Core(Capacity({}))
core.plan([Change(core.view.switches, LEAF, Switch(LEAF, 1, Role.LEAF))])
one, other = beacon("one"), beacon("other", port=2)
found["outcomes"] = [str(outcome) for outcome in core.plan_apply([one]).outcomes.values()]
try:
    core.plan_apply([beacon("third")])
except IntentConflict as refused:
    found["conflict"] = str(refused)
core.plan_apply([one, other])
found["entries"] = held()
try:
    core.plan_apply([beacon("third", port=3)])
except IntentConflict as refused:
    found["exhausted"] = str(refused)
core.plan_delete([one.key])
found["left"] = held()
core.plan_apply([beacon("other", "leaf9")])
found["notes"] = [note for output in core.compiler.outputs(other.key) for note in output.notes]
app = FastAPI()
app.get("/healthz")(lambda: None)
describe(app)
found["schemas"] = sorted(name for name in app.openapi()["components"]["schemas"] if "Beacon" in name)
print(json.dumps(found))
'''


def test_a_kind_in_two_modules_is_admitted_numbered_compiled_and_described(tmp_path: Path) -> None:
    for folder, module in (("intents", MODEL), ("compiler", MEANING)):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "beacon.py").write_text(module)
    folders = [str(tmp_path / folder) for folder in ("intents", "compiler")]
    ran = subprocess.run([sys.executable, "-c", SCRIPT, *folders], capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    assert json.loads(ran.stdout) == {
        "outcomes": ["created"],
        "entries": [watch(1, 7), watch(2, 8)],
        "conflict": "spec.port leaf1:1 is already a beacon (Beacon/acme/one)",
        "exhausted": "name cannot be accepted: all 2 numbers of beacons are in use",
        "left": [watch(2, 8)],
        "notes": ["switch leaf9 is not part of the fabric"],
        "schemas": ["Beacon", "BeaconSpec"],
    }


def watch(port: int, depth: int) -> str:
    action = f"Watch(depth={depth}, delay=1, window=0, interval=1, tolerance=0)"
    return f"CongestionWatch(egress_port=Port({port}), action={action})"


def test_every_kind_has_its_meaning_and_an_example() -> None:
    from p4fabric.controller.compiler import Compiler
    from p4fabric.controller.compiler.meaning import MEANINGS

    Compiler()
    assert {kind for kind, _ in MEANINGS} == KINDS.keys()
    examples = "".join(path.read_text() for path in Path("examples/intents").glob("*.yaml"))
    assert [kind for kind in KINDS if f"kind: {kind}\n" not in examples] == []
