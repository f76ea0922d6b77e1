// SPDX-License-Identifier: Apache-2.0
// A learning switch. It floods frames to addresses that it does not know, and tells the controller, by a
// digest, of every source address that it sees at a port for the first time.
//
//   frame ──► sources ──► destinations ──► out by one port, or by all but the one it came in at
//                │
//                └─ unknown: digest { address, port } ──► controller, which writes both tables

#include <core.p4>
#include <v1model.p4>

typedef bit<48> mac_t;
typedef bit<9>  port_t;

const bit<16> FLOOD_GROUP = 1;   // a multicast group with all ports; the controller makes it

header ethernet_t {
    mac_t   dst_addr;
    mac_t   src_addr;
    bit<16> ether_type;
}

struct headers_t {
    ethernet_t ethernet;
}

struct metadata_t {}

// What the controller is told.
struct learned_t {
    mac_t  address;
    port_t port;
}

parser SwitchParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control SwitchVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control SwitchIngress(inout headers_t hdr, inout metadata_t meta,
                      inout standard_metadata_t standard_metadata) {
    action known() {}

    action learn() {
        digest<learned_t>(1, { hdr.ethernet.src_addr, standard_metadata.ingress_port });
    }

    // The hosts behind each port. An entry that no frame hits for its idle timeout is reported to the
    // controller, which takes it away.
    table sources {
        key = {
            hdr.ethernet.src_addr          : exact @name("address");
            standard_metadata.ingress_port : exact @name("port");
        }
        actions = { known; @defaultonly learn; }
        const default_action = learn;
        size = 4096;
        support_timeout = true;
    }

    action forward(port_t port) {
        standard_metadata.egress_spec = port;
    }

    action flood() {
        standard_metadata.mcast_grp = FLOOD_GROUP;
    }

    // The port that leads to each host.
    table destinations {
        key = { hdr.ethernet.dst_addr : exact @name("address"); }
        actions = { forward; @defaultonly flood; }
        const default_action = flood;
        size = 4096;
    }

    apply {
        sources.apply();
        destinations.apply();
    }
}

control SwitchEgress(inout headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    apply {
        // Nothing goes back to where it came from.
        if (standard_metadata.egress_port == standard_metadata.ingress_port) {
            mark_to_drop(standard_metadata);
        }
    }
}

control SwitchComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control SwitchDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}

V1Switch(SwitchParser(), SwitchVerifyChecksum(), SwitchIngress(), SwitchEgress(),
         SwitchComputeChecksum(), SwitchDeparser()) main;
