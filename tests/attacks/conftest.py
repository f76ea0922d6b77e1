"""The leaf that is attacked, for all modules that put frames on its wires."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest
from scapy.layers.inet import ICMP, IP

from tests.attacks.bed import ROUTER, Bed
from tests.attacks.tenants import INTENTS, LEARNED, ROUTER_HOST, SERVER, Host

_heralds = count()
_NEWS = b"all that came before is known"


def introduce(bed: Bed) -> None:
    """Every host says who it is, until the fabric knows that, and the switch what follows from it."""
    bed.until(lambda: _announced(bed), "all hosts are learned")
    bed.until(lambda: {status["state"] for status in bed.states().values()} == {"active"}, "all is active")
    bed.drain()


def _announced(bed: Bed) -> bool:
    """Whether all hosts are where they belong once everything that was reported so far is taken up."""
    number = next(_heralds)
    herald = Host(ROUTER_HOST.port, f"02:00:00:00:fe:{number:02x}", f"10.0.1.{100 + number % 150}")
    for host in LEARNED:
        for frame in host.announcements():
            bed.send(host.port, frame)
    # Reports are taken up in order, so who can reach the last one profits from all before it.
    news = bytes(SERVER.ether(ROUTER) / IP(src=SERVER.ip, dst=herald.ip) / ICMP() / _NEWS)

    def heard() -> bool:
        (frame,) = herald.announcements()
        bed.send(herald.port, frame)
        return any(_NEWS in frame for frame in bed.emit(SERVER.port, news).get(herald.port, ()))

    bed.until(heard, "the last host to speak is reached")
    found = bed.hosts()
    return all(
        host.mac in found
        and found[host.mac][0] == host.port
        and {host.ip, host.ip6} - {""} <= found[host.mac][1]
        for host in LEARNED
    )


@pytest.fixture(scope="module")
def bed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bed]:
    """A leaf with its controller, the tenants' intents, and their hosts known."""

    def answers(port: int) -> list[bytes]:
        # For the router: nobody else hears it, so no test does.
        return [frame for host in LEARNED if host.port == port for frame in host.announcements(ROUTER)]

    with Bed(tmp_path_factory.mktemp("bed"), INTENTS, answers) as leaf:
        introduce(leaf)
        yield leaf
