"""How the fabric is, as JSON. This module asks the fabric nothing."""

from __future__ import annotations

from typing import Any

from p4fabric.controller.api.fabric_documents import link_ends
from p4fabric.controller.documents.status import (
    MOST_FINDINGS,
    MOST_LINKS,
    MOST_PAIRS,
    FabricStatusDocument,
    FindingDocument,
    LeafPairDocument,
    SwitchStatusDocument,
)
from p4fabric.controller.severity import Finding
from p4fabric.controller.status.fabric_status import FabricStatus, SwitchStatus
from p4fabric.controller.telemetry.events import FabricStatusChanged
from p4fabric.controller.times import utc
from p4fabric.controller.topology.redundancy import LeafPair

__all__ = [
    "fabric_status_document",
    "status_event_fields",
]


def finding_document(finding: Finding) -> FindingDocument:
    """Write a finding."""
    return FindingDocument(
        severity=finding.severity,
        problem=finding.problem,
        about=finding.about,
        text=finding.text,
        switches=list(finding.switches),
        by_design=finding.by_design,
    )


def switch_status_document(status: SwitchStatus) -> SwitchStatusDocument:
    """Write a status."""
    return SwitchStatusDocument(
        name=status.name,
        severity=status.severity,
        connected=status.connected,
        since=utc(status.since),
        declared_gone=status.is_gone,
        entries_desired=status.desired,
        entries_installed=status.installed,
        changes_failing=status.failing,
        links_expected=status.links_expected,
        links_found=status.links_found,
    )


def leaf_pair_document(pair: LeafPair) -> LeafPairDocument:
    """Write a pair."""
    return LeafPairDocument(
        leaves=(pair.one, pair.other), paths_found=pair.found, paths_expected=pair.expected
    )


def fabric_status_document(status: FabricStatus) -> FabricStatusDocument:
    """Write a status."""
    return FabricStatusDocument(
        severity=status.severity,
        findings=[finding_document(finding) for finding in status.findings[:MOST_FINDINGS]],
        more_findings=max(0, len(status.findings) - MOST_FINDINGS),
        switches=[switch_status_document(switch) for switch in status.switches],
        links_expected=status.links_expected,
        links_found=status.links_found,
        links_missing=[link_ends(cable.links[0]) for cable in status.links_missing[:MOST_LINKS]],
        leaf_pairs=[leaf_pair_document(pair) for pair in status.pairs[:MOST_PAIRS]],
        more_leaf_pairs=max(0, len(status.pairs) - MOST_PAIRS),
        numbers_resting=status.numbers_resting,
        intents_refused=status.intents_refused,
        store_writable=status.store_writable,
    )


def status_event_fields(event: FabricStatusChanged) -> dict[str, Any]:
    """Write a change of status."""
    return {
        "severity": event.severity,
        "before": event.before,
        "new": [finding_document(finding).model_dump() for finding in event.new],
        "over": [finding_document(finding).model_dump() for finding in event.over],
    }
