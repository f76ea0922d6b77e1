"""What the tutorials' scripts need around them: a Python with their libraries, and our commands on PATH."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

SYSTEM_PYTHON = "/usr/bin/python3"
"""Whose packages Mininet is among."""
LIBRARIES = ("protobuf==3.20.3", "p4runtime", "p4runtime-shell", "grpcio", "psutil", "scapy")
"""The p4runtime wheel's messages load with no later protobuf."""
_P4CONFIG = '''\
"""p4.tmp.P4DeviceConfig, which is in PI's sources and in no wheel."""
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_file = descriptor_pb2.FileDescriptorProto(name="p4/tmp/p4config.proto", package="p4.tmp", syntax="proto3")
_message = _file.message_type.add(name="P4DeviceConfig")
_message.field.add(name="reassign", number=1, type=8, label=1)
_message.field.add(name="device_data", number=3, type=12, label=1)
_pool = descriptor_pool.DescriptorPool()
_pool.Add(_file)
P4DeviceConfig = message_factory.MessageFactory(_pool).GetPrototype(
    _pool.FindMessageTypeByName("p4.tmp.P4DeviceConfig")
)
'''
_SUDO = """\
#!/bin/sh
exec env "$@"
"""


def make_python(folder: Path) -> Path:
    """A virtual environment with Mininet and what the tutorials import; the folder of its programs."""
    programs = folder / "bin"
    made = folder / "made"
    if not made.exists() or made.read_text() != repr(LIBRARIES):
        subprocess.run((SYSTEM_PYTHON, "-m", "venv", "--system-site-packages", folder), check=True)
        subprocess.run((programs / "pip", "install", "--quiet", *LIBRARIES), check=True)
        (site,) = folder.glob("lib/python3*/site-packages")
        (site / "p4" / "tmp").mkdir(exist_ok=True)
        (site / "p4" / "tmp" / "__init__.py").touch()
        (site / "p4" / "tmp" / "p4config_pb2.py").write_text(_P4CONFIG)
        made.write_text(repr(LIBRARIES))
    return programs


def make_path(folder: Path, python: Path) -> str:
    """PATH with our `simple_switch_grpc` first, as a user has it."""
    command = Path(sys.executable).with_name("p4fabric")
    subprocess.run((command, "compat", "install", folder), check=True, stdout=subprocess.DEVNULL)
    if shutil.which("sudo") is None:  # in a container, as root
        (folder / "sudo").write_text(_SUDO)
        (folder / "sudo").chmod(0o755)
    return os.pathsep.join((str(folder), str(python), os.environ["PATH"]))
