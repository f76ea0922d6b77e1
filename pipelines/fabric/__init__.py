"""The fabric pipeline: compiled artifacts of `p4src/fabric.p4` and their bindings."""

from functools import cache
from pathlib import Path

from finsy.proto import p4i
from google.protobuf import text_format

CPU_PORT = 510
"""`p4src/include/headers.p4`: where the controller is."""
REPORT_CLONE_SESSION = 510
"""`p4src/include/headers.p4`: where packets are copied to that a report is about."""
REPORT_PRIORITY = 6
"""The queue of reports, at the port that they leave at: behind packet-ins, before all traffic."""

_HERE = Path(__file__).resolve().parent


@cache
def device_config() -> bytes:
    """The bmv2 JSON, as p4c wrote it."""
    return (_HERE / "fabric.json").read_bytes()


@cache
def p4info() -> p4i.P4Info:
    """The pipeline's P4Info; treat it as read-only."""
    return text_format.Parse((_HERE / "fabric.p4info.txtpb").read_text(), p4i.P4Info())


@cache
def sources_digest() -> str:
    """The digest of the P4 sources that the artifacts came from."""
    return (_HERE / "sources.sha256").read_text().strip()
