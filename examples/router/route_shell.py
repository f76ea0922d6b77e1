"""p4runtime-shell as a script: static routes for two hosts, then what each route has forwarded.

python route_shell.py [ADDRESS]          push the program and write the routes
python route_shell.py [ADDRESS] --read   show them with their counters
"""

import sys
from pathlib import Path

import p4runtime_sh.shell as sh

HERE = Path(__file__).parent
ARGUMENTS = [argument for argument in sys.argv[1:] if argument != "--read"]
ADDRESS = ARGUMENTS[0] if ARGUMENTS else "127.0.0.1:9559"
READ = "--read" in sys.argv
PROGRAM = sh.FwdPipeConfig(str(HERE / "router.p4info.txtpb"), str(HERE / "router.json"))
ROUTES = {
    "10.0.1.0/24": {"port": "1", "src_addr": "02:00:00:00:01:fe", "dst_addr": "02:00:00:00:01:01"},
    "10.0.2.0/24": {"port": "2", "src_addr": "02:00:00:00:02:fe", "dst_addr": "02:00:00:00:02:01"},
}

# Without `config` the shell takes the program that runs already, with its entries.
sh.setup(device_id=1, grpc_addr=ADDRESS, election_id=(0, 1), config=None if READ else PROGRAM)
if READ:
    for found in sh.DirectCounterEntry("routed").read():
        print(found)
else:
    for prefix, parameters in ROUTES.items():
        entry = sh.TableEntry("routes")(action="forward")
        entry.match["dst_addr"] = prefix
        for name, value in parameters.items():
            entry.action[name] = value
        entry.insert()
sh.teardown()
