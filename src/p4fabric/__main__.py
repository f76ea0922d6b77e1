"""`python -m p4fabric` is the command `p4fabric`."""

from p4fabric.controller.cli.main import main

main()
