"""The IEs that are no groups: the type and the codec of each (TS 29.244, table 8.1.2-1 and clause 8.2).

A group's field is declared with one of these names. Times are seconds, either of a duration or since
1900-01-01 (RFC 5905); `ntp_seconds` converts.
"""

from __future__ import annotations

from typing import Annotated

from p4fabric.controller.n4.pfcp import composite as c
from p4fabric.controller.n4.pfcp import flags as f
from p4fabric.controller.n4.pfcp import reporting as r
from p4fabric.controller.n4.pfcp import values as v
from p4fabric.controller.n4.pfcp.causes import Cause, FailedRule
from p4fabric.controller.n4.pfcp.ie_types import IeType as T
from p4fabric.controller.n4.pfcp.octets import OPAQUE, TEXT, U8, U16, U32, enumerated, flags, number
from p4fabric.controller.n4.pfcp.schema import Leaf

_NTP_EPOCH = 2_208_988_800
"""1970 in seconds since 1900."""


def ntp_seconds(unix_seconds: float) -> int:
    """A time since 1970 as PFCP has it: seconds since 1900, which begin again in 2036."""
    return int(unix_seconds + _NTP_EPOCH) & 0xFFFFFFFF


# Which rule
PdrIdIe = Annotated[v.PdrId, Leaf(T.PDR_ID, U16)]
FarIdIe = Annotated[v.FarId, Leaf(T.FAR_ID, U32)]
QerIdIe = Annotated[v.QerId, Leaf(T.QER_ID, U32)]
UrrIdIe = Annotated[v.UrrId, Leaf(T.URR_ID, U32)]
LinkedUrrIdIe = Annotated[v.UrrId, Leaf(T.LINKED_URR_ID, U32)]
BarIdIe = Annotated[v.BarId, Leaf(T.BAR_ID, U8)]
FailedRuleIe = Annotated[FailedRule, Leaf(T.FAILED_RULE_ID, c.FAILED_RULE)]

# Answers
CauseIe = Annotated[Cause, Leaf(T.CAUSE, c.CAUSE)]
OffendingIe = Annotated[int, Leaf(T.OFFENDING_IE, U16)]
OffendingIeInformationIe = Annotated[
    v.OffendingIeInformation, Leaf(T.OFFENDING_IE_INFORMATION, r.OFFENDING_IE_INFORMATION)
]

