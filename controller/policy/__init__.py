"""Kubernetes' policies as entries of tables: the pure model.

It is given NetworkPolicies, ClusterNetworkPolicies, namespaces, pods and nodes as the API has them, and gives
phases of writes: who is at each address (an identity), which class a port has, and which connections between
identities are accepted. Entries grow with policies plus pods, not with their product.

This package does no I/O, and knows no switch, no connection state and no Service.
"""

from p4fabric.controller.policy.compiler import PolicyCompiler, Transition
from p4fabric.controller.policy.rules import ObjectKey, RuleId

__all__ = ["ObjectKey", "PolicyCompiler", "RuleId", "Transition"]
