"""Compiled P4 pipelines and the typed Python bindings generated from their P4Info."""
