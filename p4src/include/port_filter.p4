// SPDX-License-Identifier: Apache-2.0
// Who may send and who may receive: closed until an intent opens a port for a network.

#ifndef PORT_FILTER_P4
#define PORT_FILTER_P4

// Gives a packet its network (VLAN id) and its tenant (VRF), or drops it.
control PortFilter(inout headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata, out bool permitted) {
    action deny() {
        permitted = false;
    }

    // The port belongs to a tenant; its untagged (or so tagged) frames are of this network.
    action permit_edge(vlan_id_t vlan_id) {
        permitted = true;
        meta.from_edge = true;
        meta.vlan_id = vlan_id;
    }

    // The port is a link between switches of the fabric: the tag says which network.
    action permit_fabric() {
        permitted = true;
        meta.from_edge = false;
        meta.vlan_id = hdr.vlan.vlan_id;
    }

    // One entry for each way in: an edge port untagged, an edge port with a tag, a fabric link.
    table port_vlan {
        key = {
            (port_t) standard_metadata.ingress_port : exact @name("ingress_port");
            hdr.vlan.isValid()                      : exact @name("tagged");
            hdr.vlan.vlan_id                        : ternary @name("vlan_id");
        }
        actions = { deny; permit_edge; permit_fabric; }
        const default_action = deny;
        size = PORT_VLAN_TABLE_SIZE;
    }

    action set_vrf(vrf_id_t vrf) {
        meta.vrf = vrf;
    }

    // The networks that live on this switch, each in its tenant's VRF. Others are not let in.
    table networks {
        key = { meta.vlan_id : exact @name("vlan_id"); }
        actions = { deny; set_vrf; }
        const default_action = deny;
        size = NETWORK_TABLE_SIZE;
    }

    apply {
        permitted = false;
        port_vlan.apply();
        if (permitted) {
            networks.apply();
        }
        // Options, and whatever the parser could not read, would hide ports from the firewall.
        if (meta.from_edge && (standard_metadata.parser_error != error.NoError
                               || (hdr.ipv4.isValid() && hdr.ipv4.ihl != 5))) {
            permitted = false;
        }
    }
}

// Puts the network's tag on, takes it off, or drops what may not leave here.
control EgressVlan(inout headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata, out bool permitted) {
    action deny() {
        permitted = false;
    }

    action edge_untagged() {
        permitted = true;
        meta.to_edge = true;
        if (hdr.vlan.isValid()) {
            hdr.ethernet.ether_type = hdr.vlan.ether_type;
            hdr.vlan.setInvalid();
        }
    }

    action push_tag(vlan_id_t tag) {
        if (!hdr.vlan.isValid()) {
            hdr.vlan.setValid();
            hdr.vlan.priority = 0;
            hdr.vlan.drop_eligible = 0;
            hdr.vlan.ether_type = hdr.ethernet.ether_type;
            hdr.ethernet.ether_type = ETHERTYPE_VLAN;
        }
        hdr.vlan.vlan_id = tag;
    }

    // The tag that the network has at this port, whatever its id on the fabric's links.
    action edge_tagged(vlan_id_t tag) {
        permitted = true;
        meta.to_edge = true;
        push_tag(tag);
    }

    action fabric_tagged() {
        permitted = true;
        meta.to_edge = false;
        push_tag(meta.vlan_id);
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
        permitted = false;
        egress_vlan.apply();
    }
}

#endif