# Nodes and sessions
NodeIdIe = Annotated[v.NodeId, Leaf(T.NODE_ID, c.NODE_ID)]
FSeidIe = Annotated[v.FSeid, Leaf(T.F_SEID, c.F_SEID)]
RecoveryTimeStampIe = Annotated[int, Leaf(T.RECOVERY_TIME_STAMP, U32)]
UpFeaturesIe = Annotated[f.UpFeatures, Leaf(T.UP_FUNCTION_FEATURES, flags(f.UpFeatures, 6))]
CpFeaturesIe = Annotated[f.CpFeatures, Leaf(T.CP_FUNCTION_FEATURES, flags(f.CpFeatures, 2))]
AssociationReleaseIe = Annotated[
    f.AssociationReleaseFlags,
    Leaf(T.PFCP_ASSOCIATION_RELEASE_REQUEST, flags(f.AssociationReleaseFlags, 1)),
]
AssociationUpdateFlagsIe = Annotated[
    f.AssociationUpdateFlags, Leaf(T.PFCPAUREQ_FLAGS, flags(f.AssociationUpdateFlags, 1))
]
AssociationRequestFlagsIe = Annotated[int, Leaf(T.PFCPASREQ_FLAGS, U8)]
AssociationResponseFlagsIe = Annotated[int, Leaf(T.PFCPASRSP_FLAGS, U8)]
GracefulReleasePeriodIe = Annotated[v.Timer, Leaf(T.GRACEFUL_RELEASE_PERIOD, r.TIMER)]
AlternativeSmfIe = Annotated[v.Addresses, Leaf(T.ALTERNATIVE_SMF_IP_ADDRESS, c.ADDRESSES)]
CpEntityAddressIe = Annotated[v.Addresses, Leaf(T.CP_PFCP_ENTITY_IP_ADDRESS, c.ADDRESSES)]
SourceAddressIe = Annotated[v.Addresses, Leaf(T.SOURCE_IP_ADDRESS, c.ADDRESSES)]
SmfSetIdIe = Annotated[bytes, Leaf(T.SMF_SET_ID, OPAQUE)]
NfInstanceIe = Annotated[bytes, Leaf(T.NF_INSTANCE_ID, OPAQUE)]
UpIpResourceIe = Annotated[v.UpIpResource, Leaf(T.USER_PLANE_IP_RESOURCE_INFORMATION, r.UP_IP_RESOURCE)]
NodeReportTypeIe = Annotated[f.NodeReportType, Leaf(T.NODE_REPORT_TYPE, flags(f.NodeReportType, 1))]
RemotePeerIe = Annotated[v.RemoteGtpuPeer, Leaf(T.REMOTE_GTP_U_PEER, r.REMOTE_PEER)]
FqCsidIe = Annotated[bytes, Leaf(T.FQ_CSID, OPAQUE)]
PdnTypeIe = Annotated[f.PdnType, Leaf(T.PDN_TYPE, enumerated(f.PdnType, 3))]
UserIdIe = Annotated[v.UserId, Leaf(T.USER_ID, r.USER_ID)]
ApnDnnIe = Annotated[bytes, Leaf(T.APN_DNN, OPAQUE)]
SNssaiIe = Annotated[v.SNssai, Leaf(T.S_NSSAI, r.S_NSSAI)]
RatTypeIe = Annotated[int, Leaf(T.RAT_TYPE, U8)]
UserPlaneInactivityIe = Annotated[int, Leaf(T.USER_PLANE_INACTIVITY_TIMER, U32)]
EstablishmentFlagsIe = Annotated[
    f.EstablishmentFlags, Leaf(T.PFCPSEREQ_FLAGS, flags(f.EstablishmentFlags, 1))
]
ModificationFlagsIe = Annotated[f.ModificationFlags, Leaf(T.PFCPSMREQ_FLAGS, flags(f.ModificationFlags, 1))]
ReportRequestFlagsIe = Annotated[
    f.ReportRequestFlags, Leaf(T.PFCPSRREQ_FLAGS, flags(f.ReportRequestFlags, 1))
]
ReportResponseFlagsIe = Annotated[
    f.ReportResponseFlags, Leaf(T.PFCPSRRSP_FLAGS, flags(f.ReportResponseFlags, 1))
]
DeletionResponseFlagsIe = Annotated[int, Leaf(T.PFCPSDRSP_FLAGS, U8)]

# Load and overload
SequenceNumberIe = Annotated[int, Leaf(T.SEQUENCE_NUMBER, U32)]
MetricIe = Annotated[int, Leaf(T.METRIC, U8)]
TimerIe = Annotated[v.Timer, Leaf(T.TIMER, r.TIMER)]
OciFlagsIe = Annotated[int, Leaf(T.OCI_FLAGS, U8)]

# Packet detection
PrecedenceIe = Annotated[int, Leaf(T.PRECEDENCE, U32)]
SourceInterfaceIe = Annotated[f.SourceInterface, Leaf(T.SOURCE_INTERFACE, enumerated(f.SourceInterface))]
FTeidIe = Annotated[v.FTeid | v.FTeidChoice, Leaf(T.F_TEID, c.F_TEID)]
NetworkInstanceIe = Annotated[bytes, Leaf(T.NETWORK_INSTANCE, OPAQUE)]
UeIpAddressIe = Annotated[v.UeIpAddress, Leaf(T.UE_IP_ADDRESS, c.UE_IP_ADDRESS)]
SdfFilterIe = Annotated[v.SdfFilter, Leaf(T.SDF_FILTER, c.SDF_FILTER)]
ApplicationIdIe = Annotated[str, Leaf(T.APPLICATION_ID, TEXT)]
QfiIe = Annotated[int, Leaf(T.QFI, number(1, 63, spare=True))]
InterfaceTypeIe = Annotated[int, Leaf(T.TGPP_INTERFACE_TYPE, number(1, 63, spare=True))]
FramedRouteIe = Annotated[str, Leaf(T.FRAMED_ROUTE, TEXT)]
FramedIpv6RouteIe = Annotated[str, Leaf(T.FRAMED_IPV6_ROUTE, TEXT)]
OuterHeaderRemovalIe = Annotated[v.OuterHeaderRemoval, Leaf(T.OUTER_HEADER_REMOVAL, c.OUTER_HEADER_REMOVAL)]
ActivatedRulesIe = Annotated[str, Leaf(T.ACTIVATE_PREDEFINED_RULES, TEXT)]
DeactivatedRulesIe = Annotated[str, Leaf(T.DEACTIVATE_PREDEFINED_RULES, TEXT)]
ActivationTimeIe = Annotated[int, Leaf(T.ACTIVATION_TIME, U32)]
DeactivationTimeIe = Annotated[int, Leaf(T.DEACTIVATION_TIME, U32)]

