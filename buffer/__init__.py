"""Holds packets to UEs that are idle, until their SMF has found them (3GPP TS 23.501, section 5.8.3).

A program of its own, `p4fabric buffer`, at a host of the network where gNBs are. Switches send it packets as
to a gNB; the controller says by TEID what becomes of them. `packets` holds, `service` has the socket,
`control` the controller's connection, and `orders` what is said there. It knows no sessions and no PFCP.
"""
