"""What cells of arrays have in common."""

from __future__ import annotations

__all__ = ["check_index"]


def check_index(array: str, size: int, index: int) -> None:
    """Refuse a cell that an array does not have.

    Raises:
        ValueError: the index is outside of the array.
    """
    if not 0 <= index < size:
        raise ValueError(f"{array} has cells 0 to {size - 1}, not {index}")
