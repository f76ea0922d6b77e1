"""PFCP on one core: `python -m benchmarks.pfcp [--rounds N]`.

Messages that are decoded and encoded per second, in turns with pycrate; sessions that are established and
modified from datagram to answer, without switches; and the memory of a session that stands. A session has
2 PDRs, 2 FARs, 1 QER and 1 URR. Times are the thread's own, so that other work of the machine is not in them.
"""

from __future__ import annotations

import argparse
import gc
import time
from collections.abc import Callable
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

from benchmarks.figures import Figure, add_option, print_table, save
from p4fabric.controller.n4.pfcp import Cause, Message, decode_body, decode_header, encode
from p4fabric.controller.n4.pfcp import flags as f
from p4fabric.controller.n4.pfcp import messages as m
from p4fabric.controller.n4.pfcp import rules as r
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.sessions import Session, establish, modify

A_ROUND = 300
"""Messages, between two looks at the clock."""
STANDING = 20_000
"""Sessions whose memory is measured."""
N3, N4 = IPv4Address("10.0.3.2"), IPv4Address("10.0.0.5")
SMF = v.FSeid(1, IPv4Address("10.0.0.4"))


class Stock:
    """Gives one TEID after the other."""

    def __init__(self) -> None:
        """Begin."""
        self.next = 1

    def choose_f_teid(
        self, network_instance: str, source: f.SourceInterface, *, ipv4: bool, ipv6: bool
    ) -> v.FTeid:
        """The next."""
        self.next += 1
        return v.FTeid(self.next, N3)

    def claim_f_teid(self, f_teid: v.FTeid, network_instance: str, source: f.SourceInterface) -> None:
        """Anybody may."""

    def release_f_teid(self, f_teid: v.FTeid) -> None:
        """Forget it."""

    def choose_ue_address(self, network_instance: str) -> v.UeIpAddress:
        """Not asked for."""
        raise NotImplementedError

    def choose_ue_prefix(self, network_instance: str, length: int) -> v.UeIpAddress:
        """Not asked for."""
        raise NotImplementedError

    def release_ue_address(self, address: v.UeIpAddress) -> None:
        """Forget it."""


def establishment(ue: int = 0) -> m.SessionEstablishmentRequest:
    """A UE that is not connected yet."""
    internet = b"\x08internet"
    address = IPv4Address(0x0A2D0000 + ue)
    downlink = r.Pdi(
        source_interface=f.SourceInterface.CORE,
        network_instance=internet,
        ue_ip_addresses=(v.UeIpAddress(address, is_destination=True),),
    )
    uplink = r.Pdi(
        source_interface=f.SourceInterface.ACCESS,
        f_teid=v.FTeidChoice(True, False, 5),
        network_instance=internet,
        qfis=(1,),
    )
    to_core = r.ForwardingParameters(
        destination_interface=f.DestinationInterface.CORE, network_instance=internet
    )
    gtpu = v.OuterHeaderRemoval(v.RemovedHeader.GTPU_UDP_IP)
    pdrs = (
        r.CreatePdr(
            pdr_id=v.PdrId(1),
            precedence=65535,
            pdi=downlink,
            far_id=v.FarId(1),
            urr_ids=(v.UrrId(1),),
            qer_ids=(v.QerId(1),),
        ),
        r.CreatePdr(
            pdr_id=v.PdrId(2),
            precedence=65535,
            pdi=uplink,
            outer_header_removal=gtpu,
            far_id=v.FarId(2),
            urr_ids=(v.UrrId(1),),
            qer_ids=(v.QerId(1),),
        ),
    )
    return m.SessionEstablishmentRequest(
        node_id=SMF.ipv4 or "",
        cp_f_seid=SMF,
        create_pdrs=pdrs,
        create_fars=(
            r.CreateFar(far_id=v.FarId(1), apply_action=f.ApplyAction.BUFF | f.ApplyAction.NOCP),
            r.CreateFar(far_id=v.FarId(2), apply_action=f.ApplyAction.FORW, forwarding=to_core),
        ),
        create_urrs=(
            r.CreateUrr(
                urr_id=v.UrrId(1),
                measurement_method=f.MeasurementMethod.VOLUM,
                reporting_triggers=f.ReportingTriggers.VOLTH,
                volume_threshold=v.Volume(total=100 << 20),
            ),
        ),
        create_qers=(
            r.CreateQer(
                qer_id=v.QerId(1),
                gate_status=v.GateStatus(f.Gate.OPEN, f.Gate.OPEN),
                mbr=v.BitRate(1_000_000, 1_000_000),
                qfi=1,
            ),
        ),
        pdn_type=f.PdnType.IPV4,
        apn_dnn=internet,
        s_nssai=v.SNssai(1, 0xFFFFFF),
    )


