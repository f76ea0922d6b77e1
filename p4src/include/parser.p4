// SPDX-License-Identifier: Apache-2.0
// Bytes to headers. The transport header is found behind IPv4 options and up to eight extension headers (four in
// a tunnel), so that what judges ports sees the real ones. A G-PDU is opened to its inner transport header
// whoever it is for: whether to take the tunnel off is the UPF's decision, not the parser's. Later fragments
// have no transport header.

#ifndef PARSER_P4
#define PARSER_P4

// IPv4 + UDP + GTP-U: shorter datagrams to port 2152 are somebody else's and stay opaque.
const bit<16> SHORTEST_GTPU_TOTAL_LENGTH = 36;
// Neighbor solicitation or advertisement with one link-layer address option.
const bit<16> ND_WITH_OPTION_LENGTH = 32;

const bit<16> IPV6_HEADER_LENGTH = 40;
// Of the first bytes of a Fragment header: an offset, or more fragments. An atomic fragment (RFC 6946) is whole.
const bit<32> FRAGMENT_OFFSET_OR_MORE = 0xfff9;

// Sizes of extension headers, by their second byte: what lies behind their first two bytes, and all of it.
#define OPTIONS_BODY_BITS(start) (((bit<32>) start[7:0] << 6) + 48)
#define OPTIONS_BYTES(start) (((bit<16>) start[7:0] << 3) + 8)
#define AUTHENTICATION_BODY_BITS(start) (((bit<32>) start[7:0] << 5) + 48)
#define AUTHENTICATION_BYTES(start) (((bit<16>) start[7:0] << 2) + 8)

// Extension header N of a chain, by the number that the header before it gave; then the next. IP: what is
// found out of the chain; P: what the names of its states and headers begin with.
#define EXTENSION_STATES(IP, P, N, NEXT)                                                     \
    state P##extension_##N {                                                                 \
        transition select((bit<8>) meta.IP.protocol) {                                       \
            IPV6_HOP_BY_HOP: P##options_##N;                                                 \
            IPV6_DESTINATION_OPTIONS: P##options_##N;                                        \
            IPV6_MOBILITY: P##options_##N;                                                   \
            IPV6_HOST_IDENTITY: P##options_##N;                                              \
            IPV6_SHIM6: P##options_##N;                                                      \
            IPV6_ROUTING: P##routing_##N;                                                    \
            IPV6_FRAGMENT: P##fragment_##N;                                                  \
            PROTOCOL_AUTHENTICATION: P##authentication_##N;                                  \
            PROTOCOL_TCP: parse_##P##tcp;                                                    \
            PROTOCOL_UDP: parse_##P##udp;                                                    \
            PROTOCOL_ICMPV6: parse_##P##icmp;                                                \
            default: accept;                                                                 \
        }                                                                                    \
    }                                                                                        \
    state P##routing_##N {                                                                   \
        transition select(packet.lookahead<bit<32>>()) {                                     \
            0 &&& 0xff: P##options_##N;         /* segments left */                          \
            default: P##source_routed_##N;                                                   \
        }                                                                                    \
    }                                                                                        \
    state P##source_routed_##N {                                                             \
        meta.IP.source_routed = true;                                                        \
        transition P##options_##N;                                                           \
    }                                                                                        \
    state P##options_##N {                                                                   \
        meta.IP.start = packet.lookahead<bit<16>>();                                         \
        packet.extract(hdr.P##extension_##N, OPTIONS_BODY_BITS(meta.IP.start));              \
        meta.IP.protocol = hdr.P##extension_##N.next_header;                                 \
        meta.IP.header_length = meta.IP.header_length + OPTIONS_BYTES(meta.IP.start);        \
        transition P##extension_##NEXT;                                                      \
    }                                                                                        \
    state P##authentication_##N {                                                            \
        meta.IP.start = packet.lookahead<bit<16>>();                                         \
        packet.extract(hdr.P##extension_##N, AUTHENTICATION_BODY_BITS(meta.IP.start));       \
        meta.IP.protocol = hdr.P##extension_##N.next_header;                                 \
        meta.IP.header_length = meta.IP.header_length + AUTHENTICATION_BYTES(meta.IP.start); \
        transition P##extension_##NEXT;                                                      \
    }                                                                                        \
    state P##fragment_##N {                                                                  \
        meta.IP.fragment_offset = packet.lookahead<bit<32>>()[15:3];                         \
        meta.IP.fragment = meta.IP.fragment | packet.lookahead<bit<32>>();                   \
        packet.extract(hdr.P##extension_##N, 48);                                            \
        meta.IP.protocol = hdr.P##extension_##N.next_header;                                 \
        meta.IP.header_length = meta.IP.header_length + 8;                                   \
        transition select(meta.IP.fragment_offset, (bit<8>) meta.IP.protocol) {              \
            (0, _): P##extension_##NEXT;                                                     \
            /* In a later fragment they would hide which transport header was cut. */        \
            (_, IPV6_HOP_BY_HOP): P##unreadable;                                             \
            (_, IPV6_ROUTING): P##unreadable;                                                \
            (_, IPV6_FRAGMENT): P##unreadable;                                               \
            (_, IPV6_DESTINATION_OPTIONS): P##unreadable;                                    \
            (_, IPV6_MOBILITY): P##unreadable;                                               \
            (_, IPV6_HOST_IDENTITY): P##unreadable;                                          \
            (_, IPV6_SHIM6): P##unreadable;                                                  \
            (_, PROTOCOL_AUTHENTICATION): P##unreadable;                                     \
            default: accept;                                                                 \
        }                                                                                    \
    }

