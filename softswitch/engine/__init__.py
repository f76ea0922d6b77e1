"""The native packet engine: bmv2 JSON in, a running switch out. `api` is its whole surface."""
