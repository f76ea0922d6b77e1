"""What was worked out of an object is remembered for as long as nobody can tell."""

from __future__ import annotations

from p4fabric.pipelines.remembered import Remembered

MANY = 5000


def test_an_object_is_looked_at_once() -> None:
    looked_at = []

    def length(text: list[int]) -> int:
        looked_at.append(text)
        return len(text)

    remembered, one = Remembered(length), [1, 2]
    assert [remembered(one), remembered(one), remembered([1, 2, 3])] == [2, 2, 3]
    assert looked_at == [[1, 2], [1, 2, 3]]


def test_an_object_in_the_place_of_one_that_is_gone_has_its_own_answer() -> None:
    def only(one: list[int]) -> int:
        return one[0]

    remembered = Remembered(only)
    # Each list is gone before the next is made, which is likely to get its place in memory.
    assert [remembered([number]) for number in range(MANY)] == list(range(MANY))


def test_only_some_objects_are_kept() -> None:
    class Thing:
        alive = 0

        def __init__(self) -> None:
            Thing.alive += 1

        def __del__(self) -> None:
            Thing.alive -= 1

    remembered = Remembered(id)
    for _ in range(MANY):
        remembered(Thing())
    assert 0 < Thing.alive < MANY / 2
