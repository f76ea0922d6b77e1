"""Reports of what packets came by in P4 programs: in a terminal, as JSON, and as LCOV for the usual tools."""
