"""p4runtime-shell as a script: give one host a rate, or change it.

python police_shell.py [ADDRESS] MAC BYTES_PER_SECOND
"""

import sys
from pathlib import Path

import p4runtime_sh.shell as sh

HERE = Path(__file__).parent
*ADDRESSES, MAC, RATE = sys.argv[1:]
ADDRESS = ADDRESSES[0] if ADDRESSES else "127.0.0.1:9559"

sh.setup(
    device_id=1,
    grpc_addr=ADDRESS,
    election_id=(0, 1),
    config=sh.FwdPipeConfig(str(HERE / "policer.p4info.txtpb"), str(HERE / "policer.json")),
)
entry = sh.TableEntry("hosts")(action="police")
entry.match["address"] = MAC
entry.action["index"] = "0"
entry.meter_config.cir = entry.meter_config.pir = int(RATE)
entry.meter_config.cburst = entry.meter_config.pburst = max(int(RATE) // 10, 3000)
entry.insert()

# A direct meter can also be written by itself, and read back.
meter = sh.DirectMeterEntry("rate")
meter.table_entry.match["address"] = MAC
for found in meter.read():
    print(found)
sh.teardown()
