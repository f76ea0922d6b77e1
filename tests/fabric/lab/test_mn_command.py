"""`mn --custom mininet/topology.py`: a failure takes down what was made, and nothing of anybody else's.

An exception would make `mn` clean up the whole machine: pings, logs. So each run is in namespaces of its own,
processes and /tmp included, and what must survive runs beside it.
"""

from __future__ import annotations

import shlex
import shutil
import subprocess
from pathlib import Path

import pytest

from .programs import REPOSITORY

pytestmark = pytest.mark.root

BESIDE_OTHERS = """
mount -t tmpfs none /tmp; mount -t sysfs none /sys; ip link set lo up
ping -i 0.5 127.0.0.1 >/dev/null & other=$!
touch /tmp/others.log
cd {folder}
env -u P4FABRIC {environment} mn --custom mininet/topology.py --topo leafspine,spines=1,leaves=2,hosts=1 \
    --switch softswitch --controller none --test none </dev/null
echo "mn: $?"
kill -0 $other && echo "the ping lives"
ls /tmp/others.log
ip -brief link
kill $other
"""


@pytest.mark.parametrize(
    ("command", "reason"),
    [
        pytest.param(None, "mn: the switch `softswitch` needs the command p4fabric", id="not installed"),
        pytest.param("echo broken; exit 3", "mn: leaf1: the switch ended (3)", id="ends at once"),
    ],
)
def test_a_switch_that_cannot_run_ends_mn_and_nothing_else(
    tmp_path: Path, command: str | None, reason: str
) -> None:
    folder = Path("/var/tmp") / f"p4fabric-{tmp_path.name}"  # where the tmpfs over /tmp does not hide it
    try:
        shutil.copytree(REPOSITORY / "mininet", folder / "mininet", ignore=shutil.ignore_patterns("intents"))
        environment = "PATH=/usr/sbin:/usr/bin:/sbin:/bin"
        if command is not None:
            program = folder / "p4fabric"
            program.write_text(f"#!/bin/sh\n{command}\n")
            program.chmod(0o755)
            environment += f" P4FABRIC={shlex.quote(str(program))}"
        script = BESIDE_OTHERS.format(folder=shlex.quote(str(folder)), environment=environment)
        words = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", script)
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    output = done.stdout + done.stderr
    assert reason in output and "mn: 1\n" in output and "Cleaning up" not in output
    assert "the ping lives\n/tmp/others.log\nlo " in done.stdout
    assert done.stdout.count("LOOPBACK") == 1 and "leaf1" not in done.stdout.split("/tmp/others.log")[1]
