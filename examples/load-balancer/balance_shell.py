"""p4runtime-shell as a script: a service with two servers.

python balance_shell.py [ADDRESS]
"""

import sys
from pathlib import Path

import p4runtime_sh.shell as sh

HERE = Path(__file__).parent
ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:9559"
SERVERS = {  # by member id
    1: {"port": "2", "mac": "02:00:00:00:00:02", "address": "10.0.0.2"},
    2: {"port": "3", "mac": "02:00:00:00:00:03", "address": "10.0.0.3"},
}

sh.setup(
    device_id=1,
    grpc_addr=ADDRESS,
    election_id=(0, 1),
    config=sh.FwdPipeConfig(str(HERE / "load_balancer.p4info.txtpb"), str(HERE / "load_balancer.json")),
)

group = sh.ActionProfileGroup("pool")(group_id=1, max_size=8)
for member_id, parameters in SERVERS.items():
    member = sh.ActionProfileMember("pool")(member_id=member_id, action="to_server")
    for name, value in parameters.items():
        member.action[name] = value
    member.insert()
    group.add(member_id, 1)
group.insert()

entry = sh.TableEntry("services")(group_id=1)
entry.match["address"] = "10.0.0.100"
entry.match["port"] = "80"
entry.insert()
sh.teardown()
