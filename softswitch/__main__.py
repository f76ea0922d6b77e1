"""`python -m softswitch` runs a switch."""

from softswitch.server.main import main

main()
