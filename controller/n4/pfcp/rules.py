"""Grouped IEs that create, change and remove rules (TS 29.244, clauses 7.5.2 and 7.5.4)."""

from __future__ import annotations

from p4fabric.controller.n4.pfcp import ies as ie
from p4fabric.controller.n4.pfcp.ie_types import IeType
from p4fabric.controller.n4.pfcp.schema import Group, group

__all__ = [
    "CreateBar",
    "CreateFar",
    "CreatePdr",
    "CreateQer",
    "CreateUrr",
    "DuplicatingParameters",
    "ForwardingParameters",
    "Pdi",
    "QueryUrr",
    "RemoveBar",
    "RemoveFar",
    "RemovePdr",
    "RemoveQer",
    "RemoveUrr",
    "UpdateBar",
    "UpdateDuplicatingParameters",
    "UpdateFar",
    "UpdateForwardingParameters",
    "UpdatePdr",
    "UpdateQer",
    "UpdateUrr",
]


@group
class Pdi(Group):
    """Which packets a PDR detects (table 7.5.2.2-2)."""

    IE = IeType.PDI

    source_interface: ie.SourceInterfaceIe
    f_teid: ie.FTeidIe | None = None
    network_instance: ie.NetworkInstanceIe | None = None
    ue_ip_addresses: tuple[ie.UeIpAddressIe, ...] = ()
    sdf_filters: tuple[ie.SdfFilterIe, ...] = ()
    application_id: ie.ApplicationIdIe | None = None
    qfis: tuple[ie.QfiIe, ...] = ()
    framed_routes: tuple[ie.FramedRouteIe, ...] = ()
    framed_ipv6_routes: tuple[ie.FramedIpv6RouteIe, ...] = ()
    interface_type: ie.InterfaceTypeIe | None = None


@group
class CreatePdr(Group):
    """Table 7.5.2.2-1."""

    IE = IeType.CREATE_PDR

    pdr_id: ie.PdrIdIe
    precedence: ie.PrecedenceIe
    pdi: Pdi
    outer_header_removal: ie.OuterHeaderRemovalIe | None = None
    far_id: ie.FarIdIe | None = None
    urr_ids: tuple[ie.UrrIdIe, ...] = ()
    qer_ids: tuple[ie.QerIdIe, ...] = ()
    activated_rules: tuple[ie.ActivatedRulesIe, ...] = ()
    activation_time: ie.ActivationTimeIe | None = None
    deactivation_time: ie.DeactivationTimeIe | None = None


@group
class UpdatePdr(Group):
    """Table 7.5.4.2-1."""

    IE = IeType.UPDATE_PDR

    pdr_id: ie.PdrIdIe
    outer_header_removal: ie.OuterHeaderRemovalIe | None = None
    precedence: ie.PrecedenceIe | None = None
    pdi: Pdi | None = None
    far_id: ie.FarIdIe | None = None
    urr_ids: tuple[ie.UrrIdIe, ...] = ()
    qer_ids: tuple[ie.QerIdIe, ...] = ()
    activated_rules: tuple[ie.ActivatedRulesIe, ...] = ()
    deactivated_rules: tuple[ie.DeactivatedRulesIe, ...] = ()
    activation_time: ie.ActivationTimeIe | None = None
    deactivation_time: ie.DeactivationTimeIe | None = None


@group
class RemovePdr(Group):
    """Table 7.5.4.6-1."""

    IE = IeType.REMOVE_PDR

    pdr_id: ie.PdrIdIe


@group
class ForwardingParameters(Group):
    """Table 7.5.2.3-2."""

    IE = IeType.FORWARDING_PARAMETERS

    destination_interface: ie.DestinationInterfaceIe
    network_instance: ie.NetworkInstanceIe | None = None
    redirect: ie.RedirectIe | None = None
    outer_header_creation: ie.OuterHeaderCreationIe | None = None
    transport_marking: ie.TransportMarkingIe | None = None
    forwarding_policy: ie.ForwardingPolicyIe | None = None
    header_enrichment: ie.HeaderEnrichmentIe | None = None
    interface_type: ie.InterfaceTypeIe | None = None


