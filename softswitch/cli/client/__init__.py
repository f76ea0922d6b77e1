"""What people type at a P4Runtime switch: `p4fabric switch tables`, `read`, `insert` and so on.

Commands, their options, what the shell completes, and what is printed; the client itself is
`softswitch.client`. Only `log` and `info` ask for services that the embedded switch alone has.
"""
