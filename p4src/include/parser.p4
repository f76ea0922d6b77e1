// SPDX-License-Identifier: Apache-2.0
// Bytes to headers. A G-PDU is opened to its inner transport header whoever it is for: whether to
// take the tunnel off is the UPF's decision, not the parser's.

#ifndef PARSER_P4
#define PARSER_P4

// IPv4 + UDP + GTP-U: shorter datagrams to port 2152 are somebody else's and stay opaque.
const bit<16> SHORTEST_GTPU_TOTAL_LENGTH = 36;
// Neighbor solicitation or advertisement with one link-layer address option.
const bit<16> ND_WITH_OPTION_LENGTH = 32;

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
            default: accept;
        }
    }

    state parse_vlan {
        packet.extract(hdr.vlan);
        transition select(hdr.vlan.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            ETHERTYPE_IPV6: parse_ipv6;
            ETHERTYPE_ARP: parse_arp;
            default: accept;
        }
    }

    state parse_arp {
        packet.extract(hdr.arp);
        transition accept;
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        // Options and later fragments leave the transport header where it cannot be found.
        transition select(hdr.ipv4.ihl, hdr.ipv4.fragment_offset, (bit<8>) hdr.ipv4.protocol) {
            (5, 0, PROTOCOL_TCP): parse_tcp;
            (5, 0, PROTOCOL_UDP): parse_udp_over_ipv4;
            (5, 0, PROTOCOL_ICMP): parse_icmp;
            default: accept;
        }
    }

    state parse_ipv6 {
        packet.extract(hdr.ipv6);
        transition select((bit<8>) hdr.ipv6.next_header) {
            PROTOCOL_TCP: parse_tcp;
            PROTOCOL_UDP: parse_udp;
            PROTOCOL_ICMPV6: parse_icmpv6;
            default: accept;
        }
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
        transition select((bit<16>) hdr.udp.dst_port, hdr.ipv4.total_length) {
            (UDP_PORT_GTPU, SHORTEST_GTPU_TOTAL_LENGTH..0xffff): parse_gtpu;
            default: accept;
        }
    }

    state parse_gtpu {
        packet.extract(hdr.gtpu);
        transition select(hdr.gtpu.version, hdr.gtpu.protocol_type, hdr.gtpu.message_type,
                          hdr.gtpu.extension_flag, hdr.gtpu.sequence_flag, hdr.gtpu.npdu_flag) {
            (1, 1, GTPU_MESSAGE_G_PDU, 0, 0, 0): parse_inner;
            (1, 1, GTPU_MESSAGE_G_PDU, _, _, _): parse_gtpu_options;
            default: accept;
        }
    }

    state parse_gtpu_options {
        packet.extract(hdr.gtpu_options);
        transition select(hdr.gtpu_options.next_extension) {
            0: parse_inner;
            GTPU_EXTENSION_PDU_SESSION_CONTAINER: parse_gtpu_pdu_session;
            default: accept;
        }
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
        transition select(hdr.inner_ipv4.ihl, hdr.inner_ipv4.fragment_offset,
                          (bit<8>) hdr.inner_ipv4.protocol) {
            (5, 0, PROTOCOL_TCP): parse_inner_tcp;
            (5, 0, PROTOCOL_UDP): parse_inner_udp;
            (5, 0, PROTOCOL_ICMP): parse_inner_icmp;
            default: accept;
        }
    }

    state parse_inner_ipv6 {
        packet.extract(hdr.inner_ipv6);
        transition select((bit<8>) hdr.inner_ipv6.next_header) {
            PROTOCOL_TCP: parse_inner_tcp;
            PROTOCOL_UDP: parse_inner_udp;
            PROTOCOL_ICMPV6: parse_inner_icmp;
            default: accept;
        }
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
        packet.emit(hdr.ethernet);
        packet.emit(hdr.vlan);
        packet.emit(hdr.arp);
        packet.emit(hdr.outer_ipv4);
        packet.emit(hdr.outer_udp);
        packet.emit(hdr.outer_gtpu);
        packet.emit(hdr.outer_gtpu_options);
        packet.emit(hdr.outer_gtpu_pdu_session);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ipv6);
        packet.emit(hdr.tcp);
        packet.emit(hdr.udp);
        packet.emit(hdr.icmp);
        packet.emit(hdr.neighbor_discovery);
        packet.emit(hdr.nd_option);
        packet.emit(hdr.gtpu);
        packet.emit(hdr.gtpu_options);
        packet.emit(hdr.gtpu_pdu_session);
        packet.emit(hdr.inner_ipv4);
        packet.emit(hdr.inner_ipv6);
        packet.emit(hdr.inner_tcp);
        packet.emit(hdr.inner_udp);
        packet.emit(hdr.inner_icmp);
    }
}

#endif
