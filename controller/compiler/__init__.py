"""What intents mean in table entries: pure, and compiled again only where something changed."""

from controller.compiler.compiler import Compiler

__all__ = ["Compiler"]
