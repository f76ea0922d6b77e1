"""What a session may have, and what it may ask for."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Limits"]


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of a session, and how its SMF is understood.

    Attributes:
        pdrs: it may have; likewise the others.
        filters: a PDR may have.
        ue_addresses: a PDI may have.
        remote_port_is_last: the SMF writes the remote end's port behind the UE (see `parse_flow`).
    """

    pdrs: int = 64
    fars: int = 64
    qers: int = 64
    urrs: int = 64
    bars: int = 8
    filters: int = 32
    ue_addresses: int = 16
    remote_port_is_last: bool = False
