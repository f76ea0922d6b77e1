"""Explains what becomes of a flow: through the entries that the switches hold, one by one, both ways.

`walk` follows a packet, `tables` looks it up, `answer` asks for both ways and names the intents behind what
it met. Pure; nothing here reads a switch or changes anything.
"""

from __future__ import annotations

__all__: list[str] = []
