"""A controller in a process of its own, as `p4fabric controller` runs it, of one switch."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml

__all__ = ["running_controller"]


@contextmanager
def running_controller(folder: Path, switch: str) -> Iterator[tuple[str, str]]:
    """Run one, of a leaf at an address; its URL and token."""
    leaf = {"name": "leaf1", "deviceId": 1, "address": switch, "role": "leaf"}
    path = folder / "fabric.yaml"
    path.write_text(yaml.safe_dump({"switches": [leaf], "api": {"listen": "127.0.0.1:0"}}))
    main = "from p4fabric.controller.cli.main import main; main()"
    with (folder / "log").open("w") as log:
        command = (sys.executable, "-c", main, "controller", "-c", str(path))
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True)
    assert process.stdout is not None
    try:
        said = re.search(r"http://[^/ ]+", process.stdout.readline())
        assert said is not None, (folder / "log").read_text()
        yield said[0], (folder / "p4fabric.token").read_text().strip()
    finally:
        process.terminate()
        process.wait()
        process.stdout.close()
