"""Random frames at the edge of a random fabric, against an evaluator that was written from the documentation.

    python -m tests.attacks.fuzz_packets --packets 1000000 --seed 1

The evaluator says for each frame whether it may pass and where it may come out; the compiled intents, in an
engine, say where it does. Evaluator and pipeline share nothing but the intents' documents.
"""
