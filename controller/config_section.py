"""What all sections of the configuration have in common: strict camelCase keys, and paths beside the file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationInfo
from pydantic.alias_generators import to_camel

__all__ = ["FilePath", "Section", "beside_the_file"]


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
