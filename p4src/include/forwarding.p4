// SPDX-License-Identifier: Apache-2.0
// Where to: frames for the gateway's MAC address are routed in the tenant's VRF (once, at the leaf
// where they enter), all frames are then bridged in their network, over equal-cost paths where the
// destination is on another leaf.

#ifndef FORWARDING_P4
#define FORWARDING_P4

// Is the frame for the gateway of its network?
control Gateway(in headers_t hdr, inout metadata_t meta) {
    action route() {
        meta.routed = true;
    }

    // The router MAC address of each network that has a gateway.
    table gateways {
        key = {
            meta.vlan_id          : exact @name("vlan_id");
            hdr.ethernet.dst_addr : exact @name("mac");
        }
        actions = { route; @defaultonly NoAction; }
        const default_action = NoAction;
        size = GATEWAY_TABLE_SIZE;
    }

    apply {
        if (meta.from_edge) {
            gateways.apply();
        }
    }
}

control Routing(inout headers_t hdr, inout metadata_t meta, out drop_reason_t reason) {
    action unreachable() {
        reason = DROP_NO_ROUTE;
    }

    // To a host or a router of the network `vlan_id`, as its gateway.
    action route_to(@refers_to(bridging, vlan_id) vlan_id_t vlan_id, mac_address_t src_mac,
                    @refers_to(bridging, dst_mac) mac_address_t dst_mac) {
        meta.vlan_id = vlan_id;
        hdr.ethernet.src_addr = src_mac;
        hdr.ethernet.dst_addr = dst_mac;
    }

    // Hosts (/32) and prefixes behind a host that routes.
    table routing_ipv4 {
        key = {
            meta.route_vrf : exact @name("vrf");
            meta.route_dst : lpm   @name("dst_addr");
        }
        actions = { route_to; unreachable; }
        const default_action = unreachable;
        size = ROUTING_IPV4_TABLE_SIZE;
    }

    table routing_ipv6 {
        key = {
            meta.vrf          : exact @name("vrf");
            hdr.ipv6.dst_addr : lpm   @name("dst_addr");
        }
        actions = { route_to; unreachable; }
        const default_action = unreachable;
        size = ROUTING_IPV6_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        if (!meta.routed) {
            return;
        }
        bool by_ipv4 = hdr.ipv4.isValid() || meta.tunnel.required;
        meta.route_vrf = meta.tunnel.required ? meta.tunnel_vrf : meta.vrf;
        meta.route_dst = meta.tunnel.required ? meta.tunnel.dst_addr : hdr.ipv4.dst_addr;
        if (hdr.ipv4.isValid()) {
            bit<32> dst = (bit<32>) hdr.ipv4.dst_addr;
            // This network, loopback; multicast, reserved, broadcast.
            if (dst[31:24] == 0 || dst[31:24] == 127 || dst[31:29] == 7) {
                reason = DROP_DESTINATION;
            } else if (hdr.ipv4.ttl <= 1) {
                reason = DROP_TTL;
            } else {
                hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            }
        } else if (hdr.ipv6.isValid()) {
            bit<128> src = (bit<128>) hdr.ipv6.src_addr;
            bit<128> dst = (bit<128>) hdr.ipv6.dst_addr;
            // Multicast, of the link only (RFC 4291, section 2.5.6), unspecified, loopback.
            if (dst[127:120] == 0xff || dst[127:118] == IPV6_LINK_LOCAL || src[127:118] == IPV6_LINK_LOCAL
                || src == 0 || dst[127:1] == 0) {
                reason = DROP_DESTINATION;
            } else if (hdr.ipv6.hop_limit <= 1) {
                reason = DROP_TTL;
            } else {
                hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
            }
        } else {
            // Answers to what the controller asks hosts in the gateway's name.
            reason = DROP_NO_ROUTE;
        }
        if (reason == DROP_NONE) {
            if (by_ipv4) {
                routing_ipv4.apply();
            } else {
                routing_ipv6.apply();
            }
        }
    }
}

control Bridging(inout headers_t hdr, inout metadata_t meta,
                 inout standard_metadata_t standard_metadata, out drop_reason_t reason) {
    Policer(PORT_COUNT) flood_policer;
    @max_group_size(MAXIMUM_GROUP_SIZE)
    action_selector(HashAlgorithm.crc16, ECMP_SELECTOR_SIZE, 32w16) paths;

    action to_port(port_t port) {
        standard_metadata.egress_spec = (bit<9>) port;
    }

    action to_ecmp_group(@refers_to(ecmp_groups, group) ecmp_group_id_t group) {
        meta.ecmp_group = group;
    }

    // Broadcast, multicast and unknown destinations go to the network's flood tree: the multicast
    // group with the VLAN id as its number. Egress keeps a frame from going back.
    action flood() {
        standard_metadata.mcast_grp = (bit<16>) (bit<12>) meta.vlan_id;
    }

    table bridging {
        key = {
            meta.vlan_id          : exact @name("vlan_id");
            hdr.ethernet.dst_addr : exact @name("dst_mac");
        }
        actions = { to_port; to_ecmp_group; flood; }
        const default_action = flood;
        size = BRIDGING_TABLE_SIZE;
    }

    // Equal-cost ports towards one leaf; a flow keeps its path, unless Remedies gives it another one.
    table ecmp_groups {
        key = {
            meta.ecmp_group : exact @name("group");
            meta.path       : selector;
        }
        actions = { to_port; @defaultonly NoAction; }
        implementation = paths;
        size = ECMP_GROUP_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        bridging.apply();
        if (meta.from_edge && standard_metadata.mcast_grp != 0) {
            bool conforms;
            flood_policer.apply((bit<32>) standard_metadata.ingress_port,
                                standard_metadata.ingress_global_timestamp,
                                (bit<48>) meta.network.flood_interval, FLOOD_TOLERANCE, conforms);
            if (!conforms) {
                reason = DROP_FLOOD;
            }
        }
        if (meta.ecmp_group != (ecmp_group_id_t) 0) {
            ecmp_groups.apply();
        } else if (meta.from_edge && !meta.routed && standard_metadata.mcast_grp == 0
                   && standard_metadata.egress_spec == standard_metadata.ingress_port) {
            reason = DROP_SAME_PORT;
        }
    }
}

#endif