# Forwarding
ApplyActionIe = Annotated[f.ApplyAction, Leaf(T.APPLY_ACTION, flags(f.ApplyAction, 2))]
DestinationInterfaceIe = Annotated[
    f.DestinationInterface, Leaf(T.DESTINATION_INTERFACE, enumerated(f.DestinationInterface))
]
OuterHeaderCreationIe = Annotated[
    v.OuterHeaderCreation, Leaf(T.OUTER_HEADER_CREATION, c.OUTER_HEADER_CREATION)
]
TransportMarkingIe = Annotated[v.Marking, Leaf(T.TRANSPORT_LEVEL_MARKING, c.MARKING)]
ForwardingPolicyIe = Annotated[bytes, Leaf(T.FORWARDING_POLICY, OPAQUE)]
HeaderEnrichmentIe = Annotated[bytes, Leaf(T.HEADER_ENRICHMENT, OPAQUE)]
RedirectIe = Annotated[v.RedirectInformation, Leaf(T.REDIRECT_INFORMATION, r.REDIRECT)]

# Quality of service
GateStatusIe = Annotated[v.GateStatus, Leaf(T.GATE_STATUS, c.GATE_STATUS)]
MbrIe = Annotated[v.BitRate, Leaf(T.MBR, c.BIT_RATE)]
GbrIe = Annotated[v.BitRate, Leaf(T.GBR, c.BIT_RATE)]
CorrelationIe = Annotated[int, Leaf(T.QER_CORRELATION_ID, U32)]
RqiIe = Annotated[int, Leaf(T.RQI, number(1, 1, spare=True))]
PagingPolicyIe = Annotated[int, Leaf(T.PAGING_POLICY_INDICATOR, number(1, 7, spare=True))]
AveragingWindowIe = Annotated[int, Leaf(T.AVERAGING_WINDOW, U32)]
PacketRateIe = Annotated[bytes, Leaf(T.PACKET_RATE, OPAQUE)]
FlowLevelMarkingIe = Annotated[v.FlowLevelMarking, Leaf(T.DL_FLOW_LEVEL_MARKING, r.FLOW_LEVEL_MARKING)]
QerIndicationsIe = Annotated[int, Leaf(T.QER_CONTROL_INDICATIONS, U8)]

