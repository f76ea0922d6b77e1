"""Compiles the state of the fabric to the entities of each switch, change by change."""

from p4fabric.controller.compiler.compiler import Compiled, Compiler
from p4fabric.controller.compiler.delta import FabricDelta, SlotChange, SwitchDelta
from p4fabric.controller.compiler.output import CompileError

__all__ = ["CompileError", "Compiled", "Compiler", "FabricDelta", "SlotChange", "SwitchDelta"]
