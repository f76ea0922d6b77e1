"""Where a table's entries have what, in the words that `Engine.apply_encoded` takes: for whoever encodes
entries by the thousand. Must not know what they were before."""

from __future__ import annotations

from dataclasses import dataclass

from p4fabric.softswitch.engine.api import DeviceConfig, PipelineInfo
from p4fabric.softswitch.engine.encode_table import TableCode
from p4fabric.softswitch.engine.generate.tables import KeyPlace
from p4fabric.softswitch.engine.load import LoadedConfig


@dataclass(frozen=True, slots=True)
class CallLayout:
    """An action: its number, and its parameters' widths. Each takes whole words, one behind the other."""

    index: int
    widths: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EntryLayout:
    """A table: its number, its fields' places, how many words of each kind there are, its actions by name."""

    index: int
    places: tuple[KeyPlace, ...]
    key_words: int
    range_words: int
    data_words: int
    actions: dict[str, CallLayout]

    @classmethod
    def of(cls, code: TableCode) -> EntryLayout:
        """What the encoder of single entries goes by."""
        sizes = code.layout
        actions = {name: CallLayout(one.index, one.widths) for name, one in code.actions.items()}
        return cls(
            code.table.index, sizes.places, sizes.key_words, sizes.range_words, code.data_words, actions
        )


def entry_layouts(config: DeviceConfig) -> dict[str, EntryLayout]:
    """By the tables' names, for a configuration that `load_config` made."""
    if not isinstance(config, LoadedConfig):
        raise TypeError(f"a configuration that load_config made is needed, not {type(config).__name__}")
    info: PipelineInfo = config.info
    return {one.name: EntryLayout.of(TableCode(one, info.tables[one.name])) for one in config.pipeline.tables}
