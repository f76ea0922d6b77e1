"""What SMFs ask for that is not done: what the fabric cannot do yet, and what its operator gives up."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["WithoutEffect"]


class WithoutEffect(StrEnum):
    """What may be accepted all the same, if the operator of the node says so."""

    BIT_RATES = "bitRates"
    """MBR and GBR of QERs: rates are not limited."""
    GUARANTEED_BIT_RATES = "guaranteedBitRates"
    """GBR of QERs: no rate is set aside; MBR is enforced."""
    UPLINK_QFI = "uplinkQfi"
    """QFIs of uplink PDRs: a session's uplink packets are taken with any QFI."""
    BUFFERING = "buffering"
    """Packets to an idle UE are dropped, and the SMF is not told of them."""
    USAGE_REPORTS = "usageReports"
    """URRs: usage is not reported."""
