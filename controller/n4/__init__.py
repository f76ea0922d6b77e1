"""N4: how an SMF speaks to p4fabric, with PFCP (3GPP TS 29.244, Release 17).

`pfcp` is the codec, `flows` the language of SDF filters, `transactions` what is sent again and what is
answered again, and `sessions` what the rules of one session mean and how messages change them. All of it is
pure: clocks and allocators are given, and nothing here knows sockets, switches or tables.
"""
