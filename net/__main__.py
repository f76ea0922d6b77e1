"""`python -m p4fabric.net` is `p4fabric net`."""

from p4fabric.net.cli.app import app

app(prog_name="p4fabric net")
