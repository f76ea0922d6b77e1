"""A gNB with UEs: each UE has a TUN device in its own namespace, and its packets travel as real GTP-U.

    gnb.py --address 10.0.3.10 --sessions intents/upf.yaml --ue 10.45.0.2=4711 --ue 10.45.0.3=4712

Run it in the gNB's network namespace; 4711 is the process (or the name of the `ip netns`, or the path)
whose namespace is the UE's. The TEIDs, QFIs and the UPF's address come from the UpfSessions of the file;
or give all by hand: `--session 10.45.0.2,10.0.3.2,0x100,0x200,9` (UE, UPF, uplink and downlink TEID, QFI).
SIGUSR1 prints the counts as a line of JSON; so does the end.

This program knows GTP-U, TUN devices and namespaces. It runs under the system's Python, with the standard
library (and PyYAML for --sessions), and must never need anything of p4fabric.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import fcntl
import json
import os
import signal
import socket
import struct
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any

import gtpu

DEVICE = "uesimtun0"
MTU = 1500 - 20 - 8 - 16
"""What fits an N3 link of 1500 bytes with outer IPv4, UDP, and GTP-U with its extension header."""
_BURST = 64
_TUNSETIFF, _IFF_TUN, _IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
_CLONE_NEWNET = 0x40000000
_SOCKET_BUFFER = 4 << 20


@dataclass(frozen=True)
class Session:
    """A PDU session as the gNB knows it."""

    ue: IPv4Address
    upf: IPv4Address
    uplink_teid: int
    downlink_teid: int
    qfi: int

    def __post_init__(self) -> None:
        """Refuse numbers that do not fit their fields.

        Raises:
            ValueError: names the field.
        """
        for name, teid in (("uplink TEID", self.uplink_teid), ("downlink TEID", self.downlink_teid)):
            if not 0 < teid < 1 << 32:
                raise ValueError(f"{name} {teid} of UE {self.ue} must be of 1 to 0xffffffff")
        if not 0 <= self.qfi < 64:
            raise ValueError(f"QFI {self.qfi} of UE {self.ue} must be of 0 to 63")


class Cell:
    """Between the UEs' TUN devices and the N3 socket. Reads both, answers for what it is asked."""

    def __init__(self, address: IPv4Address, tuns: Mapping[Session, int], n3: socket.socket) -> None:
        """Take the sessions with their open TUN devices, and the bound UDP socket; all non-blocking."""
        self.counts: Counter[str] = Counter()
        self._address = address
        self._tuns = tuns
        self._n3 = n3
        self._by_teid = {session.downlink_teid: session for session in tuns}
        self._upfs = {str(session.upf) for session in tuns}

    def attach(self, loop: asyncio.AbstractEventLoop) -> None:
        """Begin to listen."""
        loop.add_reader(self._n3, self._read_n3)
        for session, tun in self._tuns.items():
            loop.add_reader(tun, self._uplink_reader(session, tun))

    def _uplink_reader(self, session: Session, tun: int) -> Callable[[], None]:
        own, upf = session.ue.packed, (str(session.upf), gtpu.PORT)

        def read() -> None:
            for _ in range(_BURST):
                try:
                    packet = os.read(tun, 0xFFFF)
                except BlockingIOError:
                    return
                if len(packet) < 20 or packet[0] >> 4 != 4 or packet[12:16] != own:
                    self.counts["uplink_not_of_the_ue"] += 1
                    continue
                self._send(gtpu.GPdu(session.uplink_teid, packet, session.qfi).encode(), upf, "uplink")

        return read

    def _read_n3(self) -> None:
        for _ in range(_BURST):
            try:
                message, peer = self._n3.recvfrom(0xFFFF)
            except BlockingIOError:
                return
            except OSError:
                # An ICMP error about something sent before; the next call has the next datagram.
                self.counts["unreachable"] += 1
                continue
            self.received(message, peer)

    def received(self, message: bytes, peer: tuple[str, int]) -> None:
        """Act upon one datagram; what does not belong here is counted and ignored."""
        if peer[0] not in self._upfs:
            self.counts["stranger"] += 1
            return
        try:
            found = gtpu.decode(message)
        except gtpu.Malformed:
            self.counts["malformed"] += 1
            return
        match found:
            case gtpu.GPdu(teid, packet):
                self._downlink(teid, packet, peer)
            case gtpu.EchoRequest(sequence):
                self._send(gtpu.EchoResponse(sequence).encode(), peer, "echo")
            case gtpu.OtherMessage():
                self.counts["other_message"] += 1

    def _downlink(self, teid: int, packet: bytes, peer: tuple[str, int]) -> None:
        session = self._by_teid.get(teid)
        if session is None:
            self.counts["unknown_teid"] += 1
            indication = gtpu.ErrorIndication(teid, self._address.packed)
            self._send(indication.encode(), (peer[0], gtpu.PORT), "error_indication")
        elif len(packet) < 20 or packet[0] >> 4 != 4 or packet[16:20] != session.ue.packed:
            self.counts["downlink_not_to_the_ue"] += 1
        else:
            try:
                os.write(self._tuns[session], packet)
                self.counts["downlink"] += 1
            except OSError:
                self.counts["downlink_dropped"] += 1

    def _send(self, message: bytes, peer: tuple[str, int], what: str) -> None:
        try:
            self._n3.sendto(message, peer)
            self.counts[what] += 1
        except OSError:
            self.counts[f"{what}_dropped"] += 1


