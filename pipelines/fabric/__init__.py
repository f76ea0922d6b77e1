"""The fabric pipeline: compiled artifacts of p4src/fabric.p4 and their bindings."""
