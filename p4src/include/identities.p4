// SPDX-License-Identifier: Apache-2.0
// Who talks to whom: addresses as identities, the classes of endpoints that policies tell apart. A sender is who the
// source guard's entry says; a receiver, who `peers` say is at its address.

#ifndef IDENTITIES_P4
#define IDENTITIES_P4

// Where an endpoint is.
const bit<2> PLACE_ELSEWHERE = 0;
const bit<2> PLACE_HERE = 1;        // at a port of this switch
const bit<2> PLACE_HOST = 2;        // it is the host of those

control Peers(in headers_t hdr, in metadata_t meta, out identity_t identity, out bit<2> place) {
    ipv4_address_t ipv4_dst;
    ipv6_address_t ipv6_dst;

    action peer(identity_t who, bit<2> at) {
        identity = who;
        place = at;
    }

    // Endpoints and nodes by their address, others by the longest prefix that policies name.
    table peers_ipv4 {
        key = {
            meta.vrf : exact @name("vrf");
            ipv4_dst : lpm   @name("address");
        }
        actions = { peer; @defaultonly NoAction; }
        const default_action = NoAction;
        size = PEER_IPV4_TABLE_SIZE;
    }

    table peers_ipv6 {
        key = {
            meta.vrf : exact @name("vrf");
            ipv6_dst : lpm   @name("address");
        }
        actions = { peer; @defaultonly NoAction; }
        const default_action = NoAction;
        size = PEER_IPV6_TABLE_SIZE;
    }

    apply {
        identity = (identity_t) 0;
        place = PLACE_ELSEWHERE;
        // Addresses that mean everybody on the link are the network itself, as for the firewall.
        if (hdr.ipv4.isValid()) {
            ipv4_dst = ((bit<32>) hdr.ipv4.dst_addr)[31:29] == 7 ? meta.network.ipv4_scope : hdr.ipv4.dst_addr;
            peers_ipv4.apply();
        } else {
            bit<128> dst = (bit<128>) hdr.ipv6.dst_addr;
            ipv6_dst = dst[127:120] == 0xff || dst[127:118] == IPV6_LINK_LOCAL ? meta.network.ipv6_scope
                                                                               : hdr.ipv6.dst_addr;
            peers_ipv6.apply();
        }
    }
}

// A packet of an edge port, in the direction of its connection: `answers` what the connection's originator sent.
control Judgement(in headers_t hdr, inout metadata_t meta, in connection_packet_t connection, in bool live,
                  in bool answers, in bit<1> generation, out drop_reason_t reason) {
    Peers() peers;
    Policies() policies;

    apply {
        reason = DROP_NONE;
        // Who came in a tunnel is not who sent the tunnel's packets.
        identity_t sender = meta.reported.opened == 0 ? meta.source.identity : (identity_t) 0;
        bool about_connection = connection.is_error && connection.known && live;
        bool from_receiver = false;
        if (about_connection) {
            // It goes to whom it quotes. A host tells of what it got itself, routers of what others did not get.
            bool to_sender;
            if (hdr.ipv4.isValid()) {
                to_sender = hdr.quoted_ipv4.isValid() && hdr.quoted_ipv4.src_addr == hdr.ipv4.dst_addr;
                from_receiver = hdr.quoted_ipv4.dst_addr == hdr.ipv4.src_addr;
            } else {
                to_sender = hdr.quoted_ipv6.isValid() && hdr.quoted_ipv6.src_addr == hdr.ipv6.dst_addr;
                from_receiver = hdr.quoted_ipv6.dst_addr == hdr.ipv6.src_addr;
            }
            about_connection = to_sender && (from_receiver || !meta.source.is_endpoint);
        }
        if (meta.port.addresses_stated == 1 && meta.source.is_nobodys) {
            // Whose addresses are stated is to be known: they send from these, and not from those of the link.
            reason = DROP_SOURCE_ADDRESS;
        } else if (!about_connection || from_receiver) {
            judged_t judged;
            identity_t receiver;
            bit<2> place;
            ip_protocol_t protocol = meta.flow.protocol;
            l4_port_t port = (l4_port_t) 0;
            judged.icmp = 0;
            judged.port_class = (port_class_t) 0;
            peers.apply(hdr, meta, receiver, place);
            judged.src_identity = sender;
            judged.dst_identity = receiver;
            bool of_connection = !connection.is_error || about_connection;
            if (of_connection) {
                protocol = connection.protocol;
                port = connection.dst_port;
                if (answers) {
                    judged.src_identity = receiver;
                    judged.dst_identity = sender;
                    port = connection.src_port;
                }
            }
            if (of_connection && connection.is_echo && live) {
                judged.icmp = (hdr.ipv4.isValid() ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST) ++ 8w0;
            } else if (hdr.icmp.isValid() && !about_connection) {
                judged.icmp = hdr.icmp.type_ ++ hdr.icmp.code;
            }
            // Between a host and its own endpoints there are no policies (NetworkPolicy, "Prerequisites").
            bool within_host = meta.source.is_endpoint && meta.reported.opened == 0
                && (meta.source.is_host ? place == PLACE_HERE : place == PLACE_HOST);
            if (!within_host) {
                policies.apply(meta.vrf, generation, protocol, port, judged, meta.policy_rule, reason);
            }
        }
    }
}

#endif