def namespace_path(name: str) -> Path:
    """The namespace of a process, or of `ip netns`, or at a path."""
    if "/" in name:
        return Path(name)
    return Path(f"/proc/{name}/ns/net") if name.isdigit() else Path("/run/netns") / name


@contextlib.contextmanager
def inside(namespace: Path) -> Iterator[None]:
    """Do something in another network namespace; sockets and devices opened there stay there."""
    libc = ctypes.CDLL(None, use_errno=True)

    def enter(path: Path) -> None:
        with path.open("rb") as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), f"{path}: {os.strerror(ctypes.get_errno())}")

    with Path("/proc/thread-self/ns/net").open("rb") as home:
        enter(namespace)
        try:
            yield
        finally:
            libc.setns(home.fileno(), _CLONE_NEWNET)


def open_tun(ue: IPv4Address, namespace: Path) -> int:
    """Make a UE's TUN device in its namespace, as its way to everywhere. It goes when it is closed."""
    with inside(namespace):
        tun = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        fcntl.ioctl(tun, _TUNSETIFF, struct.pack("16sH22x", DEVICE.encode(), _IFF_TUN | _IFF_NO_PI))
        Path(f"/proc/sys/net/ipv6/conf/{DEVICE}/disable_ipv6").write_text("1")
        commands = (
            f"link set lo up\nlink set {DEVICE} mtu {MTU} up\n"
            f"address add {ue}/32 dev {DEVICE}\nroute replace default dev {DEVICE}\n"
        )
        subprocess.run(("ip", "-batch", "-"), input=commands, text=True, check=True)
    return tun


def sessions_of(path: Path) -> list[Session]:
    """The UpfSessions of a file of intents."""
    import yaml  # only where it is needed: by hand, the program runs without it

    documents: list[Any] = list(yaml.safe_load_all(path.read_text()))
    specs = [document["spec"] for document in documents if document and document["kind"] == "UpfSession"]
    return [
        Session(
            IPv4Address(spec["ueAddress"]),
            IPv4Address(spec["n3Address"]),
            spec["uplinkTeid"],
            spec["downlinkTeid"],
            spec["qfi"],
        )
        for spec in specs
    ]


def session_of(text: str) -> Session:
    """A session by hand: UE, UPF, uplink TEID, downlink TEID, QFI, with commas between."""
    parts = text.split(",")
    if len(parts) != 5:
        raise ValueError(f"{text!r} must be UE,UPF,UPLINK-TEID,DOWNLINK-TEID,QFI")
    ue, upf = IPv4Address(parts[0]), IPv4Address(parts[1])
    return Session(ue, upf, int(parts[2], 0), int(parts[3], 0), int(parts[4], 0))


async def run(address: IPv4Address, sessions: Mapping[Session, Path]) -> None:
    """Serve the UEs until SIGINT or SIGTERM."""
    loop, ended = asyncio.get_running_loop(), asyncio.Event()
    n3 = socket.socket(socket.AF_INET, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
    n3.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SOCKET_BUFFER)
    n3.bind((str(address), gtpu.PORT))
    cell = Cell(address, {session: open_tun(session.ue, where) for session, where in sessions.items()}, n3)
    cell.attach(loop)

    def tell(what: str) -> None:
        print(json.dumps({"gnb": what, **cell.counts}), flush=True)

    loop.add_signal_handler(signal.SIGUSR1, tell, "counts")
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, ended.set)
    tell("ready")
    await ended.wait()
    tell("ended")


def main() -> None:
    """Read the command line and serve."""
    parser = argparse.ArgumentParser(prog="gnb.py", description="A gNB and its UEs on real GTP-U.")
    parser.add_argument("--address", type=IPv4Address, required=True, help="the gNB's N3 address, here")
    parser.add_argument("--sessions", type=Path, action="append", default=[], metavar="FILE")
    parser.add_argument("--session", type=str, action="append", default=[], metavar="UE,UPF,UL,DL,QFI")
    parser.add_argument("--ue", action="append", required=True, metavar="ADDRESS=NAMESPACE")
    arguments = parser.parse_args()
    try:
        known = [session for path in arguments.sessions for session in sessions_of(path)]
        known += [session_of(text) for text in arguments.session]
        by_address = {session.ue: session for session in known}
        places = [(IPv4Address(ue), where) for ue, _, where in (ue.partition("=") for ue in arguments.ue)]
        for ue, _ in places:
            if ue not in by_address:
                raise ValueError(f"UE {ue} has no session; known: {', '.join(map(str, by_address))}")
    except (OSError, KeyError, TypeError, ValueError) as error:
        sys.exit(f"gnb.py: {error!r}" if isinstance(error, KeyError | TypeError) else f"gnb.py: {error}")
    sessions = {by_address[ue]: namespace_path(where) for ue, where in places}
    try:
        asyncio.run(run(arguments.address, sessions))
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"gnb.py: {error}")


if __name__ == "__main__":
    main()
