"""What can hide a transport header: fragments, options, extension headers, and how they can be wrong."""

from __future__ import annotations

from random import Random

from tests.attacks.fuzz_packets.packets import AUTHENTICATION, Ip, fragment_header

__all__ = [
    "atomic_fragment",
    "authentication",
    "broken",
    "extension",
    "first_fragment",
    "hidden",
    "large",
    "later_fragment",
    "many",
    "options",
    "source_route",
]

NUMBERS = (0, 43, 60, 135, 139, 140)
OFFSETS = (1, 1, 2, 2, 3, 4, 185, 8189, 8190, 8191)


def _header(random: Random, words: int = 1) -> tuple[int, bytes]:
    """An extension header of so many units of eight bytes."""
    number = random.choice(NUMBERS)
    content = bytearray(8 * words)
    content[1] = words - 1
    if number != 43:
        content[2:4] = b"\1\4" if words == 1 else b"\1\0"
    return number, bytes(content)


def _authentication(words: int) -> tuple[int, bytes]:
    """An authentication header of so many units of four bytes."""
    content = bytearray(4 * words)
    content[1] = (words - 2) & 0xFF
    return AUTHENTICATION, bytes(content)


def extension(random: Random, ip: Ip) -> None:
    """One or two IPv6 extension headers."""
    if ip.family == 6:
        for _ in range(random.choice((1, 1, 2))):
            at = random.randint(0, len(ip.chain))
            ip.chain.insert(at, _header(random, random.choice((1, 1, 1, 2, 3))))


def many(random: Random, ip: Ip) -> None:
    """As many as are read, one less, one more."""
    if ip.family == 6:
        words = random.choice((1, 1, 1, 4, 32))
        ip.chain += [_header(random, words) for _ in range(random.choice((6, 7, 8, 9, 12)) - len(ip.chain))]


def large(random: Random, ip: Ip) -> None:
    """A header of about the length that is read."""
    if random.random() < 0.25:
        ip.chain.append(_authentication(random.choice((3, 4, 63, 64, 65, 66, 100))))
    elif ip.family == 6:
        ip.chain.append(_header(random, random.choice((16, 31, 32, 33, 64))))


def broken(random: Random, ip: Ip) -> None:
    """A header whose length leads into the transport header, or beyond the packet."""
    if ip.family == 6:
        number, content = _header(random)
        ip.chain.append((number, content[:1] + bytes((random.choice((1, 2, 3, 10, 31, 255)),)) + content[2:]))
        if random.random() < 0.3:
            ip.keep = random.choice((0, 4, 7))
            ip.chain[-1] = (number, content[: random.choice((1, 2, 7, 8))])


def source_route(random: Random, ip: Ip) -> None:
    """A routing header, with and without segments left."""
    if ip.family == 6:
        content = bytearray(24)
        content[1], content[2], content[3] = 2, random.choice((0, 2, 4)), random.choice((0, 1, 2, 255))
        ip.chain.append((43, bytes(content)))


def authentication(random: Random, ip: Ip) -> None:
    """One or two authentication headers, in either family."""
    for _ in range(random.choice((1, 1, 1, 2))):
        ip.chain.append(_authentication(random.choice((3, 6, 6, 7, 2, 1))))


def first_fragment(random: Random, ip: Ip) -> None:
    """The first fragment of a longer packet; often a tiny one."""
    if ip.family == 6:
        ip.chain.append(fragment_header(0, True))
    ip.more = True
    if random.random() < 0.5:
        ip.keep = random.choice((4, 8, 16, 20, 24, 32))
    if random.random() < 0.3:
        ip.transport.length = random.choice((8, 9, 1400, 65535))


def later_fragment(random: Random, ip: Ip) -> None:
    """Another fragment: without ports, over the first one's header, beyond the end."""
    offset, more = random.choice(OFFSETS), random.random() < 0.5
    if ip.family == 6:
        at = random.randint(0, len(ip.chain))
        ip.chain.insert(at, fragment_header(offset, more))
    ip.offset, ip.more = offset, more
    if random.random() < 0.5:
        ip.transport.body = bytes(random.choice((0, 8, 64, 600)))


def atomic_fragment(random: Random, ip: Ip) -> None:
    """A fragment header around a packet that is whole, with its reserved bits set at times."""
    if ip.family == 6:
        number, content = fragment_header(0, False)
        content = bytes((0, random.choice((0, 0, 1, 255)))) + content[2:]
        if random.random() < 0.2:
            content = content[:3] + bytes((random.choice((2, 4, 6)),)) + content[4:]
        ip.chain.insert(random.randint(0, len(ip.chain)), (number, content))


def hidden(random: Random, ip: Ip) -> None:
    """A later fragment whose data begins with a header that hides the transport protocol."""
    if ip.family == 6:
        ip.chain += [fragment_header(random.choice((1, 2, 3, 100)), False), _header(random)]
    else:
        ip.offset = random.choice((1, 2, 3, 100))
        ip.chain.append(_authentication(3))


def options(random: Random, ip: Ip) -> None:
    """IPv4 options, right and wrong ones."""
    if ip.family == 4:
        ip.options = random.choice(
            (
                b"\1" * 4,
                b"\0" * 4,
                b"\x94\4\0\0",  # router alert
                b"\7\x07\4\0\0\0\0\0",  # record route
                b"\x83\x07\4\x0a\0\1\5\0",  # loose source route
                b"\x44\x0c\5\0" + bytes(8),  # timestamps
                b"\1" * 40,
                b"\x82\0\0\0",  # length 0
                b"\x82\xff\0\0",  # length beyond the header
                b"\x07\1\1\1" + bytes(16),
                bytes(random.randrange(256) for _ in range(random.choice((4, 12, 36)))),
            )
        )
