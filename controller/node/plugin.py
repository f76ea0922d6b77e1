#!/usr/bin/python3 -IS
"""The CNI plugin: hands what the runtime asks to the node's agent, and what that answers back.

It is installed as a file of its own and imports next to nothing, as a container waits for its start. It
knows one thing that the agent does not: what to say when there is no agent.
"""

import sys
from _socket import AF_UNIX, SHUT_WR, SOCK_STREAM, error, socket
from os import environ

SOCKET = "/run/p4fabric-node/cni.sock"
"""Where the agent listens; the installer writes the configured path here."""
PATIENCE = 110.0
"""Seconds to wait for an answer; runtimes give a plugin about two minutes."""
WHAT_THE_RUNTIME_SAYS = (
    "CNI_COMMAND",
    "CNI_CONTAINERID",
    "CNI_NETNS",
    "CNI_IFNAME",
    "CNI_ARGS",
    "CNI_NETNS_OVERRIDE",
)
VERSIONS = ("0.3.1", "0.4.0", "1.0.0", "1.1.0")


def ask(path: str, request: bytes) -> bytes:
    """The agent's answer: one character, `0` if it did as asked, and what is to be printed."""
    agent = socket(AF_UNIX, SOCK_STREAM)
    agent.settimeout(PATIENCE)
    agent.connect(path)
    agent.sendall(request)
    agent.shutdown(SHUT_WR)
    parts = []
    while part := agent.recv(65536):
        parts.append(part)
    return b"".join(parts)


def without_agent(command: str, config: bytes, why: str) -> tuple[int, str]:
    """Exit status and output where no agent answers."""
    import json

    try:
        version = json.loads(config)["cniVersion"]
    except (ValueError, TypeError, KeyError):
        version = VERSIONS[-1]
    if command == "VERSION":
        return 0, json.dumps({"cniVersion": version, "supportedVersions": VERSIONS})
    # The specification has a number of its own for STATUS, and 11 for what may be tried again.
    code, said = (50, "the node's agent does not run") if command == "STATUS" else (11, "try again later")
    return 1, json.dumps({"cniVersion": version, "code": code, "msg": said, "details": why})


def main() -> int:
    """One call of the runtime; returns the exit status."""
    config = sys.stdin.buffer.read()
    said = [f"{name}={environ[name]}" for name in WHAT_THE_RUNTIME_SAYS if name in environ]
    command, path = environ.get("CNI_COMMAND", ""), environ.get("P4FABRIC_CNI_SOCKET", SOCKET)
    status, output = 1, ""
    try:
        if command != "VERSION":
            answer = ask(path, "\n".join(said).encode(errors="surrogateescape") + b"\0" + config)
            if answer[:1] not in (b"0", b"1"):
                raise error("the agent ended before it answered")
            status, output = int(answer[:1]), answer[1:].decode()
        else:
            status, output = without_agent(command, config, "")
    except (error, UnicodeError) as found:
        status, output = without_agent(command, config, f"{path}: {found}")
    sys.stdout.write(output)
    return status


if __name__ == "__main__":
    sys.exit(main())
