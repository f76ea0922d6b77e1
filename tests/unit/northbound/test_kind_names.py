"""What people may call a kind of intent at the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from p4fabric.controller.cli.failures import Usage
from p4fabric.controller.cli.kinds import kind_named, kinds_in, kinds_in_order
from p4fabric.controller.intents import KINDS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Network", "Network"), ("network", "Network"), ("networks", "Network"),
        ("firewallpolicy", "FirewallPolicy"), ("FirewallPolicies", "FirewallPolicy"),
        ("policy", "FirewallPolicy"), ("policies", "FirewallPolicy"),
        ("services", "Service"), ("sessions", "UpfSession"), ("upfsession", "UpfSession"),
        ("watches", "TelemetryWatch"), ("watch", "TelemetryWatch"),
        ("net", "Network"), ("fw", "FirewallPolicy"), ("svc", "Service"), ("ue", "UpfSession"),
        ("upf", "Upf"), ("upfs", "Upf"),
    ],
)  # fmt: skip
def test_a_kind_is_known_by_its_name_its_last_word_and_their_plurals(text: str, kind: str) -> None:
    assert kind_named(text) == kind


def test_of_another_name_it_is_said_which_there_are() -> None:
    with pytest.raises(Usage, match=r"'route' is no kind of intent; there are .*Network.*UpfSession"):
        kind_named("route")


def test_they_are_the_controllers_and_referred_to_ones_come_first() -> None:
    kinds = kinds_in_order()
    assert set(kinds) == KINDS.keys()
    assert kinds.index("Network") < min(map(kinds.index, ("FirewallPolicy", "Service", "UpfSession")))


def test_a_module_more_is_a_kind_more(tmp_path: Path) -> None:
    (tmp_path / "__init__.py").write_text("class Not(IntentDocument): ...")
    (tmp_path / "a_mirror.py").write_text(
        "from p4fabric.controller.intents.kinds.tap import Tap\n"
        "class MirrorSpec(Part): ...\nclass PortMirror(IntentDocument): ...\n"
    )
    (tmp_path / "tap.py").write_text("class Tap(IntentDocument):\n    '''No kind of another module.'''\n")
    assert kinds_in(tmp_path) == ("Tap", "PortMirror")


def test_a_last_word_that_two_kinds_share_names_neither(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("p4fabric.controller.cli.kinds.kinds_in_order", lambda: ("PortMirror", "QueueMirror"))
    assert kind_named("queuemirrors") == "QueueMirror"
    with pytest.raises(Usage):
        kind_named("mirror")


def test_no_model_is_imported_to_know_them() -> None:
    script = (
        "import sys; from p4fabric.controller.cli.kinds import kind_named; kind_named('policy');"
        "heavy = ('pydantic', 'p4fabric.controller.intents');"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ran.stdout == "[]\n"
