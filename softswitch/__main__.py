"""`python -m p4fabric.softswitch run` runs a switch."""

from p4fabric.softswitch.cli.app import app

app(prog_name="python -m p4fabric.softswitch")
