// SPDX-License-Identifier: Apache-2.0
// The 5G user plane (3GPP TS 23.501, section 5.8; GTP-U of TS 29.281) over IPv4 transport; UEs have IPv4
// addresses, IPv6 prefixes, or both. Uplink: a G-PDU to an N3 address is opened, its session found by TEID, its
// inner packet routed in the data network. Downlink: a packet to a UE is routed as the tunnel to its gNB, and wrapped on
// its way out. Both happen where the packet enters the fabric. A session's entry says itself what becomes of
// all packets of a direction, or leads to its flows: see upf_flow.p4. What gNBs say of the path, not of a
// packet, is in upf_path.p4.

#ifndef UPF_P4
#define UPF_P4

control UpfUplink(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata,
                  out bool taken, out drop_reason_t reason) {
    const bit<8> ND_HOP_LIMIT = 255;

    direct_counter(CounterType.packets_and_bytes) uplink_counter;
    direct_counter(CounterType.packets_and_bytes) uplink_ipv6_counter;
    UpfPath() path;
    Solicitation() solicitation;
    UnknownTunnel() unknown_tunnel;
    UpfFlow() uplink;
    bool for_upf;
    bool is_known;
    bool has_flows;
    qfi_t qfi;
    upf_session_t session;

    action n3() {
        for_upf = true;
    }

    // The N3 addresses of this UPF, each in the VRF of its access network.
    table upf_interfaces {
        key = {
            meta.vrf          : exact @name("vrf");
            hdr.ipv4.dst_addr : exact @name("n3_address");
        }
        actions = { n3; @defaultonly NoAction; }
        const default_action = NoAction;
        size = UPF_INTERFACE_TABLE_SIZE;
    }

    action open(vrf_id_t vrf) {
        is_known = true;
        hdr.tcp = hdr.inner_tcp;
        hdr.udp = hdr.inner_udp;
        hdr.icmp = hdr.inner_icmp;
        meta.ip = meta.inner_ip;
        hdr.gtpu.setInvalid();
        hdr.gtpu_options.setInvalid();
        hdr.gtpu_pdu_session.setInvalid();
        hdr.inner_tcp.setInvalid();
        hdr.inner_udp.setInvalid();
        hdr.inner_icmp.setInvalid();
        meta.vrf = vrf;
        meta.routed = true;
        meta.reported.opened = 1;
        reason = DROP_NONE;
    }

    action open_ipv4(vrf_id_t vrf) {
        uplink_counter.count();
        open(vrf);
        hdr.ipv4 = hdr.inner_ipv4;
        hdr.ipv4_options = hdr.inner_ipv4_options;
        meta.ip_length = hdr.inner_ipv4.total_length;
        meta.ip.fragmented = hdr.inner_ipv4.flags[0:0] == 1;
        hdr.inner_ipv4.setInvalid();
        hdr.inner_ipv4_options.setInvalid();
    }

    action open_ipv6(vrf_id_t vrf) {
        uplink_ipv6_counter.count();
        open(vrf);
        hdr.ipv4.setInvalid();
        hdr.ipv4_options.setInvalid();
        hdr.ipv6 = hdr.inner_ipv6;
        hdr.extension_1 = hdr.inner_extension_1;
        hdr.extension_2 = hdr.inner_extension_2;
        hdr.extension_3 = hdr.inner_extension_3;
        hdr.extension_4 = hdr.inner_extension_4;
        meta.ip_length = IPV6_HEADER_LENGTH + hdr.inner_ipv6.payload_length;
        meta.ip.fragmented = (meta.inner_ip.fragment & FRAGMENT_OFFSET_OR_MORE) != 0;
        hdr.inner_ipv6.setInvalid();
        hdr.inner_extension_1.setInvalid();
        hdr.inner_extension_2.setInvalid();
        hdr.inner_extension_3.setInvalid();
        hdr.inner_extension_4.setInvalid();
    }

    action has_rules(upf_session_id_t number, upf_filters_id_t filters, upf_rule_id_t rule, slice_id_t slice) {
        has_flows = true;
        session.number = number;
        session.filters = filters;
        session.rule = rule;
        session.slice = slice;
    }

    // All packets of the UE may be routed.
    action decapsulate(vrf_id_t vrf) {
        open_ipv4(vrf);
    }

    // Packets of the UE have rules of their own: those of `rule`, but for what a filter finds.
    action uplink_session(vrf_id_t vrf, upf_session_id_t number, upf_filters_id_t filters, upf_rule_id_t rule,
                          slice_id_t slice) {
        open_ipv4(vrf);
        has_rules(number, filters, rule, slice);
    }

    // PDU sessions by their uplink tunnel. The UE's address is part of the key: a UE cannot send as another.
    // So is the gNB's: nobody else can send for it.
    table upf_uplink_sessions {
        key = {
            hdr.ipv4.dst_addr       : exact @name("n3_address");
            hdr.ipv4.src_addr       : exact @name("gnb_address");
            hdr.gtpu.teid           : exact @name("teid");
            hdr.inner_ipv4.src_addr : exact @name("ue_address");
        }
        actions = { decapsulate; uplink_session; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = uplink_counter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action decapsulate_ipv6(vrf_id_t vrf) {
        open_ipv6(vrf);
    }

    action uplink_session_ipv6(vrf_id_t vrf, upf_session_id_t number, upf_filters_id_t filters,
                               upf_rule_id_t rule, slice_id_t slice) {
        open_ipv6(vrf);
        has_rules(number, filters, rule, slice);
    }

    // The same for UEs with IPv6: their prefix is a /64, or a shorter one that they delegate (RFC 8415).
    table upf_uplink_sessions_ipv6 {
        key = {
            hdr.ipv4.dst_addr       : exact @name("n3_address");
            hdr.ipv4.src_addr       : exact @name("gnb_address");
            hdr.gtpu.teid           : exact @name("teid");
            hdr.inner_ipv6.src_addr : lpm   @name("ue_prefix");
        }
        actions = { decapsulate_ipv6; uplink_session_ipv6; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = uplink_ipv6_counter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action for_controller() {
        is_known = true;
    }

    // Tunnels of UEs with IPv6, whose solicitations the controller answers, or has the SMF answer.
    table upf_solicitations {
        key = {
            hdr.ipv4.dst_addr : exact @name("n3_address");
            hdr.ipv4.src_addr : exact @name("gnb_address");
            hdr.gtpu.teid     : exact @name("teid");
        }
        actions = { for_controller; @defaultonly NoAction; }
        const default_action = NoAction;
        size = UPF_SESSION_TABLE_SIZE;
    }

    apply {
        taken = false;
        reason = DROP_NONE;
        for_upf = false;
        is_known = false;
        has_flows = false;
        if (meta.from_edge && meta.routed && hdr.ipv4.isValid()) {
            upf_interfaces.apply();
            if (for_upf) {
                qfi = hdr.gtpu_pdu_session.isValid() ? hdr.gtpu_pdu_session.qfi : (qfi_t) 0;
                session = { (upf_session_id_t) 0, (upf_filters_id_t) 0, (upf_rule_id_t) 0, (slice_id_t) 0 };
                path.apply(hdr, meta, standard_metadata, taken);
                reason = taken ? DROP_NONE : DROP_TUNNEL;
                if (hdr.gtpu.isValid() && (hdr.inner_ipv4.isValid() || hdr.inner_ipv6.isValid())
                    && !meta.inner_ip.unreadable && standard_metadata.parser_error == error.NoError) {
                    // UDP and GTP-U, and what GTP-U has besides.
                    bit<16> overhead = 16;
                    if (hdr.gtpu_options.isValid()) {
                        overhead = overhead + 4;
                    }
                    if (hdr.gtpu_pdu_session.isValid()) {
                        overhead = overhead + 4;
                    }
                    bool fits = hdr.udp.length <= meta.ip_length - meta.ip.header_length
                        && overhead <= hdr.udp.length;
                    bit<16> room = hdr.udp.length - overhead;
                    if (hdr.inner_ipv4.isValid()) {
                        fits = fits && hdr.inner_ipv4.ihl >= 5
                            && meta.inner_ip.header_length <= hdr.inner_ipv4.total_length
                            && hdr.inner_ipv4.total_length <= room;
                    } else {
                        // Compared without the sum, which may not fit.
                        fits = fits && IPV6_HEADER_LENGTH <= room
                            && hdr.inner_ipv6.payload_length <= room - IPV6_HEADER_LENGTH
                            && meta.inner_ip.header_length - IPV6_HEADER_LENGTH <= hdr.inner_ipv6.payload_length;
                    }
                    if (fits) {
                        // A UE asks for its router and whether its own address is free from an address of the
                        // link, or from none; nothing else may come from these (TS 29.061, section 11.2.1.3.2).
                        bool solicits = hdr.inner_ipv6.isValid() && hdr.inner_icmp.isValid()
                            && (bit<8>) meta.inner_ip.protocol == PROTOCOL_ICMPV6
                            && (hdr.inner_icmp.type_ == ICMPV6_ROUTER_SOLICITATION
                                || hdr.inner_icmp.type_ == ICMPV6_NEIGHBOR_SOLICITATION);
                        if (hdr.inner_ipv4.isValid()) {
                            upf_uplink_sessions.apply();
                        } else if (solicits) {
                            upf_solicitations.apply();
                            if (is_known && hdr.inner_ipv6.hop_limit == ND_HOP_LIMIT && hdr.inner_icmp.code == 0
                                && meta.inner_ip.header_length == IPV6_HEADER_LENGTH) {
                                solicitation.apply(standard_metadata, taken);
                                reason = taken ? DROP_NONE : DROP_TUNNEL;
                            }
                        } else {
                            upf_uplink_sessions_ipv6.apply();
                        }
                        if (!is_known) {
                            unknown_tunnel.apply(hdr, meta, standard_metadata);
                        }
                        if (hdr.ipv6.isValid()) {
                            if (hdr.vlan.isValid()) {
                                hdr.vlan.ether_type = ETHERTYPE_IPV6;
                            } else {
                                hdr.ethernet.ether_type = ETHERTYPE_IPV6;
                            }
                        }
                        if (has_flows) {
                            upf_packet_t packet;
                            packet.qfi = qfi;
                            packet.protocol = meta.ip.protocol;
                            packet.is_ipv6 = hdr.ipv6.isValid();
                            if (packet.is_ipv6) {
                                packet.tos = hdr.ipv6.dscp ++ hdr.ipv6.ecn;
                                packet.flow_label = hdr.ipv6.flow_label;
                                packet.remote_ipv6 = hdr.ipv6.dst_addr;
                                packet.remote = (ipv4_address_t) 0;
                            } else {
                                packet.tos = hdr.ipv4.dscp ++ hdr.ipv4.ecn;
                                packet.remote = hdr.ipv4.dst_addr;
                                packet.remote_ipv6 = (ipv6_address_t) 0;
                                packet.flow_label = 0;
                            }
                            packet.has_ports = hdr.tcp.isValid() || hdr.udp.isValid() ? 1w1 : 1w0;
                            packet.remote_port = hdr.tcp.isValid() ? hdr.tcp.dst_port
                                : (hdr.udp.isValid() ? hdr.udp.dst_port : (l4_port_t) 0);
                            packet.ue_port = hdr.tcp.isValid() ? hdr.tcp.src_port
                                : (hdr.udp.isValid() ? hdr.udp.src_port : (l4_port_t) 0);
                            packet.length = meta.ip_length;
                            uplink.apply(session, packet, meta.tunnel, standard_metadata, reason);
                        }
                        if (reason == DROP_NONE && !taken) {
                            if (meta.ip.source_routed) {
                                reason = DROP_SOURCE_ROUTED;
                            } else if (hdr.udp.isValid()
                                && (bit<16>) hdr.udp.dst_port
                                    == (hdr.ipv6.isValid() ? UDP_PORT_DHCPV6_CLIENT : UDP_PORT_DHCP_CLIENT)) {
                                // A UE gives nobody addresses either.
                                reason = DROP_DHCP_SERVER;
                            }
                        }
                    }
                }
            }
        }
    }
}

control UpfDownlink(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata,
                    out drop_reason_t reason) {
    direct_counter(CounterType.packets_and_bytes) downlink_counter;
    direct_counter(CounterType.packets_and_bytes) downlink_ipv6_counter;
    UpfFlow() downlink;
    bool has_flows;
    upf_session_t session;

    action wrap(tunnel_peer_id_t tunnel_peer, teid_t teid, qfi_t qfi) {
        meta.tunnel.required = true;
        meta.tunnel.peer = tunnel_peer;
        meta.tunnel.teid = teid;
        meta.tunnel.qfi = qfi;
    }

    action has_rules(upf_session_id_t number, upf_filters_id_t filters, upf_rule_id_t rule, slice_id_t slice) {
        has_flows = true;
        session.number = number;
        session.filters = filters;
        session.rule = rule;
        session.slice = slice;
    }

    action encapsulate(@refers_to(upf_tunnel_peers, tunnel_peer) tunnel_peer_id_t tunnel_peer,
                       teid_t teid, qfi_t qfi) {
        downlink_counter.count();
        wrap(tunnel_peer, teid, qfi);
    }

    // As `uplink_session`.
    action downlink_session(upf_session_id_t number, upf_filters_id_t filters, upf_rule_id_t rule,
                            slice_id_t slice) {
        downlink_counter.count();
        has_rules(number, filters, rule, slice);
    }

    // PDU sessions by the UE's address.
    table upf_downlink_sessions {
        key = {
            meta.vrf          : exact @name("vrf");
            hdr.ipv4.dst_addr : exact @name("ue_address");
        }
        actions = { encapsulate; downlink_session; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = downlink_counter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action encapsulate_ipv6(@refers_to(upf_tunnel_peers, tunnel_peer) tunnel_peer_id_t tunnel_peer,
                            teid_t teid, qfi_t qfi) {
        downlink_ipv6_counter.count();
        wrap(tunnel_peer, teid, qfi);
    }

    action downlink_session_ipv6(upf_session_id_t number, upf_filters_id_t filters, upf_rule_id_t rule,
                                 slice_id_t slice) {
        downlink_ipv6_counter.count();
        has_rules(number, filters, rule, slice);
    }

    table upf_downlink_sessions_ipv6 {
        key = {
            meta.vrf          : exact @name("vrf");
            hdr.ipv6.dst_addr : lpm   @name("ue_prefix");
        }
        actions = { encapsulate_ipv6; downlink_session_ipv6; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = downlink_ipv6_counter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action tunnel_to(vrf_id_t vrf, ipv4_address_t n3_address, ipv4_address_t gnb_address) {
        meta.tunnel_vrf = vrf;
        meta.tunnel.src_addr = n3_address;
        meta.tunnel.dst_addr = gnb_address;
        reason = DROP_NONE;
    }

    // gNBs, each reached from one N3 address through its access network.
    table upf_tunnel_peers {
        key = { meta.tunnel.peer : exact @name("tunnel_peer"); }
        actions = { tunnel_to; @defaultonly NoAction; }
        const default_action = NoAction;
        size = UPF_TUNNEL_PEER_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        has_flows = false;
        if ((hdr.ipv4.isValid() || hdr.ipv6.isValid()) && meta.routed) {
            session = { (upf_session_id_t) 0, (upf_filters_id_t) 0, (upf_rule_id_t) 0, (slice_id_t) 0 };
            if (hdr.ipv4.isValid()) {
                upf_downlink_sessions.apply();
            } else {
                upf_downlink_sessions_ipv6.apply();
            }
            if (has_flows) {
                upf_packet_t packet;
                packet.qfi = (qfi_t) 0;
                packet.protocol = meta.flow.protocol;
                packet.is_ipv6 = hdr.ipv6.isValid();
                if (packet.is_ipv6) {
                    packet.tos = hdr.ipv6.dscp ++ hdr.ipv6.ecn;
                    packet.flow_label = hdr.ipv6.flow_label;
                    packet.remote_ipv6 = hdr.ipv6.src_addr;
                    packet.remote = (ipv4_address_t) 0;
                } else {
                    packet.tos = hdr.ipv4.dscp ++ hdr.ipv4.ecn;
                    packet.remote = hdr.ipv4.src_addr;
                    packet.remote_ipv6 = (ipv6_address_t) 0;
                    packet.flow_label = 0;
                }
                packet.has_ports = hdr.tcp.isValid() || hdr.udp.isValid() ? 1w1 : 1w0;
                packet.remote_port = meta.flow.src_port;
                packet.ue_port = meta.flow.dst_port;
                packet.length = meta.ip_length;
                downlink.apply(session, packet, meta.tunnel, standard_metadata, reason);
            }
            if (reason == DROP_NONE && meta.tunnel.required) {
                reason = DROP_TUNNEL_PEER;
                upf_tunnel_peers.apply();
            }
        }
    }
}

// Outer IPv4, UDP, GTP-U and the PDU session container (type 0, downlink) with the session's QFI.
control UpfEncapsulation(inout headers_t hdr, in metadata_t meta) {
    // The four option bytes and the container's four, counted in GTP-U's length (TS 29.281, 5.1).
    const bit<16> GTPU_EXTENSIONS_LENGTH = 8;
    const bit<16> GTPU_LENGTH = 8;
    const bit<16> UDP_LENGTH = 8;
    const bit<16> IPV4_LENGTH = 20;

    apply {
        if (!meta.tunnel.required) {
            return;
        }
        bit<16> length = hdr.ipv4.isValid() ? hdr.ipv4.total_length
            : IPV6_HEADER_LENGTH + hdr.ipv6.payload_length;
        if (hdr.vlan.isValid()) {
            hdr.vlan.ether_type = ETHERTYPE_IPV4;
        } else {
            hdr.ethernet.ether_type = ETHERTYPE_IPV4;
        }
        hdr.outer_ipv4.setValid();
        hdr.outer_ipv4.version = 4;
        hdr.outer_ipv4.ihl = 5;
        hdr.outer_ipv4.dscp = hdr.ipv4.isValid() ? hdr.ipv4.dscp : hdr.ipv6.dscp;
        hdr.outer_ipv4.ecn = hdr.ipv4.isValid() ? hdr.ipv4.ecn : hdr.ipv6.ecn;
        hdr.outer_ipv4.total_length = length
            + IPV4_LENGTH + UDP_LENGTH + GTPU_LENGTH + GTPU_EXTENSIONS_LENGTH;
        hdr.outer_ipv4.identification = 0;
        hdr.outer_ipv4.flags = 2;      // don't fragment
        hdr.outer_ipv4.fragment_offset = 0;
        hdr.outer_ipv4.ttl = 64;
        hdr.outer_ipv4.protocol = (ip_protocol_t) PROTOCOL_UDP;
        hdr.outer_ipv4.src_addr = meta.tunnel.src_addr;
        hdr.outer_ipv4.dst_addr = meta.tunnel.dst_addr;

        hdr.outer_udp.setValid();
        hdr.outer_udp.src_port = (l4_port_t) UDP_PORT_GTPU;
        hdr.outer_udp.dst_port = (l4_port_t) UDP_PORT_GTPU;
        hdr.outer_udp.length = length + UDP_LENGTH + GTPU_LENGTH + GTPU_EXTENSIONS_LENGTH;
        hdr.outer_udp.checksum = 0;    // RFC 768: none; the inner packet has its own

        hdr.outer_gtpu.setValid();
        hdr.outer_gtpu.version = 1;
        hdr.outer_gtpu.protocol_type = 1;
        hdr.outer_gtpu.spare = 0;
        hdr.outer_gtpu.extension_flag = 1;
        hdr.outer_gtpu.sequence_flag = 0;
        hdr.outer_gtpu.npdu_flag = 0;
        hdr.outer_gtpu.message_type = GTPU_MESSAGE_G_PDU;
        hdr.outer_gtpu.length = length + GTPU_EXTENSIONS_LENGTH;
        hdr.outer_gtpu.teid = meta.tunnel.teid;

        hdr.outer_gtpu_options.setValid();
        hdr.outer_gtpu_options.sequence = 0;
        hdr.outer_gtpu_options.npdu = 0;
        hdr.outer_gtpu_options.next_extension = GTPU_EXTENSION_PDU_SESSION_CONTAINER;

        hdr.outer_gtpu_pdu_session.setValid();
        hdr.outer_gtpu_pdu_session.length = 1;
        hdr.outer_gtpu_pdu_session.pdu_type = 0;
        hdr.outer_gtpu_pdu_session.spare = 0;
        hdr.outer_gtpu_pdu_session.indicators = 0;
        hdr.outer_gtpu_pdu_session.qfi = meta.tunnel.qfi;
        hdr.outer_gtpu_pdu_session.next_extension = 0;
    }
}

#endif
