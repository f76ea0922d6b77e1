"""Meter configurations (specification, section 9.5): P4Runtime's message and the engine's rates.

Must not know where a meter stands: in an array or with an entry.
"""

from __future__ import annotations

from typing import TypeAlias

from finsy.proto import p4i, p4r

from p4fabric.softswitch.engine.api import MeterConfig, OneRate, TwoRates
from p4fabric.softswitch.server.errors import invalid

MeterType: TypeAlias = "p4i.MeterSpec.Type.ValueType"
_FIELDS = ("cir", "cburst", "pir", "pburst", "eburst")


def decode_rates(given: p4r.MeterConfig, type_: MeterType, name: str) -> MeterConfig:
    """The engine's rates for a meter of this type; `Refusal` names the field that does not fit it."""
    for field in _FIELDS:
        if getattr(given, field) < 0:
            raise invalid(f"{name}: {field} {getattr(given, field)} is negative")
    if given.eburst and type_ != p4i.MeterSpec.SINGLE_RATE_THREE_COLOR:
        raise invalid(f"{name}: eburst {given.eburst}: a single-rate three-color meter has one, this is none")
    if type_ == p4i.MeterSpec.TWO_RATE_THREE_COLOR:
        return TwoRates(given.cir, given.cburst, given.pir, given.pburst)
    for peak, committed in (("pir", "cir"), ("pburst", "cburst")):
        if getattr(given, peak) != getattr(given, committed):
            raise invalid(
                f"{name}: {peak} {getattr(given, peak)}: a single-rate meter needs it to be {committed},"
                f" {getattr(given, committed)}"
            )
    return OneRate(given.cir, given.cburst, given.eburst)


def encode_rates(rates: MeterConfig) -> p4r.MeterConfig:
    """The message that `decode_rates` was given."""
    if isinstance(rates, TwoRates):
        return p4r.MeterConfig(cir=rates.cir, cburst=rates.cburst, pir=rates.pir, pburst=rates.pburst)
    return p4r.MeterConfig(
        cir=rates.cir, cburst=rates.cburst, pir=rates.cir, pburst=rates.cburst, eburst=rates.eburst
    )
