"""A user's Mininet script, as the how-to has it: two hosts behind a router."""

from __future__ import annotations

import sys
from pathlib import Path

from mininet.net import Mininet

from p4fabric.net.mininet import P4Host, P4Link, P4Switch

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "networks" / "two-routers"
FOLDER = Path(sys.argv[1])

net = Mininet(host=P4Host, switch=P4Switch, link=P4Link, controller=None)
s1 = net.addSwitch(
    "s1",
    program=EXAMPLE / "router.json",
    entries=EXAMPLE / "s1-runtime.json",
    pcap=FOLDER / "pcap",
    log_folder=FOLDER,
    listen="127.0.0.1:50981",
)
for number in (1, 2):
    host = net.addHost(f"h{number}", ip=f"10.0.{number}.{number}/24", mac=f"08:00:00:00:0{number}:0{number}")
    net.addLink(host, s1, port2=number, bw=100)
net.start()
try:
    for number, host in enumerate(net.hosts, 1):
        gateway = f"10.0.{number}.254"
        host.setARP(gateway, "08:00:00:00:fe:01")
        host.setDefaultRoute(f"via {gateway}")
    print(f"lost {net.pingAll(timeout=2):g} %")
finally:
    net.stop()
