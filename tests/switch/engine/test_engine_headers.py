"""Stacks, unions, fields of variable and of any width, loops: headers.p4's packets in, packets out."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from p4fabric.softswitch.engine import NativeEngine, open_engine
from p4fabric.softswitch.engine.api import (
    ActionCall,
    Change,
    Exact,
    Replica,
    Status,
    Ternary,
    WriteEntry,
    WriteMulticastGroup,
    WriteRegister,
)

from .conftest import program

STACK_OUT_OF_BOUNDS, TOO_SHORT, HEADER_TOO_SHORT, INVALID_ARGUMENT = 2, 1, 3, 4


class Answer(NamedTuple):
    """The program's answer: its fields, the length that it saw, and what follows."""

    answer: int
    error: int
    length: int
    rest: bytes


@pytest.fixture(scope="module")
def headers() -> Iterator[NativeEngine]:
    """headers.p4 with memory ports 1 and 2."""
    with open_engine(program("headers")) as engine:
        for port in (1, 2):
            engine.add_port(port, None)
        engine.start()
        yield engine


def ask(engine: NativeEngine, op: int, rest: bytes = b"", number: int = 0, index: int = 0) -> Answer:
    engine.inject(1, bytes([op, number, index, 0, 0, 0, 0, 0]) + rest)
    ((_, frame),) = engine.collect()
    assert frame[:3] == bytes([op, number, index])
    error, length = int.from_bytes(frame[4:6], "big"), int.from_bytes(frame[6:8], "big")
    return Answer(frame[3], error, length, frame[8:])


def items(*tags: int) -> bytes:
    """Items whose values are their tags' lower digits; the last one says that it is."""
    return b"".join(bytes([tag % 16 << 1 | (i == len(tags) - 1), tag]) for i, tag in enumerate(tags))


def test_a_stack_is_filled_up_to_its_size(headers: NativeEngine) -> None:
    for count in range(1, 5):
        got = ask(headers, 0, items(*range(1, count + 1)) + b"tail")
        assert (got.answer, got.error, got.rest) == (count - 1, 0, items(*range(1, count + 1)) + b"tail")
    assert ask(headers, 0, items(1, 2, 3, 4, 5)).error == STACK_OUT_OF_BOUNDS
    assert ask(headers, 0, items(1, 2)[:3]).error == TOO_SHORT


def test_pushing_and_popping_move_elements(headers: NativeEngine) -> None:
    three = items(1, 2, 3)
    assert ask(headers, 1, three, number=7).rest == bytes([7 << 1, 0]) + three
    assert ask(headers, 1, items(1, 2, 3, 4), number=7).rest == bytes([7 << 1, 0]) + items(1, 2, 3, 4)[:6]
    assert ask(headers, 2, three).rest == three[:2]
    assert ask(headers, 3, three).rest == three[2:]
    assert ask(headers, 4, three).rest == b""
    assert ask(headers, 4, items(1, 2, 3, 4)).rest == items(1, 2, 3, 4)[6:]


def test_elements_are_read_and_written_at_the_packets_index(headers: NativeEngine) -> None:
    four = items(0x11, 0x22, 0x33, 0x44)
    assert [ask(headers, 5, four, index=i).answer for i in range(4)] == [0x11, 0x22, 0x33, 0x44]
    assert ask(headers, 6, four, index=2, number=0x99).rest == four[:5] + b"\x99" + four[6:]
    for beyond in (4, 255):
        assert ask(headers, 5, four, index=beyond).answer == 0
        assert ask(headers, 6, four, index=beyond, number=1).rest == four


def test_a_stack_is_copied_with_its_validity(headers: NativeEngine) -> None:
    assert ask(headers, 7, items(1, 2) + b"x").rest == items(1, 2) + b"x"


def test_one_member_of_a_union_is_valid(headers: NativeEngine) -> None:
    little, large = b"\x01\x55", b"\x02\x77\x88\x99"
    assert ask(headers, 0x10, little + b"x").rest == little + b"x"
    assert ask(headers, 0x10, large + b"x").rest == large + b"x"
    switched = ask(headers, 0x11, little + b"x").rest
    assert (switched[0], len(switched), switched[-1:]) == (9, 5, b"x")
    assert ask(headers, 0x12, little + b"x").rest == b"x"
    assert ask(headers, 0x12, large + b"x").rest == large + b"x"
    assert [ask(headers, 0x13, one).answer for one in (little, large, b"")] == [1, 2, 0]


def test_unions_in_a_stack_are_of_different_kinds(headers: NativeEngine) -> None:
    little, large = b"\x01\x55", b"\x02\x77\x88\x99"
    assert ask(headers, 0x18, large + little + b"x").rest == large + little + b"x"
    assert ask(headers, 0x18, little + little + little).error == STACK_OUT_OF_BOUNDS


def options(content: bytes, checksum: bytes | None = None) -> bytes:
    """The options header with the right checksum, unless another one is given."""
    padded = b"\x5a\xbc" + content + bytes(len(content) % 2)
    total = sum(int.from_bytes(padded[i : i + 2], "big") for i in range(0, len(padded), 2))
    total = (total & 0xFFFF) + (total >> 16)
    right = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
    return b"\x5a\xbc" + content + (right if checksum is None else checksum)


