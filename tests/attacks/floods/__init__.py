"""Floods of one edge port on a whole fabric, and what they cost everybody else.

`python -m tests.attacks.floods --seconds 60` floods with each kind in turn and prints a table;
`tests.attacks.test_floods` does the same in short.
"""
