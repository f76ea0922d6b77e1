"""`python -m p4fabric.pipelines.generate X.p4info.txtpb`: what `p4fabric bindings` does."""

from __future__ import annotations

import typer

from p4fabric.pipelines.bindings_command import bindings

if __name__ == "__main__":
    typer.run(bindings)
