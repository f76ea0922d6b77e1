"""Compiles the benchmarks' programs."""

from benchmarks.programs import compile_all

compile_all()