@group
class UpdateForwardingParameters(Group):
    """Table 7.5.4.3-2."""

    IE = IeType.UPDATE_FORWARDING_PARAMETERS

    destination_interface: ie.DestinationInterfaceIe | None = None
    network_instance: ie.NetworkInstanceIe | None = None
    redirect: ie.RedirectIe | None = None
    outer_header_creation: ie.OuterHeaderCreationIe | None = None
    transport_marking: ie.TransportMarkingIe | None = None
    forwarding_policy: ie.ForwardingPolicyIe | None = None
    header_enrichment: ie.HeaderEnrichmentIe | None = None
    flags: ie.ModificationFlagsIe | None = None
    interface_type: ie.InterfaceTypeIe | None = None


@group
class DuplicatingParameters(Group):
    """Table 7.5.2.3-3."""

    IE = IeType.DUPLICATING_PARAMETERS

    destination_interface: ie.DestinationInterfaceIe
    outer_header_creation: ie.OuterHeaderCreationIe | None = None
    transport_marking: ie.TransportMarkingIe | None = None
    forwarding_policy: ie.ForwardingPolicyIe | None = None


@group
class UpdateDuplicatingParameters(Group):
    """Table 7.5.4.3-3."""

    IE = IeType.UPDATE_DUPLICATING_PARAMETERS

    destination_interface: ie.DestinationInterfaceIe | None = None
    outer_header_creation: ie.OuterHeaderCreationIe | None = None
    transport_marking: ie.TransportMarkingIe | None = None
    forwarding_policy: ie.ForwardingPolicyIe | None = None


@group
class CreateFar(Group):
    """Table 7.5.2.3-1."""

    IE = IeType.CREATE_FAR
    IS_ALIKE = True

    far_id: ie.FarIdIe
    apply_action: ie.ApplyActionIe
    forwarding: ForwardingParameters | None = None
    duplicating: tuple[DuplicatingParameters, ...] = ()
    bar_id: ie.BarIdIe | None = None


@group
class UpdateFar(Group):
    """Table 7.5.4.3-1.

    Some SMFs put Forwarding Parameters here instead of Update Forwarding Parameters; both are read.
    """

    IE = IeType.UPDATE_FAR

    far_id: ie.FarIdIe
    apply_action: ie.ApplyActionIe | None = None
    forwarding: UpdateForwardingParameters | None = None
    whole_forwarding: ForwardingParameters | None = None
    duplicating: tuple[UpdateDuplicatingParameters, ...] = ()
    bar_id: ie.BarIdIe | None = None


@group
class RemoveFar(Group):
    """Table 7.5.4.7-1."""

    IE = IeType.REMOVE_FAR

    far_id: ie.FarIdIe


@group
class CreateUrr(Group):
    """Table 7.5.2.4-1."""

    IE = IeType.CREATE_URR
    IS_ALIKE = True

    urr_id: ie.UrrIdIe
    measurement_method: ie.MeasurementMethodIe
    reporting_triggers: ie.ReportingTriggersIe
    measurement_period: ie.MeasurementPeriodIe | None = None
    volume_threshold: ie.VolumeThresholdIe | None = None
    volume_quota: ie.VolumeQuotaIe | None = None
    time_threshold: ie.TimeThresholdIe | None = None
    time_quota: ie.TimeQuotaIe | None = None
    quota_holding_time: ie.QuotaHoldingTimeIe | None = None
    dropped_downlink: ie.DroppedDownlinkIe | None = None
    quota_validity_time: ie.QuotaValidityTimeIe | None = None
    monitoring_time: ie.MonitoringTimeIe | None = None
    next_volume_threshold: ie.NextVolumeThresholdIe | None = None
    next_time_threshold: ie.NextTimeThresholdIe | None = None
    next_volume_quota: ie.NextVolumeQuotaIe | None = None
    next_time_quota: ie.NextTimeQuotaIe | None = None
    inactivity_detection_time: ie.InactivityDetectionIe | None = None
    linked_urr_ids: tuple[ie.LinkedUrrIdIe, ...] = ()
    measurement_information: ie.MeasurementInformationIe | None = None
    time_quota_mechanism: ie.TimeQuotaMechanismIe | None = None
    far_id_for_quota: ie.FarIdIe | None = None
    number_of_reports: ie.NumberOfReportsIe | None = None