parser FabricParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard_metadata) {
    state start {
        transition select(standard_metadata.ingress_port, standard_metadata.instance_type) {
            (CPU_PORT, INSTANCE_TYPE_NORMAL): parse_packet_out;
            default: parse_ethernet;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition parse_ethernet;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_VLAN: parse_vlan;
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_IPV6: parse_ipv6;
            ETHERTYPE_ARP: parse_arp;
            ETHERTYPE_SERVICE_VLAN: nested_tags;
            ETHERTYPE_SERVICE_VLAN_9100: nested_tags;
            ETHERTYPE_SERVICE_VLAN_9200: nested_tags;
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_IPV6: parse_ipv6;
            ETHERTYPE_ARP: parse_arp;
            ETHERTYPE_VLAN: nested_tags;
            ETHERTYPE_SERVICE_VLAN: nested_tags;
            ETHERTYPE_SERVICE_VLAN_9100: nested_tags;
            ETHERTYPE_SERVICE_VLAN_9200: nested_tags;
            default: accept;
        }
    }

    state nested_tags {
        meta.nested_tags = true;
        transition accept;
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        meta.ip.protocol = hdr.ipv4.protocol;
        meta.ip.header_length = (bit<16>) hdr.ipv4.ihl << 2;
        meta.ip.fragment_offset = hdr.ipv4.fragment_offset;
        transition select(hdr.ipv4.ihl, hdr.ipv4.fragment_offset, (bit<8>) hdr.ipv4.protocol) {
            (5, 0, PROTOCOL_TCP): parse_tcp;
            (5, 0, PROTOCOL_UDP): parse_udp_over_ipv4;
            (5, 0, PROTOCOL_ICMP): parse_icmp;
            (5, 0, PROTOCOL_AUTHENTICATION): parse_ipv4_authentication;
            (5, _, PROTOCOL_AUTHENTICATION): unreadable;
            (5, _, _): accept;
            (6..15, _, _): parse_ipv4_options;
            default: accept;
        }
    }

    state parse_ipv4_options {
        packet.extract(hdr.ipv4_options, ((bit<32>) hdr.ipv4.ihl - 5) << 5);
        transition select(hdr.ipv4.fragment_offset, (bit<8>) hdr.ipv4.protocol) {
            (0, PROTOCOL_TCP): parse_tcp;
            (0, PROTOCOL_UDP): parse_udp_over_ipv4;
            (0, PROTOCOL_ICMP): parse_icmp;
            (0, PROTOCOL_AUTHENTICATION): parse_ipv4_authentication;
            (_, PROTOCOL_AUTHENTICATION): unreadable;
            default: accept;
        }
    }

    state parse_ipv4_authentication {
        meta.ip.start = packet.lookahead<bit<16>>();
        packet.extract(hdr.extension_1, AUTHENTICATION_BODY_BITS(meta.ip.start));
        meta.ip.protocol = hdr.extension_1.next_header;
        meta.ip.header_length = meta.ip.header_length + AUTHENTICATION_BYTES(meta.ip.start);
        transition select((bit<8>) meta.ip.protocol) {
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_ICMP: parse_icmp;
            // Nobody needs a second one.
            PROTOCOL_AUTHENTICATION: unreadable;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        meta.ip.protocol = hdr.ipv6.next_header;
        meta.ip.header_length = IPV6_HEADER_LENGTH;
        transition select((bit<8>) hdr.ipv6.next_header) {
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_ICMPV6: parse_icmpv6;
            default: extension_1;
        }
    }

    EXTENSION_STATES(ip, , 1, 2)
    EXTENSION_STATES(ip, , 2, 3)
    EXTENSION_STATES(ip, , 3, 4)
    EXTENSION_STATES(ip, , 4, 5)
    EXTENSION_STATES(ip, , 5, 6)
    EXTENSION_STATES(ip, , 6, 7)
    EXTENSION_STATES(ip, , 7, 8)
    EXTENSION_STATES(ip, , 8, 9)

    // No room for another extension header.
    state extension_9 {
        transition select((bit<8>) meta.ip.protocol) {
            IPV6_HOP_BY_HOP: unreadable;
            IPV6_ROUTING: unreadable;
            IPV6_FRAGMENT: unreadable;
            IPV6_DESTINATION_OPTIONS: unreadable;
            IPV6_MOBILITY: unreadable;
            IPV6_HOST_IDENTITY: unreadable;
            IPV6_SHIM6: unreadable;
            PROTOCOL_AUTHENTICATION: unreadable;
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_ICMPV6: parse_icmp;
            default: accept;
        }
    }

    state unreadable {
        meta.ip.unreadable = true;
        transition accept;
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        transition accept;
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition accept;
    }

    state parse_icmp {
        packet.extract(hdr.icmp);
        transition accept;
    }

    state parse_icmpv6 {
        packet.extract(hdr.icmp);
        transition select(hdr.icmp.type_) {
            ICMPV6_NEIGHBOR_SOLICITATION: parse_neighbor_discovery;
            ICMPV6_NEIGHBOR_ADVERTISEMENT: parse_neighbor_discovery;
            default: accept;
        }
    }

    state parse_neighbor_discovery {
        packet.extract(hdr.neighbor_discovery);
        transition select(hdr.ipv6.payload_length) {
            ND_WITH_OPTION_LENGTH: parse_nd_option;
            default: accept;
        }
    }

    state parse_nd_option {
        packet.extract(hdr.nd_option);
        transition accept;
    }

    state parse_udp_over_ipv4 {
        packet.extract(hdr.udp);
        // A first fragment (flag "more fragments") holds no whole G-PDU.
        transition select((bit<16>) hdr.udp.dst_port, hdr.ipv4.flags[0:0], hdr.ipv4.total_length) {
            (UDP_PORT_GTPU, 0, SHORTEST_GTPU_TOTAL_LENGTH..0xffff): parse_gtpu;
            default: accept;
        }
    }

    state parse_gtpu {
        packet.extract(hdr.gtpu);
        transition select(hdr.gtpu.version, hdr.gtpu.protocol_type, hdr.gtpu.message_type,
                          hdr.gtpu.extension_flag, hdr.gtpu.sequence_flag, hdr.gtpu.npdu_flag) {
            (1, 1, GTPU_MESSAGE_G_PDU, 0, 0, 0): parse_inner;
            (1, 1, GTPU_MESSAGE_G_PDU, _, _, _): parse_gtpu_options;
            (1, 1, GTPU_MESSAGE_ECHO_REQUEST, 0, 1, _): parse_gtpu_sequence;
            default: accept;
        }
    }

    state parse_gtpu_options {
        packet.extract(hdr.gtpu_options);
        // The type of the next extension means nothing unless the E flag is set (TS 29.281, section 5.1).
        transition select(hdr.gtpu.extension_flag, hdr.gtpu_options.next_extension) {
            (0, _): parse_inner;
            (1, 0): parse_inner;
            (1, GTPU_EXTENSION_PDU_SESSION_CONTAINER): parse_gtpu_pdu_session;
            default: accept;
        }
    }

    // Of a message about the path: what follows are information elements, not a packet.
    state parse_gtpu_sequence {
        packet.extract(hdr.gtpu_options);
        transition accept;
    }

    state parse_gtpu_pdu_session {
        packet.extract(hdr.gtpu_pdu_session);
        transition select(hdr.gtpu_pdu_session.length, hdr.gtpu_pdu_session.next_extension) {
            (1, 0): parse_inner;
            default: accept;
        }
    }

    state parse_inner {
        transition select(packet.lookahead<bit<4>>()) {
            4: parse_inner_ipv4;
            6: parse_inner_ipv6;
            default: accept;
        }
    }

    state parse_inner_ipv4 {
        packet.extract(hdr.inner_ipv4);
        meta.inner_ip.protocol = hdr.inner_ipv4.protocol;
        meta.inner_ip.header_length = (bit<16>) hdr.inner_ipv4.ihl << 2;
        meta.inner_ip.fragment_offset = hdr.inner_ipv4.fragment_offset;
        transition select(hdr.inner_ipv4.ihl, hdr.inner_ipv4.fragment_offset,
                          (bit<8>) hdr.inner_ipv4.protocol) {
            (5, 0, PROTOCOL_TCP): parse_inner_tcp;
            (5, 0, PROTOCOL_UDP): parse_inner_udp;
            (5, 0, PROTOCOL_ICMP): parse_inner_icmp;
            (5, _, PROTOCOL_AUTHENTICATION): inner_unreadable;
            (5, _, _): accept;
            (6..15, _, _): parse_inner_ipv4_options;
            default: accept;
        }
    }

    state parse_inner_ipv4_options {
        packet.extract(hdr.inner_ipv4_options, ((bit<32>) hdr.inner_ipv4.ihl - 5) << 5);
        transition select(hdr.inner_ipv4.fragment_offset, (bit<8>) hdr.inner_ipv4.protocol) {
            (0, PROTOCOL_TCP): parse_inner_tcp;
            (0, PROTOCOL_UDP): parse_inner_udp;
            (0, PROTOCOL_ICMP): parse_inner_icmp;
            (_, PROTOCOL_AUTHENTICATION): inner_unreadable;
            default: accept;
        }
    }

    state parse_inner_ipv6 {
        packet.extract(hdr.inner_ipv6);
        meta.inner_ip.protocol = hdr.inner_ipv6.next_header;
        meta.inner_ip.header_length = IPV6_HEADER_LENGTH;
        transition inner_extension_1;
    }

    EXTENSION_STATES(inner_ip, inner_, 1, 2)
    EXTENSION_STATES(inner_ip, inner_, 2, 3)
    EXTENSION_STATES(inner_ip, inner_, 3, 4)
    EXTENSION_STATES(inner_ip, inner_, 4, 5)

    // No room for another extension header.
    state inner_extension_5 {
        transition select((bit<8>) meta.inner_ip.protocol) {
            IPV6_HOP_BY_HOP: inner_unreadable;
            IPV6_ROUTING: inner_unreadable;
            IPV6_FRAGMENT: inner_unreadable;
            IPV6_DESTINATION_OPTIONS: inner_unreadable;
            IPV6_MOBILITY: inner_unreadable;
            IPV6_HOST_IDENTITY: inner_unreadable;
            IPV6_SHIM6: inner_unreadable;
            PROTOCOL_AUTHENTICATION: inner_unreadable;
            PROTOCOL_TCP: parse_inner_tcp;
            PROTOCOL_UDP: parse_inner_udp;
            PROTOCOL_ICMPV6: parse_inner_icmp;
            default: accept;
        }
    }

    // UEs that authenticate single IPv4 packets are not known; nothing may hide behind that header.
    state inner_unreadable {
        meta.inner_ip.unreadable = true;
        transition accept;
    }

    state parse_inner_tcp {
        packet.extract(hdr.inner_tcp);
        transition accept;
    }

    state parse_inner_udp {
        packet.extract(hdr.inner_udp);
        transition accept;
    }

    state parse_inner_icmp {
        packet.extract(hdr.inner_icmp);
        transition accept;
    }
}

control FabricDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.report_ethernet);
        packet.emit(hdr.report_ipv4);
        packet.emit(hdr.report_udp);
        packet.emit(hdr.report);
        packet.emit(hdr.report_latency);
        packet.emit(hdr.report_queue);
        packet.emit(hdr.report_time);
        packet.emit(hdr.report_drop);
        packet.emit(hdr.report_flow);
        packet.emit(hdr.report_window);
        packet.emit(hdr.report_unreported);
        packet.emit(hdr.report_left);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.vlan);
        packet.emit(hdr.arp);
        packet.emit(hdr.outer_ipv4);
        packet.emit(hdr.outer_udp);
        packet.emit(hdr.outer_gtpu);
        packet.emit(hdr.outer_gtpu_options);
        packet.emit(hdr.outer_gtpu_pdu_session);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ipv4_options);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.extension_1);
        packet.emit(hdr.extension_2);
        packet.emit(hdr.extension_3);
        packet.emit(hdr.extension_4);
        packet.emit(hdr.extension_5);
        packet.emit(hdr.extension_6);
        packet.emit(hdr.extension_7);
        packet.emit(hdr.extension_8);
        packet.emit(hdr.tcp);
        packet.emit(hdr.udp);
        packet.emit(hdr.icmp);
        packet.emit(hdr.neighbor_discovery);
        packet.emit(hdr.nd_option);
        packet.emit(hdr.gtpu);
        packet.emit(hdr.gtpu_options);
        packet.emit(hdr.gtpu_pdu_session);
        packet.emit(hdr.gtpu_recovery);
        packet.emit(hdr.inner_ipv4);
        packet.emit(hdr.inner_ipv4_options);
        packet.emit(hdr.inner_ipv6);
        packet.emit(hdr.inner_extension_1);
        packet.emit(hdr.inner_extension_2);
        packet.emit(hdr.inner_extension_3);
        packet.emit(hdr.inner_extension_4);
        packet.emit(hdr.inner_tcp);
        packet.emit(hdr.inner_udp);
        packet.emit(hdr.inner_icmp);
    }
}

#endif
