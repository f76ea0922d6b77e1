"""Grouped IEs of answers and reports (TS 29.244, clauses 7.4.5, 7.5.3, 7.5.5, 7.5.7 and 7.5.8)."""

from __future__ import annotations

from p4fabric.controller.n4.pfcp import ies as ie
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.schema import Group, group

__all__ = [
    "ApplicationPfds",
    "CreatedPdr",
    "DownlinkDataReport",
    "ErrorIndicationReport",
    "LoadControl",
    "OverloadControl",
    "PartialFailure",
    "PathFailureReport",
    "PathRecoveryReport",
    "PfdContext",
    "SessionRetention",
    "UpdatedPdr",
    "UsageReport",
]


@group
class CreatedPdr(Group):
    """What the user plane function chose for a PDR (table 7.5.3.2-1)."""

    IE = IeType.CREATED_PDR

    pdr_id: ie.PdrIdIe
    f_teid: ie.FTeidIe | None = None
    ue_ip_addresses: tuple[ie.UeIpAddressIe, ...] = ()


@group
class UpdatedPdr(Group):
    """What it chose for a PDR that was changed (table 7.5.5.5-1)."""

    IE = IeType.UPDATED_PDR

    pdr_id: ie.PdrIdIe
    f_teid: ie.FTeidIe | None = None
    ue_ip_addresses: tuple[ie.UeIpAddressIe, ...] = ()


@group
class LoadControl(Group):
    """How busy a node is (table 7.5.3.3-1)."""

    IE = IeType.LOAD_CONTROL_INFORMATION

    sequence: ie.SequenceNumberIe
    metric: ie.MetricIe


@group
class OverloadControl(Group):
    """How much less a node wants to be sent (table 7.5.3.4-1)."""

    IE = IeType.OVERLOAD_CONTROL_INFORMATION

    sequence: ie.SequenceNumberIe
    metric: ie.MetricIe
    validity: ie.TimerIe
    flags: ie.OciFlagsIe | None = None


@group
class PartialFailure(Group):
    """A rule that failed where others were accepted (table 7.5.3.1-2)."""

    IE = IeType.PARTIAL_FAILURE_INFORMATION

    failed_rule: ie.FailedRuleIe
    cause: ie.CauseIe
    offending_ies: tuple[ie.OffendingIeInformationIe, ...] = ()


@group
class UsageReport(Group):
    """What a URR counted (tables 7.5.5.2-1, 7.5.7.2-1 and 7.5.8.3-1).

    It stands under one of three types of IE, which the message's field says.
    """

    urr_id: ie.UrrIdIe
    ur_seqn: ie.UrSeqnIe
    trigger: ie.UsageTriggerIe
    start_time: ie.StartTimeIe | None = None
    end_time: ie.EndTimeIe | None = None
    volume: ie.VolumeMeasurementIe | None = None
    duration: ie.DurationMeasurementIe | None = None
    ue_ip_address: ie.UeIpAddressIe | None = None
    network_instance: ie.NetworkInstanceIe | None = None
    first_packet: ie.FirstPacketIe | None = None
    last_packet: ie.LastPacketIe | None = None
    usage_information: ie.UsageInformationIe | None = None
    query_reference: ie.QueryReferenceIe | None = None
    event_time: ie.EventTimeIe | None = None


@group
class DownlinkDataReport(Group):
    """That packets wait for a UE (table 7.5.8.2-1)."""

    IE = IeType.DOWNLINK_DATA_REPORT

    pdr_ids: tuple[ie.PdrIdIe, ...]
    services: tuple[ie.DataServiceIe, ...] = ()
    packets_size: ie.DataPacketsSizeIe | None = None
    data_status: ie.DataStatusIe | None = None


@group
class ErrorIndicationReport(Group):
    """That a peer does not know tunnels (table 7.5.8.4-1)."""

    IE = IeType.ERROR_INDICATION_REPORT

    f_teids: tuple[ie.FTeidIe, ...]


@group
class PathFailureReport(Group):
    """That GTP-U peers do not answer (table 7.4.5.1.2-1)."""

    IE = IeType.USER_PLANE_PATH_FAILURE_REPORT

    peers: tuple[ie.RemotePeerIe, ...]


@group
class PathRecoveryReport(Group):
    """That GTP-U peers answer again (table 7.4.5.1.3-1)."""

    IE = IeType.USER_PLANE_PATH_RECOVERY_REPORT

    peers: tuple[ie.RemotePeerIe, ...]


@group
class SessionRetention(Group):
    """That sessions of an association that is set up again are to be kept (table 7.4.4.1-2)."""

    IE = IeType.SESSION_RETENTION_INFORMATION

    cp_addresses: tuple[ie.CpEntityAddressIe, ...] = ()


@group
class PfdContext(Group):
    """Packet flow descriptions (table 7.4.3.1-3)."""

    IE = IeType.PFD_CONTEXT

    contents: tuple[ie.PfdContentsIe, ...]


@group
class ApplicationPfds(Group):
    """Packet flow descriptions of an application (table 7.4.3.1-2)."""

    IE = IeType.APPLICATION_IDS_PFDS

    application_id: ie.ApplicationIdIe
    contexts: tuple[PfdContext, ...] = ()
