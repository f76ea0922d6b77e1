"""p4runtime-shell as a script: send a packet out by a port, then show what comes in for some seconds.

python sniff_shell.py [ADDRESS] [SECONDS]
"""

import sys
from pathlib import Path
from typing import Any

import p4runtime_sh.shell as sh

HERE = Path(__file__).parent
ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9559"
SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 10
HELLO = bytes.fromhex("ffffffffffff0200000000fe88b5") + b"hello from the controller"

sh.setup(
    device_id=1,
    grpc_addr=ADDRESS,
    election_id=(0, 1),
    config=sh.FwdPipeConfig(str(HERE / "punt.p4info.txtpb"), str(HERE / "punt.json")),
)

# Everything that is ARP or IPv4 goes to the controller.
for ether_type in ("0x0806", "0x0800"):
    entry = sh.TableEntry("punted")(action="to_controller")
    entry.match["ether_type"] = ether_type
    entry.insert()

packet_out = sh.PacketOut(HELLO, egress_port="1")
packet_out.send()


def show(message: Any) -> None:
    """Called with every packet-in, as P4Runtime's message."""
    port = int.from_bytes(message.packet.metadata[0].value, "big")
    print(f"port {port}: {message.packet.payload.hex()}", flush=True)


sh.PacketIn().sniff(show, timeout=SECONDS)
sh.teardown()
