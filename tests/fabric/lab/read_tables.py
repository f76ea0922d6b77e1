"""Reads a switch with p4runtime-shell, as a backup client: over and over, until it is told to stop.

Run with the Python of an environment that has p4runtime-shell: read_tables.py ADDRESS DEVICE_ID. A line on
standard input asks for one more reading, which is printed as JSON; the end of standard input ends it.
"""

from __future__ import annotations

import json
import select
import sys

import p4runtime_sh.shell as sh


def count() -> dict[str, int]:
    """How many entities of each kind there are."""
    names = [table.preamble.name for table in sh.P4Objects(sh.P4Type.table)]
    counts = {name: len(list(sh.TableEntry(name).read())) for name in names}
    counts["multicast groups"] = len(list(sh.MulticastGroupEntry().read()))
    counts["clone sessions"] = len(list(sh.CloneSessionEntry().read()))
    return counts


def main() -> None:
    """Connect and read."""
    address, device_id = sys.argv[1:]
    # Prints "You are not the primary client, ..." where somebody else is.
    sh.setup(device_id=int(device_id), grpc_addr=address, election_id=(0, 1), verbose=False)
    sh.global_options["canonical_bytestrings"] = True
    readings = 0
    while True:
        count()
        readings += 1
        if select.select([sys.stdin], [], [], 0.5)[0]:
            if not sys.stdin.readline():
                break
            print(json.dumps({"readings": readings, "counts": count()}), flush=True)
    sh.teardown()


main()
