"""`python -m softswitch run` runs a switch."""

from softswitch.cli.app import app

app(prog_name="python -m softswitch")
