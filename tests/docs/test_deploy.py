"""What `deploy/` ships: units that systemd accepts, services that say when they are ready, a health check."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from p4fabric.controller.config import FabricConfig

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
P4FABRIC = Path(sys.executable).with_name("p4fabric")
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))


@pytest.fixture
def units(tmp_path: Path) -> list[Path]:
    """The units, with the command of this environment instead of /opt/p4fabric's."""
    for unit in UNITS:
        text = unit.read_text()
        assert "ExecStart=/opt/p4fabric/bin/p4fabric " in text
        (tmp_path / unit.name).write_text(text.replace("/opt/p4fabric/bin/p4fabric", str(P4FABRIC)))
    return sorted(tmp_path.glob("*.service"))


def test_systemd_accepts_the_units(units: list[Path]) -> None:
    asked = ["systemd-analyze", "verify", "--man=no", *map(str, units)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    # Other units of the machine that it loads may have faults of their own.
    assert [line for line in done.stderr.splitlines() if "p4fabric" in line] == []


@pytest.mark.parametrize(("name", "exposure"), [("controller", 1.5), ("switch", 2.5), ("buffer", 1.5)])
def test_the_services_are_confined(units: list[Path], name: str, exposure: float) -> None:
    (unit,) = [unit for unit in units if name in unit.name]
    asked = ["systemd-analyze", "security", "--offline=true", f"--threshold={exposure * 10:.0f}", str(unit)]
    done = subprocess.run(asked, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_switch_may_load_the_program_of_af_xdp() -> None:
    filters = re.findall(
        r"^SystemCallFilter=(.+)$", (DEPLOY / "systemd/p4fabric-switch@.service").read_text(), re.M
    )
    allowed = False
    for one in filters:
        words = one.removeprefix("~").split()
        if any("bpf" in _system_calls(word) for word in words):
            allowed = not one.startswith("~")
    assert allowed


def _system_calls(name: str) -> set[str]:
    """Of one of systemd's sets, or itself."""
    if not name.startswith("@"):
        return {name}
    asked = ["systemd-analyze", "syscall-filter", name]
    said = subprocess.run(asked, capture_output=True, text=True, check=True).stdout.splitlines()
    members = [line.strip() for line in said if line.startswith(" ") and not line.strip().startswith("#")]
    return set().union(*(_system_calls(member) for member in members))


@pytest.mark.parametrize("file", ["systemd/fabric.yaml", "compose/fabric.yaml"])
def test_the_configurations_are_valid_and_keep_state_in_the_volume(file: str) -> None:
    config = FabricConfig.load(DEPLOY / file)
    assert config.store.path.parent == config.api.token_file.parent == Path("/var/lib/p4fabric")


def test_the_lab_is_made_of_images_that_the_container_file_builds() -> None:
    containerfile = (DEPLOY / "Containerfile").read_text()
    targets = set(re.findall(r"^FROM \S+ AS (\w+)$", containerfile, re.MULTILINE))
    services = yaml.safe_load((DEPLOY / "compose/compose.yaml").read_text())["services"]
    built = {service["build"]["target"] for service in services.values() if "build" in service}
    assert built == {"switch", "controller", "host"} <= targets
    assert all(service["cap_drop"] == ["ALL"] for service in services.values())
    assert not any(service.get("privileged") for service in services.values())


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[socket.socket]:
    """A service manager's socket, as `NOTIFY_SOCKET` names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(100)
        monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "notify"))
        yield listening


@contextmanager
def _running(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """A service, which is gone afterwards."""
    asked = [str(P4FABRIC), *arguments]
    with subprocess.Popen(
        asked, env={**os.environ, **environment}, stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            yield process
            process.wait(100)
        finally:
            process.kill()


def _healthy(what: str, **environment: str) -> int:
    asked = [sys.executable, str(DEPLOY / "healthcheck.py"), what]
    return subprocess.run(
        asked, env={**os.environ, **environment}, capture_output=True, check=False
    ).returncode


def test_a_switch_is_ready_and_healthy_until_it_is_stopped(manager: socket.socket, tmp_path: Path) -> None:
    address = f"unix:{tmp_path}/s.sock"
    with _running("switch", "run", P4FABRIC_GRPC=address) as switch:
        assert manager.recv(64) == b"READY=1"
        assert _healthy("switch", P4FABRIC_GRPC=address) == 0
        switch.send_signal(signal.SIGTERM)
        assert manager.recv(64) == b"STOPPING=1"
    assert switch.returncode == 0
    assert _healthy("switch", P4FABRIC_GRPC=address) == 1


def test_a_controller_is_ready_and_healthy_until_it_is_stopped(
    manager: socket.socket, tmp_path: Path
) -> None:
    (tmp_path / "fabric.yaml").write_text("switches: []\napi: {listen: '127.0.0.1:0'}\n")
    with _running("controller", "-c", str(tmp_path / "fabric.yaml")) as controller:
        assert manager.recv(64) == b"READY=1"
        assert controller.stdout is not None
        (url,) = re.findall(r"http://\S+?(?=/ui)", controller.stdout.readline())
        assert _healthy("controller", P4FABRIC_API=url) == 0
        controller.send_signal(signal.SIGTERM)
        assert manager.recv(64) == b"STOPPING=1"
    assert controller.returncode == 0
    assert _healthy("controller", P4FABRIC_API=url) == 1


def test_images_are_built_of_what_the_wheel_needs() -> None:
    """Of the links in src/p4fabric none may lead to a folder that `.dockerignore` leaves out."""
    ignored = [
        line for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] not in ("", "#")
    ]
    links = [
        link.resolve().relative_to(ROOT) for link in (ROOT / "src/p4fabric").iterdir() if link.is_symlink()
    ]
    assert [link for link in links if link.parts[0] in ignored] == []
