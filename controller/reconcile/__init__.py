"""Desired against actual: the difference, its order, and the loop that closes it."""

from controller.reconcile.guard import RemovalGuard
from controller.reconcile.reconciler import Progress, Reconciler

__all__ = ["Progress", "Reconciler", "RemovalGuard"]
