"""Enumerations and sets of flags that IEs hold (TS 29.244, clause 8.2).

A flag's number is its place in the octets of its IE: bit 1 of the first octet is number 0, of the second 8.
Flags of later releases are kept as they came.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Self, TypeVar

__all__ = [
    "ApplyAction",
    "AssociationReleaseFlags",
    "AssociationUpdateFlags",
    "CpFeatures",
    "DestinationInterface",
    "EstablishmentFlags",
    "Flags",
    "Gate",
    "MeasurementInformation",
    "MeasurementMethod",
    "ModificationFlags",
    "NodeReportType",
    "PdnType",
    "ReportRequestFlags",
    "ReportResponseFlags",
    "ReportType",
    "ReportingTriggers",
    "SourceInterface",
    "UpFeatures",
    "UsageInformation",
    "UsageReportTrigger",
]

F = TypeVar("F", bound="Flags")


class _Bit:
    """A flag, as an attribute of the class of its set."""

    def __init__(self, number: int) -> None:
        self.number = number

    def __get__(self, instance: object, owner: type[F]) -> F:
        return owner(1 << self.number)


class Flags(int):
    """A set of flags. Unlike `enum.IntFlag` it remembers no combination: what peers send fills no memory."""

    def __or__(self, other: int) -> Self:
        """Both sets together."""
        return type(self)(int(self) | int(other))

    def __and__(self, other: int) -> Self:
        """What both sets have."""
        return type(self)(int(self) & int(other))

    def without(self, other: int) -> Self:
        """What the other set does not have."""
        return type(self)(int(self) & ~int(other))

    def names(self) -> tuple[str, ...]:
        """The flags that are set and known, in order."""
        known = [(one.number, name) for name, one in vars(type(self)).items() if isinstance(one, _Bit)]
        return tuple(name for number, name in sorted(known) if self >> number & 1)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({'|'.join(self.names()) or 0})"


class SourceInterface(IntEnum):
    """Where packets come from (clause 8.2.2)."""

    ACCESS = 0
    CORE = 1
    N6_LAN = 2
    CP_FUNCTION = 3
    VN_INTERNAL = 4


class DestinationInterface(IntEnum):
    """Where packets go (clause 8.2.24)."""

    ACCESS = 0
    CORE = 1
    N6_LAN = 2
    CP_FUNCTION = 3
    LI_FUNCTION = 4
    VN_INTERNAL = 5


class Gate(IntEnum):
    """Whether packets of one direction pass (clause 8.2.7)."""

    OPEN = 0
    CLOSED = 1


class PdnType(IntEnum):
    """What a session carries (clause 8.2.79)."""

    IPV4 = 1
    IPV6 = 2
    IPV4V6 = 3
    NON_IP = 4
    ETHERNET = 5


class ApplyAction(Flags):
    """What a FAR does with packets (clause 8.2.26)."""

    DROP = _Bit(0)
    FORW = _Bit(1)
    BUFF = _Bit(2)
    NOCP = _Bit(3)
    DUPL = _Bit(4)
    IPMA = _Bit(5)
    IPMD = _Bit(6)
    DFRT = _Bit(7)
    EDRT = _Bit(8)
    BDPN = _Bit(9)
    DDPN = _Bit(10)


class ReportingTriggers(Flags):
    """When a URR reports (clause 8.2.19)."""

    PERIO = _Bit(0)
    VOLTH = _Bit(1)
    TIMTH = _Bit(2)
    QUHTI = _Bit(3)
    START = _Bit(4)
    STOPT = _Bit(5)
    DROTH = _Bit(6)
    LIUSA = _Bit(7)
    VOLQU = _Bit(8)
    TIMQU = _Bit(9)
    ENVCL = _Bit(10)
    MACAR = _Bit(11)
    EVETH = _Bit(12)
    EVEQU = _Bit(13)
    IPMJL = _Bit(14)
    QUVTI = _Bit(15)
    REEMR = _Bit(16)
    UPINT = _Bit(17)


class UsageReportTrigger(Flags):
    """Why a usage report was sent (clause 8.2.41)."""

    PERIO = _Bit(0)
    VOLTH = _Bit(1)
    TIMTH = _Bit(2)
    QUHTI = _Bit(3)
    START = _Bit(4)
    STOPT = _Bit(5)
    DROTH = _Bit(6)
    IMMER = _Bit(7)
    VOLQU = _Bit(8)
    TIMQU = _Bit(9)
    LIUSA = _Bit(10)
    TERMR = _Bit(11)
    MONIT = _Bit(12)
    ENVCL = _Bit(13)
    MACAR = _Bit(14)
    EVETH = _Bit(15)
    EVEQU = _Bit(16)
    TEBUR = _Bit(17)
    IPMJL = _Bit(18)
    QUVTI = _Bit(19)
    EMRRE = _Bit(20)
    UPINT = _Bit(21)


class MeasurementMethod(Flags):
    """What a URR counts (clause 8.2.40)."""

    DURAT = _Bit(0)
    VOLUM = _Bit(1)
    EVENT = _Bit(2)


class MeasurementInformation(Flags):
    """How a URR counts (clause 8.2.68)."""

    MBQE = _Bit(0)
    INAM = _Bit(1)
    RADI = _Bit(2)
    ISTM = _Bit(3)
    MNOP = _Bit(4)
    SSPOC = _Bit(5)
    ASPOC = _Bit(6)
    CIAM = _Bit(7)


class UsageInformation(Flags):
    """What a usage report is about (clause 8.2.59)."""

    BEF = _Bit(0)
    AFT = _Bit(1)
    UAE = _Bit(2)
    UBE = _Bit(3)


class ReportType(Flags):
    """What a session report holds (clause 8.2.21)."""

    DLDR = _Bit(0)
    USAR = _Bit(1)
    ERIR = _Bit(2)
    UPIR = _Bit(3)
    TMIR = _Bit(4)
    SESR = _Bit(5)
    UISR = _Bit(6)


class NodeReportType(Flags):
    """What a node report holds (clause 8.2.69)."""

    UPFR = _Bit(0)
    UPRR = _Bit(1)
    CKDR = _Bit(2)
    GPQR = _Bit(3)
    PURR = _Bit(4)
    VSR = _Bit(5)


class ModificationFlags(Flags):
    """PFCPSMReq-Flags (clause 8.2.31)."""

    DROBU = _Bit(0)
    SNDEM = _Bit(1)
    QAURR = _Bit(2)
    SUMPC = _Bit(3)
    RUMUC = _Bit(4)
    DETEID = _Bit(5)


class EstablishmentFlags(Flags):
    """PFCPSEReq-Flags (clause 8.2.136)."""

    RESTI = _Bit(0)
    SUMPC = _Bit(1)


class ReportRequestFlags(Flags):
    """PFCPSRReq-Flags (clause 8.2.119)."""

    PSDBU = _Bit(0)


class ReportResponseFlags(Flags):
    """PFCPSRRsp-Flags (clause 8.2.32)."""

    DROBU = _Bit(0)


class AssociationUpdateFlags(Flags):
    """PFCPAUReq-Flags (clause 8.2.120)."""

    PARPS = _Bit(0)


class AssociationReleaseFlags(Flags):
    """PFCP Association Release Request (clause 8.2.77)."""

    SARR = _Bit(0)
    URSS = _Bit(1)


class CpFeatures(Flags):
    """What a control plane function can do (clause 8.2.58)."""

    LOAD = _Bit(0)
    OVRL = _Bit(1)
    EPFAR = _Bit(2)
    SSET = _Bit(3)
    BUNDL = _Bit(4)
    MPAS = _Bit(5)
    ARDR = _Bit(6)
    UIAUR = _Bit(7)
    PSUCC = _Bit(8)
    RPGUR = _Bit(9)


class UpFeatures(Flags):
    """What a user plane function can do (clause 8.2.25)."""

    BUCP = _Bit(0)
    DDND = _Bit(1)
    DLBD = _Bit(2)
    TRST = _Bit(3)
    FTUP = _Bit(4)
    PFDM = _Bit(5)
    HEEU = _Bit(6)
    TREU = _Bit(7)
    EMPU = _Bit(8)
    PDIU = _Bit(9)
    UDBC = _Bit(10)
    QUOAC = _Bit(11)
    TRACE = _Bit(12)
    FRRT = _Bit(13)
    PFDE = _Bit(14)
    EPFAR = _Bit(15)
    DPDRA = _Bit(16)
    ADPDP = _Bit(17)
    UEIP = _Bit(18)
    SSET = _Bit(19)
    MNOP = _Bit(20)
    MTE = _Bit(21)
    BUNDL = _Bit(22)
    GCOM = _Bit(23)
    MPAS = _Bit(24)
    RTTL = _Bit(25)
    VTIME = _Bit(26)
    NORP = _Bit(27)
    IPTV = _Bit(28)
    IP6PL = _Bit(29)
    TSCU = _Bit(30)
    MPTCP = _Bit(31)
    ATSSS_LL = _Bit(32)
    QFQM = _Bit(33)
    GPQM = _Bit(34)
    MT_EDT = _Bit(35)
    CIOT = _Bit(36)
    ETHAR = _Bit(37)
    DDDS = _Bit(38)
    RDS = _Bit(39)
    RTTWP = _Bit(40)
    QUASF = _Bit(41)
    NSPOC = _Bit(42)
    L2TP = _Bit(43)
    UPBER = _Bit(44)
    RESPS = _Bit(45)
    IPREP = _Bit(46)
    DNSTS = _Bit(47)
