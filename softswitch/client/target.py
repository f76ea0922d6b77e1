"""Which switch is meant, and as whom it is spoken to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

DEFAULT_ADDRESS = "127.0.0.1:9559"


@dataclass(frozen=True, slots=True)
class Target:
    """A switch, and how to speak to it."""

    grpc: str = DEFAULT_ADDRESS
    """HOST:PORT, or unix:PATH."""
    device_id: int | None = None
    """Without it, 1 and 0 are tried."""
    role: str = ""
    timeout: float = 10.0
    """Seconds for the switch to answer."""
    tls_ca: Path | None = None
    tls_cert: Path | None = None
    tls_key: Path | None = None
    election_id: int | None = None
    """Become primary with it; without it, nobody is displaced."""
    as_primary: bool = False
    """Write with another primary's election id."""
    name: str = ""
    """What messages call the switch; by default its address."""
