// SPDX-License-Identifier: Apache-2.0
// Packet-in and packet-out. Frames of the types that the controller has asked for go to it, with the port
// at which they came in; a frame that the controller sends leaves by the port that it names.

#include <core.p4>
#include <v1model.p4>

typedef bit<48> mac_t;
typedef bit<9>  port_t;

const port_t CPU_PORT = 510;   // where the controller is: the switch's --cpu-port

header ethernet_t {
    mac_t   dst_addr;
    mac_t   src_addr;
    bit<16> ether_type;
}

// Stands in front of every frame to the controller. In P4Runtime its fields are the packet-in's metadata.
@controller_header("packet_in")
header packet_in_t {
    bit<16> ingress_port;   // whole bytes, so that no padding is needed
}

// Stands in front of every frame from the controller.
@controller_header("packet_out")
header packet_out_t {
    bit<16> egress_port;
}

struct headers_t {
    packet_in_t  packet_in;
    packet_out_t packet_out;
    ethernet_t   ethernet;
}

struct metadata_t {}

parser PuntParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                  inout standard_metadata_t standard_metadata) {
    state start {
        transition select(standard_metadata.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition parse_ethernet;
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control PuntVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PuntIngress(inout headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard_metadata) {
    action drop() {
        mark_to_drop(standard_metadata);
    }

    action to_controller() {
        standard_metadata.egress_spec = CPU_PORT;
    }

    // What the controller wants to see.
    table punted {
        key = { hdr.ethernet.ether_type : exact @name("ether_type"); }
        actions = { to_controller; @defaultonly drop; }
        const default_action = drop;
        size = 64;
    }

    apply {
        if (hdr.packet_out.isValid()) {
            standard_metadata.egress_spec = (port_t) hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else {
            punted.apply();
        }
    }
}

control PuntEgress(inout headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata) {
    apply {
        if (standard_metadata.egress_port == CPU_PORT) {
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = (bit<16>) standard_metadata.ingress_port;
        }
    }
}

control PuntComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PuntDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
    }
}

V1Switch(PuntParser(), PuntVerifyChecksum(), PuntIngress(), PuntEgress(),
         PuntComputeChecksum(), PuntDeparser()) main;
