"""Bodies of all messages (TS 29.244, clauses 7.4 and 7.5)."""

from __future__ import annotations

from typing import Annotated, ClassVar

from p4fabric.controller.n4.pfcp import ies as ie
from p4fabric.controller.n4.pfcp import reports, rules
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.message_types import MessageType
from p4fabric.controller.n4.pfcp.schema import Group, GroupAs, group

__all__ = [
    "REQUESTS",
    "RESPONSES",
    "AssociationReleaseRequest",
    "AssociationReleaseResponse",
    "AssociationSetupRequest",
    "AssociationSetupResponse",
    "AssociationUpdateRequest",
    "AssociationUpdateResponse",
    "HeartbeatRequest",
    "HeartbeatResponse",
    "Message",
    "NodeReportRequest",
    "NodeReportResponse",
    "PfdManagementRequest",
    "PfdManagementResponse",
    "SessionDeletionRequest",
    "SessionDeletionResponse",
    "SessionEstablishmentRequest",
    "SessionEstablishmentResponse",
    "SessionModificationRequest",
    "SessionModificationResponse",
    "SessionReportRequest",
    "SessionReportResponse",
    "SessionSetDeletionRequest",
    "SessionSetDeletionResponse",
    "VersionNotSupportedResponse",
]


@group
class Message(Group):
    """The body of a message."""

    TYPE: ClassVar[MessageType]


@group
class HeartbeatRequest(Message):
    """Table 7.4.2.1-1."""

    TYPE = MessageType.HEARTBEAT_REQUEST

    recovery_time_stamp: ie.RecoveryTimeStampIe
    source_address: ie.SourceAddressIe | None = None


@group
class HeartbeatResponse(Message):
    """Table 7.4.2.2-1."""

    TYPE = MessageType.HEARTBEAT_RESPONSE

    recovery_time_stamp: ie.RecoveryTimeStampIe


@group
class PfdManagementRequest(Message):
    """Table 7.4.3.1-1."""

    TYPE = MessageType.PFD_MANAGEMENT_REQUEST

    applications: tuple[reports.ApplicationPfds, ...] = ()
    node_id: ie.NodeIdIe | None = None


@group
class PfdManagementResponse(Message):
    """Table 7.4.3.2-1."""

    TYPE = MessageType.PFD_MANAGEMENT_RESPONSE

    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None
    node_id: ie.NodeIdIe | None = None


@group
class AssociationSetupRequest(Message):
    """Table 7.4.4.1-1."""

    TYPE = MessageType.ASSOCIATION_SETUP_REQUEST

    node_id: ie.NodeIdIe
    recovery_time_stamp: ie.RecoveryTimeStampIe
    up_features: ie.UpFeaturesIe | None = None
    cp_features: ie.CpFeaturesIe | None = None
    ip_resources: tuple[ie.UpIpResourceIe, ...] = ()
    alternative_smfs: tuple[ie.AlternativeSmfIe, ...] = ()
    smf_set_id: ie.SmfSetIdIe | None = None
    session_retention: reports.SessionRetention | None = None
    nf_instance: ie.NfInstanceIe | None = None
    flags: ie.AssociationRequestFlagsIe | None = None


@group
class AssociationSetupResponse(Message):
    """Table 7.4.4.2-1."""

    TYPE = MessageType.ASSOCIATION_SETUP_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe
    recovery_time_stamp: ie.RecoveryTimeStampIe
    up_features: ie.UpFeaturesIe | None = None
    cp_features: ie.CpFeaturesIe | None = None
    ip_resources: tuple[ie.UpIpResourceIe, ...] = ()
    alternative_smfs: tuple[ie.AlternativeSmfIe, ...] = ()
    smf_set_id: ie.SmfSetIdIe | None = None
    flags: ie.AssociationResponseFlagsIe | None = None
    nf_instance: ie.NfInstanceIe | None = None


@group
class AssociationUpdateRequest(Message):
    """Table 7.4.4.3-1."""

    TYPE = MessageType.ASSOCIATION_UPDATE_REQUEST

    node_id: ie.NodeIdIe
    up_features: ie.UpFeaturesIe | None = None
    cp_features: ie.CpFeaturesIe | None = None
    release: ie.AssociationReleaseIe | None = None
    graceful_release_period: ie.GracefulReleasePeriodIe | None = None
    ip_resources: tuple[ie.UpIpResourceIe, ...] = ()
    flags: ie.AssociationUpdateFlagsIe | None = None
    alternative_smfs: tuple[ie.AlternativeSmfIe, ...] = ()
    smf_set_id: ie.SmfSetIdIe | None = None


