"""Desired against actual: the pending operations of each switch, their order, and the loop that closes it."""

from p4fabric.controller.reconcile.barrier import Barrier
from p4fabric.controller.reconcile.guard import RemovalGuard
from p4fabric.controller.reconcile.held import Held
from p4fabric.controller.reconcile.progress import Progress, Summary
from p4fabric.controller.reconcile.switch_reconciler import Reconciler

__all__ = ["Barrier", "Held", "Progress", "Reconciler", "RemovalGuard", "Summary"]
