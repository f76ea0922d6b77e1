// SPDX-License-Identifier: Apache-2.0
// ARP (RFC 826) and Neighbor Discovery (RFC 4861): the switch itself answers for the addresses that
// the fabric owns (gateways, virtual IPs, N3 addresses), and tells the controller which hosts it saw.
// Requests for hosts are bridged like any other frame.

#ifndef ADDRESS_RESOLUTION_P4
#define ADDRESS_RESOLUTION_P4

// Sent for each ARP or neighbor message from an edge port; the address family not seen is zero.
// Plain bit strings: P4Runtime servers built on PI refuse digests of named types.
struct host_seen_t {
    bit<9>   ingress_port;
    bit<12>  vlan_id;
    bit<48>  mac;
    bit<32>  ipv4;
    bit<128> ipv6;
}

control AddressResolution(inout headers_t hdr, inout metadata_t meta,
                          inout standard_metadata_t standard_metadata, out bool answered) {
    action return_to_sender(mac_address_t mac) {
        answered = true;
        hdr.ethernet.dst_addr = hdr.ethernet.src_addr;
        hdr.ethernet.src_addr = mac;
        standard_metadata.egress_spec = standard_metadata.ingress_port;
    }

    action arp_reply(mac_address_t mac) {
        return_to_sender(mac);
        ipv4_address_t asked = hdr.arp.target_ip;
        hdr.arp.operation = ARP_REPLY;
        hdr.arp.target_mac = hdr.arp.sender_mac;
        hdr.arp.target_ip = hdr.arp.sender_ip;
        hdr.arp.sender_mac = mac;
        hdr.arp.sender_ip = asked;
    }

    // IPv4 addresses that the fabric owns in a network.
    table arp_responder {
        key = {
            meta.vlan_id      : exact @name("vlan_id");
            hdr.arp.target_ip : exact @name("target_ip");
        }
        actions = { arp_reply; @defaultonly NoAction; }
        const default_action = NoAction;
        size = ARP_RESPONDER_TABLE_SIZE;
    }

    // Solicited, overriding, from a router (RFC 4861, section 4.4).
    action neighbor_advertisement(mac_address_t mac) {
        return_to_sender(mac);
        hdr.ipv6.dst_addr = hdr.ipv6.src_addr;
        hdr.ipv6.src_addr = hdr.neighbor_discovery.target;
        hdr.ipv6.hop_limit = 255;
        hdr.ipv6.payload_length = ND_WITH_OPTION_LENGTH;
        hdr.icmp.type_ = ICMPV6_NEIGHBOR_ADVERTISEMENT;
        hdr.neighbor_discovery.flags = 0xe0000000;
        hdr.nd_option.setValid();
        hdr.nd_option.type_ = ND_OPTION_TARGET_LINK_LAYER_ADDRESS;
        hdr.nd_option.length = 1;
        hdr.nd_option.link_layer_address = mac;
        meta.nd_reply = true;
    }

    // IPv6 addresses that the fabric owns in a network.
    table nd_responder {
        key = {
            meta.vlan_id                  : exact @name("vlan_id");
            hdr.neighbor_discovery.target : exact @name("target_ip");
        }
        actions = { neighbor_advertisement; @defaultonly NoAction; }
        const default_action = NoAction;
        size = ND_RESPONDER_TABLE_SIZE;
    }

    action report_ipv4_host() {
        digest<host_seen_t>(1, { standard_metadata.ingress_port, (bit<12>) meta.vlan_id,
                                 (bit<48>) hdr.arp.sender_mac, (bit<32>) hdr.arp.sender_ip, 0 });
    }

    action report_ipv6_host(ipv6_address_t address) {
        digest<host_seen_t>(1, { standard_metadata.ingress_port, (bit<12>) meta.vlan_id,
                                 (bit<48>) hdr.ethernet.src_addr, 0, (bit<128>) address });
    }

    apply {
        answered = false;
        if (!meta.from_edge) {
            return;
        }
        if (hdr.arp.isValid()) {
            // A probe (RFC 5227) has no sender address yet.
            if (hdr.arp.sender_ip != (ipv4_address_t) 0) {
                report_ipv4_host();
            }
            if (hdr.arp.operation == ARP_REQUEST) {
                arp_responder.apply();
            }
        } else if (hdr.neighbor_discovery.isValid() && hdr.ipv6.hop_limit == 255) {
            if (hdr.icmp.type_ == ICMPV6_NEIGHBOR_ADVERTISEMENT) {
                report_ipv6_host(hdr.neighbor_discovery.target);
            } else if (hdr.ipv6.src_addr != (ipv6_address_t) 0) {
                report_ipv6_host(hdr.ipv6.src_addr);
                nd_responder.apply();
            }
        }
    }
}

#endif