def activation() -> m.SessionModificationRequest:
    """The UE is connected: where downlink packets go."""
    to_gnb = r.UpdateForwardingParameters(
        destination_interface=f.DestinationInterface.ACCESS,
        network_instance=b"\x08internet",
        outer_header_creation=v.OuterHeaderCreation(0x201, IPv4Address("10.0.3.10")),
    )
    far = r.UpdateFar(far_id=v.FarId(1), apply_action=f.ApplyAction.FORW, forwarding=to_gnb)
    return m.SessionModificationRequest(update_fars=(far,))


def rate(work: Callable[[], object]) -> float:
    """How often a second something is done."""
    start = time.thread_time()
    for _ in range(A_ROUND):
        work()
    return A_ROUND / (time.thread_time() - start)


def ours(datagram: bytes) -> bytes:
    """Decode and encode."""
    header = decode_header(datagram)
    return encode(decode_body(header, datagram), header.sequence, header.seid)


def pycrates(parse: Callable[[bytes], tuple[Any, int]], datagram: bytes) -> bytes:
    """Likewise with pycrate."""
    message, problem = parse(datagram)
    if problem:
        raise ValueError(f"pycrate says {problem}")
    found: bytes = message.to_bytes()
    return found


def read(datagram: bytes) -> Message:
    """The body of a datagram."""
    return decode_body(decode_header(datagram), datagram)


def established(datagram: bytes, stock: Stock) -> Session:
    """From a datagram to its answer."""
    request = read(datagram)
    assert isinstance(request, m.SessionEstablishmentRequest)
    made = establish(request, stock.next, stock)
    up = v.FSeid(made.session.seid, N4)
    answer = m.SessionEstablishmentResponse(
        node_id=N4, cause=Cause.REQUEST_ACCEPTED, up_f_seid=up, created_pdrs=made.created_pdrs
    )
    encode(answer, 7, made.session.cp.seid)
    return made.session


def modified(session: Session, datagram: bytes, stock: Stock) -> Session:
    """From a datagram to its answer."""
    request = read(datagram)
    assert isinstance(request, m.SessionModificationRequest)
    changed = modify(session, request, stock)
    answer = m.SessionModificationResponse(cause=Cause.REQUEST_ACCEPTED, created_pdrs=changed.created_pdrs)
    encode(answer, 7, changed.session.cp.seid)
    return changed.session


def kib_of_a_session() -> float:
    """Resident memory of one that is active, among many."""
    stock, second = Stock(), encode(activation(), 2, 1)
    gc.collect()
    before = _resident()
    sessions = [
        modified(established(encode(establishment(ue), 1, 0), stock), second, stock) for ue in range(STANDING)
    ]
    gc.collect()
    return (_resident() - before) / len(sessions) / 1024


def _resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def measure(rounds: int) -> list[Figure]:
    """All figures."""
    from pycrate_mobile.TS29244_PFCP import parse_PFCP

    found = [Figure("pfcp.session_memory", "a session that stands", "KiB", [kib_of_a_session()], True, 0.2)]
    stock = Stock()
    first, second = encode(establishment(), 1, 0), encode(activation(), 2, 1)
    session = established(first, stock)
    for name, datagram, promised in (("establishment", first, 5000), ("modification", second, 20_000)):
        if pycrates(parse_PFCP, datagram) != ours(datagram) or ours(datagram) != datagram:
            raise ValueError(f"the codecs do not agree on an {name}")
        own, theirs = [], []
        for _ in range(rounds):
            own.append(rate(lambda datagram=datagram: ours(datagram)))  # type: ignore[misc]
            theirs.append(rate(lambda datagram=datagram: pycrates(parse_PFCP, datagram)))  # type: ignore[misc]
        title = f"{name} requests of {len(datagram)} octets decoded and encoded"
        found.append(Figure(f"pfcp.{name}", title, "per s", own, threshold=0.3, limit=promised))
        beside = [one / other for one, other in zip(own, theirs, strict=True)]
        found.append(
            Figure(f"pfcp.{name}_beside_pycrate", f"{name}: beside pycrate", "ratio", beside, limit=10)
        )
    does: tuple[tuple[str, Callable[[], object], float], ...] = (
        ("established", lambda: established(first, stock), 4000),
        ("modified", lambda: modified(session, second, stock), 10_000),
    )
    for name, work, limit in does:
        title = f"sessions {name}, from request to answer, without switches"
        samples = [rate(work) for _ in range(rounds)]
        found.append(Figure(f"pfcp.{name}", title, "per s", samples, threshold=0.3, limit=limit))
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7, help="of each, in turns")
    add_option(parser)
    options = parser.parse_args()
    figures = measure(options.rounds)
    print_table(figures)
    if options.figures:
        save(options.figures, figures)


if __name__ == "__main__":
    main()
