"""A server with a real kernel, in a network namespace of its own.

    unshare -n python -m tests.attacks.listener

It says `ready`, is given an interface, its addresses and gateways in one line of JSON, and says `listening`.
Whoever connects gets a greeting.
"""

from __future__ import annotations

import json
import selectors
import socket
import sys

from pyroute2 import IPRoute

__all__ = ["GREETING"]

GREETING = b"login: "
_NO_DUPLICATE_DETECTION = 2  # IFA_F_NODAD of linux/if_addr.h


def _configure(interface: str, mac: str, addresses: list[tuple[str, int]], gateways: list[str]) -> None:
    with IPRoute() as ip:
        (index,) = ip.link_lookup(ifname=interface)
        ip.link("set", index=index, address=mac, state="up")
        for address, length in addresses:
            ip.addr("add", index=index, address=address, prefixlen=length, flags=_NO_DUPLICATE_DETECTION)
        for gateway in gateways:
            ip.route("add", dst="::/0" if ":" in gateway else "0.0.0.0/0", gateway=gateway)


def _main() -> None:
    print("ready", flush=True)
    plan = json.loads(sys.stdin.readline())
    _configure(plan["interface"], plan["mac"], plan["addresses"], plan["gateways"])
    selector = selectors.DefaultSelector()
    for port in plan["ports"]:
        selector.register(socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True), 1)
    print("listening", flush=True)
    held = []
    while True:
        for key, _ in selector.select():
            assert isinstance(key.fileobj, socket.socket)
            connection, _ = key.fileobj.accept()
            connection.sendall(GREETING)
            held.append(connection)


if __name__ == "__main__":
    _main()
