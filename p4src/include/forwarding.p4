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

control Routing(inout headers_t hdr, inout metadata_t meta, out bool dropped) {
    action unreachable() {
        dropped = true;
    }

    // To a host or a router of the network `vlan_id`, as its gateway.
    action route_to(vlan_id_t vlan_id, mac_address_t src_mac, mac_address_t dst_mac) {
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
        dropped = false;
        if (!meta.routed) {
            return;
        }
        if (hdr.ipv4.isValid() && hdr.ipv4.ttl > 1) {
            meta.route_vrf = meta.tunnel.required ? meta.tunnel_vrf : meta.vrf;
            meta.route_dst = meta.tunnel.required ? meta.tunnel.dst_addr : hdr.ipv4.dst_addr;
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            routing_ipv4.apply();
            hdr.ethernet.ether_type = hdr.vlan.isValid() ? hdr.ethernet.ether_type : ETHERTYPE_IPV4;
        } else if (hdr.ipv6.isValid() && hdr.ipv6.hop_limit > 1) {
            hdr.ipv6.hop_limit = hdr.ipv6.hop_limit - 1;
            routing_ipv6.apply();
        } else {
            dropped = true;
        }
    }
}

control Bridging(inout headers_t hdr, inout metadata_t meta,
                 inout standard_metadata_t standard_metadata) {
    @max_group_size(MAXIMUM_GROUP_SIZE)
    action_selector(HashAlgorithm.crc16, ECMP_SELECTOR_SIZE, 32w16) paths;

    action to_port(port_t port) {
        standard_metadata.egress_spec = (bit<9>) port;
    }

    action to_ecmp_group(ecmp_group_id_t group) {
        meta.ecmp_group = group;
    }

    // Broadcast, multicast and unknown destinations go to the network's flood tree: the multicast
    // group with the VLAN id as its number. EgressPruning keeps a frame from going back.
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

    // Equal-cost ports towards one leaf; a flow keeps its path.
    table ecmp_groups {
        key = {
            meta.ecmp_group : exact @name("group") @refers_to(bridging, group);
            meta.flow.hash  : selector;
        }
        actions = { to_port; @defaultonly NoAction; }
        implementation = paths;
        size = ECMP_GROUP_TABLE_SIZE;
    }

    apply {
        bridging.apply();
        if (meta.ecmp_group != (ecmp_group_id_t) 0) {
            ecmp_groups.apply();
        }
    }
}

#endif
