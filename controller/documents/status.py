"""How the fabric is."""

from __future__ import annotations

from pydantic import Field

from p4fabric.controller.documents.base import Document, Time
from p4fabric.controller.documents.fabric import LinkEnds

__all__ = [
    "MOST_FINDINGS",
    "MOST_LINKS",
    "MOST_PAIRS",
    "FabricStatusDocument",
    "FindingDocument",
    "LeafPairDocument",
    "SwitchStatusDocument",
]

MOST_FINDINGS = 100
MOST_PAIRS = 200
MOST_LINKS = 200
_SEVERITY = "ok, at risk, degraded or down"


class FindingDocument(Document):
    """One thing that an operator should know."""

    severity: str = Field(description=_SEVERITY)
    problem: str = Field(description="what kind of thing is wrong, such as linksMissing")
    about: str = Field(description="a switch, a link, several leaves, store, or intents")
    text: str = Field(description="what is wrong, since when where that is known, and what to do about it")
    switches: list[str] = Field(description="those concerned")
    by_design: bool = Field(description="it would be the same with all expected links up")


class SwitchStatusDocument(Document):
    """How one switch is."""

    name: str
    severity: str = Field(description=_SEVERITY)
    connected: bool
    since: Time = Field(description="when it was connected or went away")
    declared_gone: bool
    entries_desired: int
    entries_installed: int
    changes_failing: int = Field(description="entries that it refused, or that wait for such")
    links_expected: int
    links_found: int


class LeafPairDocument(Document):
    """The shortest paths between two leaves, parallel links counted."""

    leaves: tuple[str, str]
    paths_found: int
    paths_expected: int = Field(description="with all expected links")


class FabricStatusDocument(Document):
    """How the fabric is, what is down, and what is at risk."""

    severity: str = Field(description=_SEVERITY)
    findings: list[FindingDocument] = Field(description=f"the worst first, at most {MOST_FINDINGS}")
    more_findings: int = Field(description="how many there are beside these")
    switches: list[SwitchStatusDocument]
    links_expected: int
    links_found: int = Field(description="of those expected")
    links_missing: list[LinkEnds] = Field(
        description=f"those expected and not found, each once, at most {MOST_LINKS}"
    )
    leaf_pairs: list[LeafPairDocument] = Field(
        description=f"those that lack paths first, at most {MOST_PAIRS}; none with more than 256 leaves"
    )
    more_leaf_pairs: int
    numbers_resting: int = Field(description="numbers that were given back and may not be given again yet")
    intents_refused: int = Field(description="stored ones that this version refuses")
    store_writable: bool
