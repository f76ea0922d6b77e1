"""Mininet's classes for networks of P4 switches.

    from mininet.net import Mininet
    from p4fabric.net.mininet import P4Host, P4Link, P4Switch

    net = Mininet(host=P4Host, switch=P4Switch, link=P4Link, controller=None)
    s1 = net.addSwitch("s1", program="router.p4", entries="s1-runtime.json", pcap="pcaps")

Needs a Python that has both Mininet and p4fabric: `python3 -m venv --system-site-packages`. Imports
Mininet and the standard library only, and starts the command `p4fabric`.
"""

from __future__ import annotations

from p4fabric.lab.hosts import FabricLink as P4Link
from p4fabric.lab.p4_host import P4Host
from p4fabric.lab.p4runtime_switch import Bmv2Switch, P4RuntimeSwitch, SoftSwitch, SwitchFailed

P4Switch = SoftSwitch

__all__ = ["Bmv2Switch", "P4Host", "P4Link", "P4RuntimeSwitch", "P4Switch", "SoftSwitch", "SwitchFailed"]