def test_a_varbit_has_the_length_that_it_is_given(headers: NativeEngine) -> None:
    for size in range(9):
        content = bytes(range(1, size + 1))
        sent = options(content, b"\0\0") + b"tail"
        got = ask(headers, 0x20, sent, number=8 * size)
        assert (got.error, got.length, got.rest) == (0, 8 + len(sent), options(content) + b"tail")
        copied = ask(headers, 0x21, sent, number=8 * size)
        assert copied.rest == options(content) + options(content, b"\0\0") + b"tail"
        removed = ask(headers, 0x22, sent, number=8 * size)
        assert (removed.rest, removed.length) == (b"tail", 8 + 4)


def test_a_varbit_that_does_not_fit_is_a_parser_error(headers: NativeEngine) -> None:
    assert ask(headers, 0x20, bytes(30), number=72).error == HEADER_TOO_SHORT
    assert ask(headers, 0x20, bytes(30), number=12).error == INVALID_ARGUMENT
    assert ask(headers, 0x20, bytes(5), number=64).error == TOO_SHORT


def wide(a: int, b: int, odd: int = 5, unaligned: int = 0, signed: int = 0) -> bytes:
    value = a << 624 | b << 424 | odd << 421 | unaligned << 160 | signed % (1 << 160)
    return value.to_bytes(103, "big")


def test_arithmetic_has_any_width(headers: NativeEngine) -> None:
    chance = random.Random(7)
    ring, odd_ring = 1 << 200, 1 << 261
    for _ in range(20):
        a, b = chance.getrandbits(200), chance.getrandbits(chance.choice((1, 100, 200)))
        u, s, shift = chance.getrandbits(261), chance.getrandbits(160) - (1 << 159), chance.randrange(210)
        sent = wide(a, b, 5, u, s)
        assert ask(headers, 0x30, sent).rest == sent
        assert ask(headers, 0x30, sent).answer == sent[0]
        assert ask(headers, 0x31, sent).rest == wide((a + b) % ring, b, 5, (u - 1) % odd_ring, s)
        got = ask(headers, 0x32, sent, index=shift)
        assert got.rest == wide(a, (a << shift ^ ~b) % ring, 5, u, s)
        assert got.answer == a >> 144 & 0xFF
        total = min(a + b, ring - 1)
        swapped = (total % (1 << 100)) << 100 | b >> 100
        assert ask(headers, 0x33, sent).rest == wide(total, swapped, 5, u, s)
        assert ask(headers, 0x34, sent, index=shift).rest == wide(a, b, 5, u * 3 % odd_ring, s >> shift)
        assert ask(headers, 0x35, sent).answer == (1 if a > b else 2) + (10 if s < 0 else 0) + 20 * (a == b)
    assert ask(headers, 0x35, wide(9, 9)).answer == 22


def test_keys_arguments_and_registers_have_any_width(headers: NativeEngine) -> None:
    high, value = 1 << 199 | 5, 1 << 198 | 3
    match = (Ternary(1 << 199 | 1, 1 << 199 | 1), Exact(7))
    call = ActionCall("In.put", (value,))
    (outcome,) = headers.apply([WriteEntry(Change.INSERT, "In.wides", match, call, 1)])
    assert outcome.status is Status.OK
    assert ask(headers, 0x36, wide(high, 2), index=7).rest == wide(high, value)
    assert ask(headers, 0x36, wide(high - 1, 2), index=7).rest == wide(high - 1, 2)
    assert ask(headers, 0x36, wide(high - (1 << 199), 2), index=7).rest == wide(5, 2)
    ask(headers, 0x37, wide(high, 0), index=3)
    assert headers.read_registers("In.cells", 2, 3) == [0, high, 0]
    (outcome,) = headers.apply([WriteRegister("In.cells", None, value)])
    assert outcome.status is Status.OK
    assert ask(headers, 0x38, wide(1, 2), index=7).rest == wide(1, value)
    assert ask(headers, 0x38, wide(1, 2), index=8).rest == wide(1, 2)


def test_a_truncation_cuts_copies_behind_their_headers(headers: NativeEngine) -> None:
    group = WriteMulticastGroup(Change.INSERT, 1, (Replica(1), Replica(2)))
    assert headers.apply([group])[0].status is Status.OK
    headers.inject(1, bytes([0x41, 20, 1]) + bytes(5) + bytes(100))
    assert sorted((port, len(frame)) for port, frame in headers.collect()) == [(1, 28), (2, 28)]
    headers.inject(1, bytes([0x41, 20, 0]) + bytes(5) + bytes(100))
    assert [(port, len(frame)) for port, frame in headers.collect()] == [(2, 20)]


def test_a_random_number_lies_between_its_ends_if_there_is_one(headers: NativeEngine) -> None:
    assert {ask(headers, 0x42, number=3, index=5).answer for _ in range(60)} == {3, 4, 5}
    assert ask(headers, 0x42, number=5, index=3).answer == 0


def test_a_loop_ends(headers: NativeEngine) -> None:
    assert ask(headers, 0x40, number=10).answer == 55
    assert ask(headers, 0x40, number=255).rest == b""  # i <= 255 holds for ever


def test_a_local_variable_of_variable_width_is_kept() -> None:
    with open_engine(program("locals")) as engine:
        engine.add_port(1, None)
        engine.add_port(2, None)
        engine.start()
        for frame, answer in (
            (b"\3abcdef!", b"\3defabc!"),
            (b"\1ab", b"\1ba"),
            (b"\0", b"\0"),
        ):
            assert engine.inject(1, frame)
            assert engine.collect() == [(2, answer)]
