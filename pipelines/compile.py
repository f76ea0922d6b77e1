"""Compiles `p4src/` into `pipelines/`, and `examples/`: `python -m p4fabric.pipelines.compile` (`make p4`).

Needs p4c (`p4c`). Writes the P4Info, the device config (bmv2 JSON) and the digest of
the sources, then the bindings; the examples' artifacts stand beside their sources. All are committed, so that
using p4fabric needs no compiler; tests compare the digests with the sources.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
from contextlib import chdir
from pathlib import Path

from p4fabric.pipelines import values
from p4fabric.pipelines.generate import ValueTypes, generate
from p4fabric.pipelines.generate.command import read
from p4fabric.pipelines.generate.names import camel
from p4fabric.pipelines.p4c import CompileError, compile_program

ROOT = Path(__file__).resolve().parent.parent
SOURCES = ROOT / "p4src"
OUTPUT = ROOT / "pipelines" / "fabric"
EXAMPLES = ROOT / "examples"
EXAMPLES_DIGESTS = EXAMPLES / "sources.sha256"
"""In the form of sha256sum: `cd examples && sha256sum -c sources.sha256`."""

# P4Runtime servers built on PI take only plain bit strings in digests, so that their fields' types
# are told by their names.
_DIGEST_FIELDS = {
    "ingress_port": "Port",
    "port": "Port",
    "vlan_id": "VlanId",
    "mac": "MacAddress",
    "ipv4": "IPv4Address",
    "ipv4_src": "IPv4Address",
    "ipv4_dst": "IPv4Address",
    "ipv6": "IPv6Address",
    "ipv6_src": "IPv6Address",
    "ipv6_dst": "IPv6Address",
    "protocol": "IpProtocol",
    "src_port": "L4Port",
    "dst_port": "L4Port",
    "teid": "Teid",
}


def sources_digest(folder: Path = SOURCES) -> str:
    """SHA-256 over the names and contents of all P4 files, in order of names."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.p4")):
        digest.update(str(path.relative_to(folder)).encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def examples_digests() -> str:
    """A line of SHA-256 and name for each of the examples' programs, in order of names."""
    return "".join(
        f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(EXAMPLES)}\n"
        for path in sorted(EXAMPLES.rglob("*.p4"))
    )


def fabric_bindings() -> str:
    """The text of `pipelines/fabric/bindings.py`, with the classes of `values` for the P4 types."""
    special = {"ipv4_address_t": "IPv4Address", "ipv6_address_t": "IPv6Address"}
    p4info = read(OUTPUT / "fabric.p4info.txtpb")
    names = p4info.type_info.new_types
    types = ValueTypes(
        values.__name__,
        {name: special.get(name, camel(name.removesuffix("_t"))) for name in names},
        _DIGEST_FIELDS,
    )
    return generate(p4info, "fabric", values=types, one_shot=True).text


def main() -> None:
    """Compile everything, and say what is wrong when that fails."""
    try:
        _compile_fabric()
        for source in sorted(EXAMPLES.rglob("*.p4")):
            _compile(source.parent, Path(source.name), source.parent)
    except CompileError as error:
        raise SystemExit(str(error)) from None
    EXAMPLES_DIGESTS.write_text(examples_digests())


def _compile_fabric() -> None:
    _compile(ROOT, Path("p4src/fabric.p4"), OUTPUT)
    (OUTPUT / "bindings.py").write_text(fabric_bindings())
    (OUTPUT / "sources.sha256").write_text(sources_digest() + "\n")


def _compile(folder: Path, source: Path, output: Path) -> None:
    """Compile a program, named as it is seen from a folder: the artifacts hold the names of the sources."""
    with chdir(folder):
        compiled = compile_program(source)
    if compiled.warnings:
        print(compiled.warnings, file=sys.stderr)
    config = json.loads(compiled.device_config.read_text())
    config["program"] = str(source)
    (output / compiled.device_config.name).write_text(json.dumps(config, indent=1) + "\n")
    shutil.copyfile(compiled.p4info, output / compiled.p4info.name)


if __name__ == "__main__":
    main()
