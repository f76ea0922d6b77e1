"""`python -m p4fabric.net.traffic`: the two traffic functions that p4-utils' tasks name.

send_udp_flow --dst 10.0.0.2 [--sport 5000] [--dport 5001] [--tos 0] [--rate 10M]
              [--duration SECONDS] [--packet_size 1400]
recv_udp_flow --dport 5001
"""

from __future__ import annotations

import argparse
import re
import socket
import time

_FACTORS = {"": 1, "B": 1, "K": 10**3, "M": 10**6, "G": 10**9}
COUNTER = 4
"""Bytes of the sequence number that a datagram begins with."""


def bits_per_second(text: str) -> int:
    """`10M` as p4-utils has it: bit/s."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)([BKMG]?)", text)
    if match is None:
        raise argparse.ArgumentTypeError(f"{text!r} is no rate such as 10M or 500K")
    return round(float(match[1]) * _FACTORS[match[2]])


def send(arguments: argparse.Namespace) -> None:
    """Send datagrams evenly, each at the time that the rate gives it."""
    size = max(arguments.packet_size, COUNTER)
    gap = size * 8 / arguments.rate
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.setsockopt(socket.SOL_IP, socket.IP_TOS, arguments.tos)
        flow.bind(("", arguments.sport))
        begun = time.monotonic()
        number = 0
        while not arguments.duration or time.monotonic() - begun < arguments.duration:
            time.sleep(max(0.0, begun + number * gap - time.monotonic()))
            flow.sendto(
                number.to_bytes(COUNTER, "big") + b"A" * (size - COUNTER), (arguments.dst, arguments.dport)
            )
            number += 1


def receive(arguments: argparse.Namespace) -> None:
    """Take datagrams until ended."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flow:
        flow.bind(("", arguments.dport))
        while True:
            flow.recv(65_535)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(prog="p4fabric.net.traffic", description=__doc__)
    commands = parser.add_subparsers(required=True)
    sender = commands.add_parser("send_udp_flow")
    sender.add_argument("--dst", default="10.0.0.2")
    sender.add_argument("--sport", type=int, default=5000)
    sender.add_argument("--dport", type=int, default=5001)
    sender.add_argument("--tos", type=int, default=0)
    sender.add_argument("--rate", type=bits_per_second, default=bits_per_second("10M"))
    sender.add_argument("--duration", type=float, default=0)
    sender.add_argument("--packet_size", type=int, default=1400)
    sender.add_argument("--batch_size", type=int, default=1)
    sender.set_defaults(act=send)
    receiver = commands.add_parser("recv_udp_flow")
    receiver.add_argument("--dport", type=int, required=True)
    receiver.set_defaults(act=receive)
    arguments = parser.parse_args()
    arguments.act(arguments)


if __name__ == "__main__":
    main()
