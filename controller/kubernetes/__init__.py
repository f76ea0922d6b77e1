"""Kubernetes: intents as custom resources, kept by an operator that is a client of the API like any other."""
