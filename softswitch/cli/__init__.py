"""The switch's commands: each module is one, and reads its options; the work is done elsewhere."""