# Usage
MeasurementMethodIe = Annotated[
    f.MeasurementMethod, Leaf(T.MEASUREMENT_METHOD, flags(f.MeasurementMethod, 1))
]
ReportingTriggersIe = Annotated[
    f.ReportingTriggers, Leaf(T.REPORTING_TRIGGERS, flags(f.ReportingTriggers, 3, least=2))
]
UsageTriggerIe = Annotated[
    f.UsageReportTrigger, Leaf(T.USAGE_REPORT_TRIGGER, flags(f.UsageReportTrigger, 3, least=2))
]
MeasurementInformationIe = Annotated[
    f.MeasurementInformation, Leaf(T.MEASUREMENT_INFORMATION, flags(f.MeasurementInformation, 1))
]
UsageInformationIe = Annotated[f.UsageInformation, Leaf(T.USAGE_INFORMATION, flags(f.UsageInformation, 1))]
MeasurementPeriodIe = Annotated[int, Leaf(T.MEASUREMENT_PERIOD, U32)]
VolumeThresholdIe = Annotated[v.Volume, Leaf(T.VOLUME_THRESHOLD, r.VOLUME)]
VolumeQuotaIe = Annotated[v.Volume, Leaf(T.VOLUME_QUOTA, r.VOLUME)]
NextVolumeThresholdIe = Annotated[v.Volume, Leaf(T.SUBSEQUENT_VOLUME_THRESHOLD, r.VOLUME)]
NextVolumeQuotaIe = Annotated[v.Volume, Leaf(T.SUBSEQUENT_VOLUME_QUOTA, r.VOLUME)]
TimeThresholdIe = Annotated[int, Leaf(T.TIME_THRESHOLD, U32)]
TimeQuotaIe = Annotated[int, Leaf(T.TIME_QUOTA, U32)]
NextTimeThresholdIe = Annotated[int, Leaf(T.SUBSEQUENT_TIME_THRESHOLD, U32)]
NextTimeQuotaIe = Annotated[int, Leaf(T.SUBSEQUENT_TIME_QUOTA, U32)]
QuotaHoldingTimeIe = Annotated[int, Leaf(T.QUOTA_HOLDING_TIME, U32)]
QuotaValidityTimeIe = Annotated[int, Leaf(T.QUOTA_VALIDITY_TIME, U32)]
DroppedDownlinkIe = Annotated[
    v.DroppedDownlinkTraffic, Leaf(T.DROPPED_DL_TRAFFIC_THRESHOLD, r.DROPPED_DOWNLINK)
]
MonitoringTimeIe = Annotated[int, Leaf(T.MONITORING_TIME, U32)]
InactivityDetectionIe = Annotated[int, Leaf(T.INACTIVITY_DETECTION_TIME, U32)]
TimeQuotaMechanismIe = Annotated[v.TimeQuotaMechanism, Leaf(T.TIME_QUOTA_MECHANISM, r.TIME_QUOTA_MECHANISM)]
NumberOfReportsIe = Annotated[int, Leaf(T.NUMBER_OF_REPORTS, U16)]
UrSeqnIe = Annotated[int, Leaf(T.UR_SEQN, U32)]
StartTimeIe = Annotated[int, Leaf(T.START_TIME, U32)]
EndTimeIe = Annotated[int, Leaf(T.END_TIME, U32)]
VolumeMeasurementIe = Annotated[v.VolumeMeasurement, Leaf(T.VOLUME_MEASUREMENT, r.VOLUME_MEASUREMENT)]
DurationMeasurementIe = Annotated[int, Leaf(T.DURATION_MEASUREMENT, U32)]
FirstPacketIe = Annotated[int, Leaf(T.TIME_OF_FIRST_PACKET, U32)]
LastPacketIe = Annotated[int, Leaf(T.TIME_OF_LAST_PACKET, U32)]
EventTimeIe = Annotated[int, Leaf(T.EVENT_TIME_STAMP, U32)]
QueryReferenceIe = Annotated[int, Leaf(T.QUERY_URR_REFERENCE, U32)]
AdditionalReportsIe = Annotated[
    v.AdditionalUsageReports, Leaf(T.ADDITIONAL_USAGE_REPORTS_INFORMATION, r.ADDITIONAL_REPORTS)
]
ReportTypeIe = Annotated[f.ReportType, Leaf(T.REPORT_TYPE, flags(f.ReportType, 1))]

# Buffering
NotificationDelayIe = Annotated[int, Leaf(T.DOWNLINK_DATA_NOTIFICATION_DELAY, U8)]
BufferingDurationIe = Annotated[v.Timer, Leaf(T.DL_BUFFERING_DURATION, r.TIMER)]
SuggestedPacketsIe = Annotated[int, Leaf(T.SUGGESTED_BUFFERING_PACKETS_COUNT, U8)]
DataServiceIe = Annotated[
    v.DownlinkDataService, Leaf(T.DOWNLINK_DATA_SERVICE_INFORMATION, r.DOWNLINK_DATA_SERVICE)
]
DataPacketsSizeIe = Annotated[int, Leaf(T.DL_DATA_PACKETS_SIZE, U16)]
DataStatusIe = Annotated[int, Leaf(T.DATA_STATUS, U8)]

# Packet flow descriptions
PfdContentsIe = Annotated[bytes, Leaf(T.PFD_CONTENTS, OPAQUE)]