@group
class UpdateUrr(Group):
    """Table 7.5.4.4-1."""

    IE = IeType.UPDATE_URR

    urr_id: ie.UrrIdIe
    measurement_method: ie.MeasurementMethodIe | None = None
    reporting_triggers: ie.ReportingTriggersIe | None = None
    measurement_period: ie.MeasurementPeriodIe | None = None
    volume_threshold: ie.VolumeThresholdIe | None = None
    volume_quota: ie.VolumeQuotaIe | None = None
    time_threshold: ie.TimeThresholdIe | None = None
    time_quota: ie.TimeQuotaIe | None = None
    quota_holding_time: ie.QuotaHoldingTimeIe | None = None
    dropped_downlink: ie.DroppedDownlinkIe | None = None
    quota_validity_time: ie.QuotaValidityTimeIe | None = None
    monitoring_time: ie.MonitoringTimeIe | None = None
    next_volume_threshold: ie.NextVolumeThresholdIe | None = None
    next_time_threshold: ie.NextTimeThresholdIe | None = None
    next_volume_quota: ie.NextVolumeQuotaIe | None = None
    next_time_quota: ie.NextTimeQuotaIe | None = None
    inactivity_detection_time: ie.InactivityDetectionIe | None = None
    linked_urr_ids: tuple[ie.LinkedUrrIdIe, ...] = ()
    measurement_information: ie.MeasurementInformationIe | None = None
    time_quota_mechanism: ie.TimeQuotaMechanismIe | None = None
    far_id_for_quota: ie.FarIdIe | None = None
    number_of_reports: ie.NumberOfReportsIe | None = None


@group
class RemoveUrr(Group):
    """Table 7.5.4.8-1."""

    IE = IeType.REMOVE_URR

    urr_id: ie.UrrIdIe


@group
class QueryUrr(Group):
    """Table 7.5.4.10-1."""

    IE = IeType.QUERY_URR

    urr_id: ie.UrrIdIe


@group
class CreateQer(Group):
    """Table 7.5.2.5-1."""

    IE = IeType.CREATE_QER
    IS_ALIKE = True

    qer_id: ie.QerIdIe
    correlation_id: ie.CorrelationIe | None = None
    gate_status: ie.GateStatusIe
    mbr: ie.MbrIe | None = None
    gbr: ie.GbrIe | None = None
    packet_rate: ie.PacketRateIe | None = None
    flow_level_marking: ie.FlowLevelMarkingIe | None = None
    qfi: ie.QfiIe | None = None
    rqi: ie.RqiIe | None = None
    paging_policy: ie.PagingPolicyIe | None = None
    averaging_window: ie.AveragingWindowIe | None = None
    control_indications: ie.QerIndicationsIe | None = None


@group
class UpdateQer(Group):
    """Table 7.5.4.5-1."""

    IE = IeType.UPDATE_QER

    qer_id: ie.QerIdIe
    correlation_id: ie.CorrelationIe | None = None
    gate_status: ie.GateStatusIe | None = None
    mbr: ie.MbrIe | None = None
    gbr: ie.GbrIe | None = None
    packet_rate: ie.PacketRateIe | None = None
    flow_level_marking: ie.FlowLevelMarkingIe | None = None
    qfi: ie.QfiIe | None = None
    rqi: ie.RqiIe | None = None
    paging_policy: ie.PagingPolicyIe | None = None
    averaging_window: ie.AveragingWindowIe | None = None
    control_indications: ie.QerIndicationsIe | None = None


@group
class RemoveQer(Group):
    """Table 7.5.4.9-1."""

    IE = IeType.REMOVE_QER

    qer_id: ie.QerIdIe


@group
class CreateBar(Group):
    """Table 7.5.2.6-1."""

    IE = IeType.CREATE_BAR

    bar_id: ie.BarIdIe
    notification_delay: ie.NotificationDelayIe | None = None
    suggested_packets: ie.SuggestedPacketsIe | None = None


@group
class UpdateBar(Group):
    """In a modification (table 7.5.4.11-1) and in the answer to a report (table 7.5.9.2-1)."""

    IE = IeType.UPDATE_BAR

    bar_id: ie.BarIdIe
    notification_delay: ie.NotificationDelayIe | None = None
    buffering_duration: ie.BufferingDurationIe | None = None
    suggested_packets: ie.SuggestedPacketsIe | None = None


@group
class RemoveBar(Group):
    """Table 7.5.4.12-1."""

    IE = IeType.REMOVE_BAR

    bar_id: ie.BarIdIe
