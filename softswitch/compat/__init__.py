"""Programs that go by the names and options of bmv2's and p4c's, for scripts that are written for those."""
