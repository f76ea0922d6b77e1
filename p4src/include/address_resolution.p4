// SPDX-License-Identifier: Apache-2.0
// ARP (RFC 826) and Neighbor Discovery (RFC 4861): the switch itself answers for the addresses that
// the fabric owns (gateways, virtual IPs, N3 addresses), and tells the controller which hosts it saw.
// Requests for hosts are bridged like any other frame.

#ifndef ADDRESS_RESOLUTION_P4
#define ADDRESS_RESOLUTION_P4

// Sent for ARP and neighbor messages from an edge port, so often and no more than the port's policer lets
// through; the address family not seen is zero.
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

    apply {
        answered = false;
        if (!meta.from_edge) {
            return;
        }
        if (hdr.arp.isValid()) {
            if (hdr.arp.operation == ARP_REQUEST) {
                arp_responder.apply();
            }
        } else if (hdr.neighbor_discovery.isValid() && hdr.icmp.type_ == ICMPV6_NEIGHBOR_SOLICITATION
                   && (bit<128>) hdr.ipv6.src_addr != 0) {
            nd_responder.apply();
        }
    }
}

// Tells the controller which hosts were seen, and who claims an address that is not theirs to have.
control HostReport(in headers_t hdr, in metadata_t meta, in standard_metadata_t standard_metadata,
                   in drop_reason_t reason) {
    Policer(REPORT_POLICER_COUNT) report_policer;

    apply {
        if (reason != DROP_NONE && reason != DROP_SOURCE_ADDRESS && reason != DROP_ADDRESS_ELSEWHERE) {
            return;
        }
        // A probe (RFC 5227, RFC 4862) claims nothing yet.
        bool of_arp = hdr.arp.isValid() && (bit<32>) hdr.arp.sender_ip != 0;
        bool of_nd = hdr.neighbor_discovery.isValid() && (bit<128>) hdr.ipv6.src_addr != 0;
        if (!of_arp && !of_nd) {
            return;
        }
        // What a host answers the controller is counted apart: others can make it say much, but not to the
        // router, since nobody may ask as the router.
        bit<2> kind = 0;
        if (hdr.ethernet.dst_addr == meta.network.router_mac) {
            kind = 2;
        } else if (of_nd) {
            kind = 1;
        }
        bit<32> cell = (bit<32>) standard_metadata.ingress_port << 2 | (bit<32>) kind;
        bool conforms;
        report_policer.apply(cell, standard_metadata.ingress_global_timestamp,
                             REPORT_INTERVAL, REPORT_TOLERANCE, conforms);
        if (!conforms) {
            return;
        }
        if (of_arp) {
            digest<host_seen_t>(1, { standard_metadata.ingress_port, (bit<12>) meta.vlan_id,
                                     (bit<48>) hdr.ethernet.src_addr, (bit<32>) hdr.arp.sender_ip, 0 });
        } else {
            ipv6_address_t claimed = hdr.icmp.type_ == ICMPV6_NEIGHBOR_ADVERTISEMENT
                ? hdr.neighbor_discovery.target : hdr.ipv6.src_addr;
            digest<host_seen_t>(1, { standard_metadata.ingress_port, (bit<12>) meta.vlan_id,
                                     (bit<48>) hdr.ethernet.src_addr, 0, (bit<128>) claimed });
        }
    }
}

#endif
