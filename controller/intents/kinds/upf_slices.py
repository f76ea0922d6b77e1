"""Slices of a Upf: sessions that share a maximum bit rate.

This module does not know sessions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Annotated

from pydantic import Field

from p4fabric.controller.intents.document import Need, Part
from p4fabric.controller.intents.errors import FieldError, field_path
from p4fabric.controller.intents.fields import Count, Label, Text
from p4fabric.controller.names import IntentKey
from p4fabric.controller.reasons import Code

__all__ = ["MOST_SLICES", "SLICE", "UpfSlice", "check_slices", "slice_need"]

SLICE = "slice"
"""The pool of numbers of slices."""
MOST_SLICES = 64
_MOST_OF_A_SWITCH = 1024
_MOST_KBPS = 400_000_000
_SD = re.compile(r"[0-9a-fA-F]{6}")


def _differentiator(text: str) -> str:
    if not _SD.fullmatch(text):
        raise ValueError("must be a slice differentiator such as 010203: six hexadecimal digits")
    return text.lower()


Differentiator = Annotated[
    str, Text(_differentiator, "a slice differentiator", {"pattern": f"^{_SD.pattern}$"})
]
Kbps = Annotated[int, Count(1, _MOST_KBPS)]


class UpfSlice(Part):
    """Sessions that have all of what is told of them, and what all of them together may send and receive."""

    name: Label
    sst: Annotated[int, Count(0, 255)] | None = Field(None, description="slice/service type, as SMFs tell it")
    sd: Differentiator | None = Field(None, description="slice differentiator, as SMFs tell it")
    dnn: str | None = Field(None, description="of dataNetworks; SMFs need not tell an S-NSSAI")
    maximum_uplink_kbps: Kbps | None = Field(None, description="of IP packets, at each leaf")
    maximum_downlink_kbps: Kbps | None = Field(None, description="likewise")


def check_slices(slices: Sequence[UpfSlice], dnns: Sequence[str]) -> Iterator[FieldError]:
    """Slices without sessions or rates, names that are given twice."""
    for index, one in enumerate(slices):
        where = field_path(("spec", "slices", index))
        if any(one.name == other.name for other in slices[:index]):
            yield FieldError(f"{where}.name", one.name, "is another slice's already", Code.GIVEN_TWICE)
        if one.sst is None and one.dnn is None:
            yield FieldError(where, one.name, "must tell sst or dnn")
        if one.sd is not None and one.sst is None:
            yield FieldError(f"{where}.sd", one.sd, "needs an sst")
        if one.dnn is not None and one.dnn not in dnns:
            yield FieldError(f"{where}.dnn", one.dnn, "must be a DNN of spec.dataNetworks")
        if one.maximum_uplink_kbps is None and one.maximum_downlink_kbps is None:
            yield FieldError(where, one.name, "must have a maximum rate")


def slice_need(upf: IntentKey, name: str) -> Need:
    """The number of a slice."""
    return Need(SLICE, f"{upf.tenant}/{upf.name}/{name}", 1, _MOST_OF_A_SWITCH - 1, "slices")
