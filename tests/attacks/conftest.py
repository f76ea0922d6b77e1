"""The leaf that is attacked, for all modules that put frames on its wires."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.bed import Bed
from tests.attacks.tenants import INTENTS, LEARNED


def introduce(bed: Bed) -> None:
    """Every host says who it is, until the fabric knows all of them."""
    wanted = {host.mac: (host.port, frozenset(filter(None, (host.ip, host.ip6)))) for host in LEARNED}

    def known() -> bool:
        for host in LEARNED:
            for frame in host.announcements():
                bed.send(host.port, frame)
        found = bed.hosts()
        return all(found.get(mac, (0, frozenset()))[0] == port and ips <= found[mac][1]
                   for mac, (port, ips) in wanted.items())  # fmt: skip

    bed.until(known, "all hosts are learned")
    bed.until(lambda: {status["state"] for status in bed.states().values()} == {"active"}, "all is active")
    bed.drain()


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A leaf with its controller, the tenants' intents, and their hosts known."""
    with Bed(tmp_path_factory.mktemp("bed"), INTENTS) as leaf:
        introduce(leaf)
        yield leaf
