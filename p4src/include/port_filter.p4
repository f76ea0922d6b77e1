// SPDX-License-Identifier: Apache-2.0
// Who may send and who may receive: closed until an intent opens a port for a network.

#ifndef PORT_FILTER_P4
#define PORT_FILTER_P4

// Gives a packet its network (VLAN id) and its tenant (VRF), or drops it.
control PortFilter(inout headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata, out drop_reason_t reason) {
    action deny() {
        reason = DROP_CLOSED;
    }

    // The port belongs to a tenant; its untagged (or so tagged) frames are of this network. Whether
    // DHCP servers and IPv6 routers may be there is for the source guard.
    action permit_edge(@refers_to(networks, vlan_id) vlan_id_t vlan_id,
                       bit<1> dhcp_server, bit<1> ipv6_router) {
        meta.from_edge = true;
        meta.vlan_id = vlan_id;
        meta.port.dhcp_server = dhcp_server;
        meta.port.ipv6_router = ipv6_router;
    }

    // The same for a port with one known host; `addresses_stated`: it has no others than those that
    // the source guard's tables bind to it.
    action permit_host(@refers_to(networks, vlan_id) vlan_id_t vlan_id, mac_address_t mac, bit<1> addresses_stated,
                       bit<1> dhcp_server, bit<1> ipv6_router) {
        permit_edge(vlan_id, dhcp_server, ipv6_router);
        meta.port.mac = mac;
        meta.port.addresses_stated = addresses_stated;
    }

    // The port is a link between switches of the fabric: the tag says which network.
    action permit_fabric() {
        meta.from_edge = false;
        meta.vlan_id = hdr.vlan.vlan_id;
        meta.reply = hdr.vlan.drop_eligible;
    }

    // One entry for each way in: an edge port untagged, an edge port with a tag, a fabric link.
    table port_vlan {
        key = {
            (port_t) standard_metadata.ingress_port : exact @name("ingress_port");
            hdr.vlan.isValid()                      : exact @name("tagged");
            hdr.vlan.vlan_id                        : ternary @name("vlan_id");
        }
        actions = { deny; permit_edge; permit_host; permit_fabric; }
        const default_action = deny;
        size = PORT_VLAN_TABLE_SIZE;
    }

    // `ipv4_scope` and `ipv6_scope`: the addresses that the firewall takes for those that mean
    // everybody in this network. `flood_interval`: microseconds between flooded frames of an edge port.
    // `priority`, `by_dscp`: see TrafficClass.
    action set_network(vrf_id_t vrf, mac_address_t router_mac, bit<32> flood_interval,
                       ipv4_address_t ipv4_scope, ipv6_address_t ipv6_scope, bit<1> any_ether_type,
                       bit<3> priority, bit<1> by_dscp) {
        meta.vrf = vrf;
        meta.network.router_mac = router_mac;
        meta.network.flood_interval = flood_interval;
        meta.network.ipv4_scope = ipv4_scope;
        meta.network.ipv6_scope = ipv6_scope;
        meta.network.any_ether_type = any_ether_type;
        meta.network.priority = priority;
        meta.network.by_dscp = by_dscp;
    }

    // The networks that live on this switch, each in its tenant's VRF. Others are not let in.
    table networks {
        key = { meta.vlan_id : exact @name("vlan_id"); }
        actions = { deny; set_network; }
        const default_action = deny;
        size = NETWORK_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        port_vlan.apply();
        if (reason == DROP_NONE) {
            networks.apply();
        } else if (meta.service_tag) {
            reason = DROP_NESTED_TAG;
        }
    }
}

// Puts the network's tag on, takes it off, or drops what may not leave here.
control EgressVlan(inout headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata, out drop_reason_t reason) {
    action deny() {
        reason = DROP_CLOSED;
    }

    action edge_untagged() {
        meta.to_edge = true;
        if (hdr.vlan.isValid()) {
            hdr.ethernet.ether_type = hdr.vlan.ether_type;
            hdr.vlan.setInvalid();
        }
    }

    action push_tag(vlan_id_t tag, bit<3> priority, bit<1> reply, bit<16> tag_type) {
        if (!hdr.vlan.isValid()) {
            hdr.vlan.setValid();
            hdr.vlan.ether_type = hdr.ethernet.ether_type;
        }
        hdr.ethernet.ether_type = tag_type;
        hdr.vlan.vlan_id = tag;
        hdr.vlan.priority = priority;
        hdr.vlan.drop_eligible = reply;
    }

    // The tag that the network has at this port, whatever its id on the fabric's links.
    action edge_tagged(vlan_id_t tag) {
        meta.to_edge = true;
        push_tag(tag, 0, 0, ETHERTYPE_VLAN);
    }

    action fabric_tagged() {
        meta.to_edge = false;
        push_tag(meta.vlan_id, standard_metadata.priority, meta.reply,
                 meta.followed == 1 ? ETHERTYPE_SERVICE_VLAN : ETHERTYPE_VLAN);
    }

    // One entry for each way out, the mirror of port_vlan.
    table egress_vlan {
        key = {
            (port_t) standard_metadata.egress_port : exact @name("egress_port");
            meta.vlan_id                           : ternary @name("vlan_id");
        }
        actions = { deny; edge_untagged; edge_tagged; fabric_tagged; }
        const default_action = deny;
        size = EGRESS_VLAN_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        egress_vlan.apply();
    }
}

#endif
