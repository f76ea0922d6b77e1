"""What sections of the configuration share: strict camelCase keys, paths beside the file, addresses."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo
from pydantic.alias_generators import to_camel

__all__ = ["FilePath", "Section", "beside_the_file", "default_file", "host_and_port"]


class Section(BaseModel):
    """Base of the sections."""

    model_config = ConfigDict(
        alias_generator=to_camel, extra="forbid", frozen=True, arbitrary_types_allowed=True, strict=True
    )


def beside_the_file(value: object, info: ValidationInfo) -> Path:
    """A path; a relative one starts at the configuration's folder, not where the process was started."""
    if not isinstance(value, str) or not value:
        raise ValueError("must be a path, written as a string")
    folder: Path = (info.context or {}).get("folder", Path())
    return folder / Path(value).expanduser()


FilePath = Annotated[Path, BeforeValidator(beside_the_file)]


def default_file(name: str) -> Any:
    """A path beside the file that need not be given."""
    return Field(default=name, validate_default=True)


def host_and_port(value: object, *, lowest: int) -> tuple[str, int]:
    """Read `host:port`; the host comes without brackets.

    Raises:
        ValueError: it is something else, or the port is below the lowest.
    """
    example = "such as 127.0.0.1:9559 or [::1]:9559"
    if not isinstance(value, str):
        raise ValueError(f"must be host:port, written as a string, {example}")
    host, colon, port = value.rpartition(":")
    if not host or not colon or (":" in host and not (host.startswith("[") and host.endswith("]"))):
        raise ValueError(f"must be host:port, {example}")
    if not port.isascii() or not port.isdigit() or not lowest <= int(port) <= 0xFFFF:
        raise ValueError(f"must end in a port number of {lowest} to 65535, {example}")
    return host.strip("[]"), int(port)
