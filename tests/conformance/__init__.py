"""p4c's packet tests on the engine: a P4 program, and a file of commands, packets and expectations (STF)."""
