"""`p4fabric net`: networks at the command line."""
