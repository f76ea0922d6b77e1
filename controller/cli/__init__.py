"""The command `p4fabric`. Each command is a module of its own, loaded when it is asked for."""
