"""Reads a topology file, whichever kind it is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from p4fabric.net.model import NetworkModel
from p4fabric.net.read.document import read_document
from p4fabric.net.read.ends import check_network
from p4fabric.net.read.errors import Problem, TopologyError
from p4fabric.net.read.own import read_own
from p4fabric.net.read.p4utils import read_p4utils
from p4fabric.net.read.tutorials import read_tutorials


def load(path: str | Path) -> NetworkModel:
    """The network that a file describes: ours, p4lang/tutorials' topology.json, p4-utils' p4app.json.

    Raises:
        TopologyError: lists what is wrong with it.
    """
    file = Path(path)
    content = read_document(file)
    if not isinstance(content, dict):
        raise TopologyError(str(file), [Problem("", "a mapping with hosts, switches and links is needed")])
    if "topology" in content:
        model = read_p4utils(file, content)
    elif _is_tutorials(content):
        model = read_tutorials(file, content)
    else:
        model = read_own(file, content)
    if problems := check_network(model):
        raise TopologyError(str(file), problems)
    return model


def _is_tutorials(content: dict[str, Any]) -> bool:
    """Whether hosts have `ip`, or links end at s1-p1."""
    hosts, links = content.get("hosts"), content.get("links")
    if isinstance(hosts, dict) and any(isinstance(host, dict) and "ip" in host for host in hosts.values()):
        return True
    return isinstance(links, list) and any(
        isinstance(end, str) and "-p" in end and end.rpartition("-p")[2].isdigit()
        for link in links
        if isinstance(link, list)
        for end in link[:2]
    )
