"""Traces of packets: what the runtime and the generated code record of them, as events."""
