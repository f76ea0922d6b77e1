"""What can go wrong when a P4 program is compiled, and how it is said."""

from __future__ import annotations

import re

GET_P4C = """\
P4 programs are compiled by p4c, and there is none here: {tried}.
Get it in one of these ways:
  Ubuntu (20.04 or newer), p4lang's package:
    . /etc/os-release
    repository=https://download.opensuse.org/repositories/home:/p4lang/xUbuntu_$VERSION_ID
    curl -fsSL $repository/Release.key | sudo gpg --dearmor -o /etc/apt/trusted.gpg.d/home_p4lang.gpg
    echo "deb $repository/ /" | sudo tee /etc/apt/sources.list.d/home:p4lang.list
    sudo apt-get update && sudo apt-get install p4lang-p4c
  Debian:  sudo apt-get install podman    p4fabric then runs p4c in its container
  Fedora:  sudo dnf install podman        (the same)
  macOS:   brew install podman && podman machine init && podman machine start    (the same; so does Docker)
  Source:  https://github.com/p4lang/p4c#installing-p4c-from-source
A p4c-bm2-ss or p4c that is not on PATH can be named: P4C=/opt/p4c/bin/p4c-bm2-ss"""
_PLACE = re.compile(r"^([^()\n]*\.\w+)\((\d+)\)(?::[ \t]*|[ \t]*$)", re.MULTILINE)


class CompileError(Exception):
    """A P4 program cannot be compiled; the message has the compiler's words, as FILE:LINE: WHAT."""


class SourceMissing(CompileError):
    """A file or folder is missing, or cannot be read or written."""


class CompilerMissing(CompileError):
    """There is no p4c and nothing to run its container with; the message says how to get it."""


def readable(said: str) -> str:
    """What p4c says, with its FILE(LINE) as FILE:LINE, which editors and terminals can follow."""
    return _PLACE.sub(r"\1:\2: ", said).strip()