@group
class AssociationUpdateResponse(Message):
    """Table 7.4.4.4-1."""

    TYPE = MessageType.ASSOCIATION_UPDATE_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe
    up_features: ie.UpFeaturesIe | None = None
    cp_features: ie.CpFeaturesIe | None = None


@group
class AssociationReleaseRequest(Message):
    """Table 7.4.4.5-1."""

    TYPE = MessageType.ASSOCIATION_RELEASE_REQUEST

    node_id: ie.NodeIdIe


@group
class AssociationReleaseResponse(Message):
    """Table 7.4.4.6-1."""

    TYPE = MessageType.ASSOCIATION_RELEASE_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe


@group
class VersionNotSupportedResponse(Message):
    """Clause 7.4.4.7: a header and nothing else."""

    TYPE = MessageType.VERSION_NOT_SUPPORTED_RESPONSE


@group
class NodeReportRequest(Message):
    """Table 7.4.5.1.1-1."""

    TYPE = MessageType.NODE_REPORT_REQUEST

    node_id: ie.NodeIdIe
    report_type: ie.NodeReportTypeIe
    path_failure: reports.PathFailureReport | None = None
    path_recovery: reports.PathRecoveryReport | None = None


@group
class NodeReportResponse(Message):
    """Table 7.4.5.2.1-1."""

    TYPE = MessageType.NODE_REPORT_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None


@group
class SessionSetDeletionRequest(Message):
    """Table 7.4.6.1-1."""

    TYPE = MessageType.SESSION_SET_DELETION_REQUEST

    node_id: ie.NodeIdIe
    fq_csids: tuple[ie.FqCsidIe, ...] = ()


@group
class SessionSetDeletionResponse(Message):
    """Table 7.4.6.2-1."""

    TYPE = MessageType.SESSION_SET_DELETION_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None


@group
class SessionEstablishmentRequest(Message):
    """Table 7.5.2.1-1."""

    TYPE = MessageType.SESSION_ESTABLISHMENT_REQUEST

    node_id: ie.NodeIdIe
    cp_f_seid: ie.FSeidIe
    create_pdrs: tuple[rules.CreatePdr, ...]
    create_fars: tuple[rules.CreateFar, ...]
    create_urrs: tuple[rules.CreateUrr, ...] = ()
    create_qers: tuple[rules.CreateQer, ...] = ()
    create_bars: tuple[rules.CreateBar, ...] = ()
    pdn_type: ie.PdnTypeIe | None = None
    fq_csids: tuple[ie.FqCsidIe, ...] = ()
    user_plane_inactivity: ie.UserPlaneInactivityIe | None = None
    user_id: ie.UserIdIe | None = None
    apn_dnn: ie.ApnDnnIe | None = None
    flags: ie.EstablishmentFlagsIe | None = None
    recovery_time_stamp: ie.RecoveryTimeStampIe | None = None
    s_nssai: ie.SNssaiIe | None = None
    rat_type: ie.RatTypeIe | None = None


@group
class SessionEstablishmentResponse(Message):
    """Table 7.5.3.1-1."""

    TYPE = MessageType.SESSION_ESTABLISHMENT_RESPONSE

    node_id: ie.NodeIdIe
    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None
    up_f_seid: ie.FSeidIe | None = None
    created_pdrs: tuple[reports.CreatedPdr, ...] = ()
    load_control: reports.LoadControl | None = None
    overload_control: reports.OverloadControl | None = None
    fq_csids: tuple[ie.FqCsidIe, ...] = ()
    failed_rule: ie.FailedRuleIe | None = None
    partial_failures: tuple[reports.PartialFailure, ...] = ()


@group
class SessionModificationRequest(Message):
    """Table 7.5.4.1-1."""

    TYPE = MessageType.SESSION_MODIFICATION_REQUEST

    cp_f_seid: ie.FSeidIe | None = None
    remove_pdrs: tuple[rules.RemovePdr, ...] = ()
    remove_fars: tuple[rules.RemoveFar, ...] = ()
    remove_urrs: tuple[rules.RemoveUrr, ...] = ()
    remove_qers: tuple[rules.RemoveQer, ...] = ()
    remove_bars: tuple[rules.RemoveBar, ...] = ()
    create_pdrs: tuple[rules.CreatePdr, ...] = ()
    create_fars: tuple[rules.CreateFar, ...] = ()
    create_urrs: tuple[rules.CreateUrr, ...] = ()
    create_qers: tuple[rules.CreateQer, ...] = ()
    create_bars: tuple[rules.CreateBar, ...] = ()
    update_pdrs: tuple[rules.UpdatePdr, ...] = ()
    update_fars: tuple[rules.UpdateFar, ...] = ()
    update_urrs: tuple[rules.UpdateUrr, ...] = ()
    update_qers: tuple[rules.UpdateQer, ...] = ()
    update_bars: tuple[rules.UpdateBar, ...] = ()
    flags: ie.ModificationFlagsIe | None = None
    query_urrs: tuple[rules.QueryUrr, ...] = ()
    fq_csids: tuple[ie.FqCsidIe, ...] = ()
    user_plane_inactivity: ie.UserPlaneInactivityIe | None = None
    query_reference: ie.QueryReferenceIe | None = None
    node_id: ie.NodeIdIe | None = None
    s_nssai: ie.SNssaiIe | None = None
    rat_type: ie.RatTypeIe | None = None


