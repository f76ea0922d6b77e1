"""What pygnmi makes of a switch's answers: ask_pygnmi.py HOST PORT prints it as JSON.

A process of its own: pygnmi and finsy each bring gNMI's protobuf definitions, and a process takes them once.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from pygnmi.client import gNMIclient

ONE = "interfaces/interface[name=port1]"


def main() -> None:
    with gNMIclient(target=(sys.argv[1], int(sys.argv[2])), insecure=True) as client:
        encodings = client.capabilities()["supported_encodings"]
        found: dict[str, Any] = {"encodings": encodings, "leaf": {}, "container": {}, "subscribed": {}}
        for encoding in ("json", "json_ietf", "proto"):
            (notification,) = client.get(path=[f"{ONE}/state/oper-status"], encoding=encoding)["notification"]
            found["leaf"][encoding] = notification["update"][0]["val"]
        for encoding in ("json", "json_ietf"):
            (notification,) = client.get(path=[f"{ONE}/config"], encoding=encoding)["notification"]
            found["container"][encoding] = notification["update"][0]["val"]
        for encoding in ("", "json", "json_ietf", "proto"):
            wanted: dict[str, Any] = {
                "subscription": [
                    {"path": f"{ONE}/state/oper-status", "mode": "on_change"},
                    {"path": f"{ONE}/state/id", "mode": "on_change"},
                ],
                "mode": "once",
            }
            if encoding:
                wanted["encoding"] = encoding
            updates = [
                update
                for message in client.subscribe2(subscribe=wanted)
                for update in message.get("update", {}).get("update", [])
            ]
            found["subscribed"][encoding] = [one["val"] for one in updates]
    print(json.dumps(found))


if __name__ == "__main__":
    main()
