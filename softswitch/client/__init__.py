"""A client of P4Runtime switches: sessions, and a program's names, values and entries as people write them.

Works at any switch. Knows neither command lines nor terminals, and nothing of how the embedded switch works
inside. Behind `p4fabric switch`, and behind what a network writes to its switches.
"""
