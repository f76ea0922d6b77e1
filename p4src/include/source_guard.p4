// SPDX-License-Identifier: Apache-2.0
// Who may send what at an edge port: MAC addresses, kinds of frames, IP addresses, and what a host says in
// ARP and Neighbor Discovery of who has which address. Addresses that the fabric owns, and those known
// to be at another place, are nobody else's. RFC 2827 (ingress filtering), RFC 6105 (RA guard), RFC 7513.

#ifndef SOURCE_GUARD_P4
#define SOURCE_GUARD_P4

control SourceGuard(in headers_t hdr, inout metadata_t meta, in standard_metadata_t standard_metadata,
                    out drop_reason_t reason) {
    const bit<44> IEEE_RESERVED = 0x0180c200000;      // 01:80:c2:00:00:00 to 0f, IEEE 802.1Q, table 8-1
    const bit<16> ND_LENGTH = 24;                     // ICMPv6, flags, target; an option has 8 bytes more
    const bit<8>  ND_HOP_LIMIT = 255;

    port_t bound_port;
    mac_address_t bound_mac;
    bool is_bound;
    ipv4_address_t claimed_ipv4;
    ipv6_address_t claimed_ipv6;

    // Nobody's here: outside the network's subnets, or the fabric's own.
    action source_denied() {
        reason = DROP_SOURCE_ADDRESS;
    }

    // Anybody's: no address at all, or of the link only.
    action source_permitted() {
        meta.source.is_nobodys = true;
    }

    // Anybody's that nothing more precise is said of, at ports whose host has no stated addresses.
    action source_of_subnet() {
        reason = meta.port.addresses_stated == 1 ? DROP_SOURCE_ADDRESS : DROP_NONE;
    }

    // One host's, at one port.
    action source_bound(port_t port, mac_address_t mac) {
        is_bound = true;
        bound_port = port;
        bound_mac = mac;
    }

    // One endpoint's, at one port; and who that is. `is_host`: the host of the others that are at this switch.
    action source_endpoint(port_t port, mac_address_t mac, identity_t identity, bit<1> is_host) {
        source_bound(port, mac);
        meta.source.identity = identity;
        meta.source.is_endpoint = true;
        meta.source.is_host = is_host == 1;
    }

    // Anybody's of these, such as behind a router; and who they are.
    action source_identified(identity_t identity) {
        meta.source.identity = identity;
    }

    // A host's at another switch.
    action source_elsewhere() {
        reason = DROP_ADDRESS_ELSEWHERE;
    }

    // Whose an address is in a network. A family without an entry is closed.
    table source_ipv4 {
        key = {
            meta.vlan_id : exact @name("vlan_id");
            claimed_ipv4 : lpm   @name("address");
        }
        actions = {
            source_denied; source_permitted; source_of_subnet; source_bound; source_elsewhere;
            source_endpoint; source_identified;
        }
        const default_action = source_denied;
        size = SOURCE_IPV4_TABLE_SIZE;
    }

    table source_ipv6 {
        key = {
            meta.vlan_id : exact @name("vlan_id");
            claimed_ipv6 : lpm   @name("address");
        }
        actions = {
            source_denied; source_permitted; source_of_subnet; source_bound; source_elsewhere;
            source_endpoint; source_identified;
        }
        const default_action = source_denied;
        size = SOURCE_IPV6_TABLE_SIZE;
    }

    action check_arp() {
        claimed_ipv4 = hdr.arp.sender_ip;
        reason = hdr.arp.hardware_type != ARP_HARDWARE_ETHERNET || hdr.arp.protocol_type != ETHERTYPE_IPV4
            || hdr.arp.hardware_length != 6 || hdr.arp.protocol_length != 4
            || hdr.arp.sender_mac != hdr.ethernet.src_addr
            || (hdr.arp.operation != ARP_REQUEST && hdr.arp.operation != ARP_REPLY)
            ? DROP_ARP : DROP_NONE;
    }

    apply {
        reason = DROP_NONE;
        is_bound = false;
        bound_port = (port_t) 0;
        bound_mac = (mac_address_t) 0;
        claimed_ipv4 = (ipv4_address_t) 0;
        claimed_ipv6 = (ipv6_address_t) 0;
        bit<48> src_mac = (bit<48>) hdr.ethernet.src_addr;

        // The frame.
        if (src_mac[40:40] == 1 || src_mac == 0 || hdr.ethernet.src_addr == meta.network.router_mac
            || (meta.port.mac != (mac_address_t) 0 && hdr.ethernet.src_addr != meta.port.mac)) {
            reason = DROP_SOURCE_MAC;
            return;
        }
        if (((bit<48>) hdr.ethernet.dst_addr)[47:4] == IEEE_RESERVED
            || (hdr.vlan.isValid() && hdr.vlan.ether_type == ETHERTYPE_LLDP)) {
            reason = DROP_CONTROL_FRAME;
            return;
        }
        if (meta.nested_tags || meta.service_tag) {
            reason = DROP_NESTED_TAG;
            return;
        }

        if (hdr.ipv4.isValid()) {
            claimed_ipv4 = hdr.ipv4.src_addr;
            bit<32> address = (bit<32>) claimed_ipv4;
            // Loopback, multicast, reserved and broadcast; "this network" but for DHCP (RFC 2131, section 4.1).
            if (address[31:24] == 127 || address[31:29] == 7) {
                reason = DROP_SOURCE_ADDRESS;
            } else if (address[31:24] == 0
                       && !(address == 0 && (bit<32>) hdr.ipv4.dst_addr == 0xffffffff && hdr.udp.isValid()
                            && (bit<16>) hdr.udp.src_port == UDP_PORT_DHCP_CLIENT
                            && (bit<16>) hdr.udp.dst_port == UDP_PORT_DHCP_SERVER
                            && !meta.ip.fragmented)) {
                reason = DROP_SOURCE_ADDRESS;
            } else if (hdr.udp.isValid() && (bit<16>) hdr.udp.dst_port == UDP_PORT_DHCP_CLIENT
                       && meta.port.dhcp_server == 0) {
                reason = DROP_DHCP_SERVER;
            }
        } else if (hdr.ipv6.isValid()) {
            claimed_ipv6 = hdr.ipv6.src_addr;
            bit<128> address = (bit<128>) claimed_ipv6;
            bool nd = hdr.icmp.isValid() && (bit<8>) meta.ip.protocol == PROTOCOL_ICMPV6
                && hdr.icmp.type_ >= ICMPV6_ROUTER_SOLICITATION && hdr.icmp.type_ <= ICMPV6_REDIRECT;
            if (nd) {
                // RFC 4861, sections 6.1 and 7.1; RFC 6980 and 7113: nothing between the headers.
                if (hdr.ipv6.hop_limit != ND_HOP_LIMIT || hdr.icmp.code != 0
                    || meta.ip.header_length != IPV6_HEADER_LENGTH) {
                    reason = DROP_NEIGHBOR_DISCOVERY;
                } else if (hdr.icmp.type_ == ICMPV6_ROUTER_ADVERTISEMENT
                           || hdr.icmp.type_ == ICMPV6_REDIRECT) {
                    if (meta.port.ipv6_router == 0) {
                        reason = DROP_ROUTER_ADVERTISEMENT;
                    }
                } else if (hdr.neighbor_discovery.isValid()) {
                    if (hdr.nd_option.isValid()) {
                        if (hdr.nd_option.length != 1
                            || ((hdr.nd_option.type_ == ND_OPTION_SOURCE_LINK_LAYER_ADDRESS
                                 || hdr.nd_option.type_ == ND_OPTION_TARGET_LINK_LAYER_ADDRESS)
                                && hdr.nd_option.link_layer_address != hdr.ethernet.src_addr)) {
                            reason = DROP_NEIGHBOR_DISCOVERY;
                        }
                    } else if (hdr.ipv6.payload_length != ND_LENGTH) {
                        reason = DROP_NEIGHBOR_DISCOVERY;
                    }
                    if (reason == DROP_NONE && hdr.icmp.type_ == ICMPV6_NEIGHBOR_ADVERTISEMENT) {
                        // What an advertisement claims is its target; it comes from there or from the link.
                        if (hdr.neighbor_discovery.target != claimed_ipv6 && address[127:118] != IPV6_LINK_LOCAL) {
                            reason = DROP_SOURCE_ADDRESS;
                        }
                        claimed_ipv6 = hdr.neighbor_discovery.target;
                        address = (bit<128>) claimed_ipv6;
                    }
                }
            } else if (hdr.udp.isValid() && (bit<16>) hdr.udp.dst_port == UDP_PORT_DHCPV6_CLIENT
                       && meta.port.dhcp_server == 0) {
                reason = DROP_DHCP_SERVER;
            }
            if (reason == DROP_NONE) {
                // Multicast, loopback, IPv4-mapped; no address but for duplicate address detection and MLD.
                if (address[127:120] == 0xff || address == 1 || address[127:32] == 0xffff) {
                    reason = DROP_SOURCE_ADDRESS;
                } else if (address == 0
                           && !(hdr.icmp.isValid() && (bit<8>) meta.ip.protocol == PROTOCOL_ICMPV6
                                && hdr.icmp.type_ != ICMPV6_NEIGHBOR_ADVERTISEMENT
                                && ((bit<128>) hdr.ipv6.dst_addr)[127:120] == 0xff)) {
                    reason = DROP_SOURCE_ADDRESS;
                }
            }
        } else if (hdr.arp.isValid()) {
            check_arp();
            bit<32> address = (bit<32>) claimed_ipv4;
            if (reason == DROP_NONE
                && (address[31:24] == 127 || address[31:29] == 7
                    || (address[31:24] == 0 && !(address == 0 && hdr.arp.operation == ARP_REQUEST)))) {
                reason = DROP_SOURCE_ADDRESS;
            }
        } else if (meta.network.any_ether_type == 0) {
            reason = DROP_ETHERTYPE;
        }
        if (reason != DROP_NONE) {
            return;
        }

        // The address.
        if (hdr.ipv6.isValid()) {
            source_ipv6.apply();
        } else if (hdr.ipv4.isValid() || hdr.arp.isValid()) {
            source_ipv4.apply();
        }
        if (is_bound && (bound_port != (port_t) standard_metadata.ingress_port
                         || bound_mac != hdr.ethernet.src_addr)) {
            reason = DROP_ADDRESS_ELSEWHERE;
        }
    }
}

#endif
