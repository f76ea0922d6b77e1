// SPDX-License-Identifier: Apache-2.0
// A packet filter: rules by priority on the 5-tuple; what one allows is forwarded.
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
        transition select(hdr.ipv4.protocol) {
            PROTOCOL_TCP: ports;
            PROTOCOL_UDP: ports;
            default: accept;
        }
    }
    state ports {
        packet.extract(hdr.ports);
        transition accept;
    }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action allow(port_t port) {
        standard.egress_spec = port;
    }
    action deny() {
        mark_to_drop(standard);
    }
    table rules {
        key = {
            hdr.ipv4.source: ternary;
            hdr.ipv4.destination: ternary;
            hdr.ipv4.protocol: ternary;
            hdr.ports.source: ternary;
            hdr.ports.destination: ternary;
        }
        actions = { allow; deny; }
        default_action = deny();
        size = 65536;
    }
    apply {
        rules.apply();
    }
}

V1Switch(Parse(), Verify(), In(), Out(), Update(), Deparse()) main;
