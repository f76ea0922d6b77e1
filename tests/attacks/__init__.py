"""Attacks, each with its control: what an attacker must not be able to do, and what users still can."""
