"""The fabric as it is: switches, links, hosts, and the paths between them."""
