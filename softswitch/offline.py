"""A program and its table entries in an engine, without a server or interfaces: for commands on files."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from finsy.proto import p4r
from google.protobuf import text_format

from p4fabric.softswitch.engine import NativeEngine, load_config, open_engine
from p4fabric.softswitch.engine.api import EngineOptions, PipelineError
from p4fabric.softswitch.server.device_config import unwrapped
from p4fabric.softswitch.server.errors import Refusal, raise_first
from p4fabric.softswitch.server.ports import BadOption
from p4fabric.softswitch.server.schema import Schema
from p4fabric.softswitch.server.server import read_config
from p4fabric.softswitch.server.store import Store
from p4fabric.softswitch.server.write import Writer


@contextmanager
def offline_engine(
    device_config: Path, p4info: Path | None, entries: Path | None, options: EngineOptions | None = None
) -> Iterator[NativeEngine]:
    """An engine that holds a program, and what a text-format p4.v1.WriteRequest writes to it.

    Raises:
        BadOption: a file cannot be read or is not what it should be, or an update is refused.
    """
    if entries is not None and p4info is None:
        raise BadOption("entries are named by a P4Info: --p4info is needed")
    try:
        loaded = load_config(unwrapped(device_config.read_bytes()))
    except OSError as error:
        raise BadOption(f"{device_config}: {error.strerror}") from None
    except PipelineError as error:
        raise BadOption(f"{device_config}: {error}") from None
    with open_engine(loaded, options or EngineOptions()) as engine:
        if entries is not None and p4info is not None:
            config = read_config(p4info, device_config)
            try:
                schema = Schema(config.p4info, loaded.info)
                store = Store(schema)
                store.adopt(engine.initial_handles)
                writer = Writer(schema, store, engine, frozenset())
                raise_first(writer.write(_updates(entries), atomic=True), "update")
            except Refusal as refusal:
                raise BadOption(f"{entries} and {p4info}: {refusal.text}") from None
        yield engine


def build_times(device_config: bytes) -> tuple[float, float]:
    """Seconds from a JSON to a pipeline that can start: with nothing compiled yet, and again."""
    times = []
    with tempfile.TemporaryDirectory() as cache:
        for _ in range(2):
            begin = time.monotonic()
            with open_engine(load_config(device_config), EngineOptions(cache_directory=Path(cache))):
                times.append(time.monotonic() - begin)
    return times[0], times[1]


def _updates(entries: Path) -> Sequence[p4r.Update]:
    try:
        return text_format.Parse(entries.read_bytes(), p4r.WriteRequest()).updates
    except OSError as error:
        raise BadOption(f"{entries}: {error.strerror}") from None
    except (text_format.ParseError, UnicodeDecodeError) as error:
        raise BadOption(f"{entries} is no p4.v1.WriteRequest in text form: {error}") from None


def read_frames(pcap: Path | None, frame: str | None, most: int) -> list[bytes]:
    """At most so many frames of a pcap file, or the one that is given in hexadecimal.

    Raises:
        BadOption: there is none, or it cannot be read.
    """
    if (pcap is None) == (frame is None):
        raise BadOption("a frame is needed: either --pcap FILE or --frame HEX")
    frames = _captured(pcap, most) if pcap is not None else [_from_hex(frame or "")]
    if not any(frames):
        raise BadOption("there is no frame in it")
    return frames


def _from_hex(frame: str) -> bytes:
    try:
        return bytes.fromhex(frame)
    except ValueError:
        raise BadOption(f"--frame {frame!r} is not hexadecimal") from None


def _captured(pcap: Path, most: int) -> list[bytes]:
    try:
        from scapy.utils import RawPcapReader
    except ImportError:
        raise BadOption("pcap files are read by scapy: pip install 'p4fabric[lab]'") from None
    try:
        with RawPcapReader(str(pcap)) as reader:
            return [bytes(content) for content, _ in islice(reader, most)]
    except OSError as error:
        raise BadOption(f"{pcap}: {error.strerror}") from None
    except Exception as error:  # scapy has an exception of its own, and lets others through
        raise BadOption(f"{pcap} is no pcap file: {error}") from None
