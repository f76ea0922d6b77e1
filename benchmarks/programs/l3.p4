// SPDX-License-Identifier: Apache-2.0
// A plain router: the longest prefix of the destination gives the next hop (MAC addresses, port).
#include "common.p4"

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV4: ipv4;
            default: accept;
        }
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action next_hop(mac_t source, mac_t destination, port_t port) {
        hdr.ethernet.source = source;
        hdr.ethernet.destination = destination;
        hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
        standard.egress_spec = port;
    }
    action drop() {
        mark_to_drop(standard);
    }
    table routes {
        key = { hdr.ipv4.destination: lpm; }
        actions = { next_hop; drop; }
        default_action = drop();
        size = 1048576;
    }
    apply {
        if (hdr.ipv4.isValid() && hdr.ipv4.ttl > 1) {
            routes.apply();
        } else {
            drop();
        }
    }
}

V1Switch(Parse(), Verify(), In(), Out(), Update(), Deparse()) main;
