"""A Linux host as a leaf of the fabric: the switch on it, and the agent that plugs containers in.

    runtime ──exec──► plugin ──Unix socket──► agent ──► interfaces (veth, addresses, routes)
                                                ├─────► records   (who has which port and address; on disk)
                                                └─────► controller (an Endpoint each) ──REST──► switches

The plugin is a script of the standard library alone, since its start is what a container waits for first.
The switch is a process of its own: packets pass while the agent is away.
"""