@group
class SessionModificationResponse(Message):
    """Table 7.5.5.1-1."""

    TYPE = MessageType.SESSION_MODIFICATION_RESPONSE

    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None
    created_pdrs: tuple[reports.CreatedPdr, ...] = ()
    load_control: reports.LoadControl | None = None
    overload_control: reports.OverloadControl | None = None
    usage_reports: tuple[Annotated[reports.UsageReport, GroupAs(IeType.USAGE_REPORT_MODIFICATION)], ...] = ()
    failed_rule: ie.FailedRuleIe | None = None
    additional_reports: ie.AdditionalReportsIe | None = None
    updated_pdrs: tuple[reports.UpdatedPdr, ...] = ()
    partial_failures: tuple[reports.PartialFailure, ...] = ()


@group
class SessionDeletionRequest(Message):
    """Table 7.5.6-1. Some SMFs put their F-SEID in."""

    TYPE = MessageType.SESSION_DELETION_REQUEST

    cp_f_seid: ie.FSeidIe | None = None


@group
class SessionDeletionResponse(Message):
    """Table 7.5.7.1-1."""

    TYPE = MessageType.SESSION_DELETION_RESPONSE

    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None
    load_control: reports.LoadControl | None = None
    overload_control: reports.OverloadControl | None = None
    usage_reports: tuple[Annotated[reports.UsageReport, GroupAs(IeType.USAGE_REPORT_DELETION)], ...] = ()
    additional_reports: ie.AdditionalReportsIe | None = None
    flags: ie.DeletionResponseFlagsIe | None = None


@group
class SessionReportRequest(Message):
    """Table 7.5.8.1-1."""

    TYPE = MessageType.SESSION_REPORT_REQUEST

    report_type: ie.ReportTypeIe
    downlink_data: reports.DownlinkDataReport | None = None
    usage_reports: tuple[Annotated[reports.UsageReport, GroupAs(IeType.USAGE_REPORT_REQUEST)], ...] = ()
    error_indication: reports.ErrorIndicationReport | None = None
    load_control: reports.LoadControl | None = None
    overload_control: reports.OverloadControl | None = None
    additional_reports: ie.AdditionalReportsIe | None = None
    flags: ie.ReportRequestFlagsIe | None = None
    old_cp_f_seid: ie.FSeidIe | None = None


@group
class SessionReportResponse(Message):
    """Table 7.5.9.1-1."""

    TYPE = MessageType.SESSION_REPORT_RESPONSE

    cause: ie.CauseIe
    offending_ie: ie.OffendingIe | None = None
    update_bar: Annotated[rules.UpdateBar, GroupAs(IeType.UPDATE_BAR_REPORT_RESPONSE)] | None = None
    flags: ie.ReportResponseFlagsIe | None = None
    cp_f_seid: ie.FSeidIe | None = None


_PAIRS: tuple[tuple[type[Message], type[Message]], ...] = (
    (HeartbeatRequest, HeartbeatResponse),
    (PfdManagementRequest, PfdManagementResponse),
    (AssociationSetupRequest, AssociationSetupResponse),
    (AssociationUpdateRequest, AssociationUpdateResponse),
    (AssociationReleaseRequest, AssociationReleaseResponse),
    (NodeReportRequest, NodeReportResponse),
    (SessionSetDeletionRequest, SessionSetDeletionResponse),
    (SessionEstablishmentRequest, SessionEstablishmentResponse),
    (SessionModificationRequest, SessionModificationResponse),
    (SessionDeletionRequest, SessionDeletionResponse),
    (SessionReportRequest, SessionReportResponse),
)
REQUESTS: dict[MessageType, tuple[type[Message], type[Message]]] = {
    request.TYPE: (request, response) for request, response in _PAIRS
}
"""Each request by its type, with its response."""
RESPONSES: dict[MessageType, type[Message]] = {response.TYPE: response for _, response in _PAIRS} | {
    VersionNotSupportedResponse.TYPE: VersionNotSupportedResponse
}
"""Each response by its type."""
