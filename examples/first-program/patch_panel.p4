// SPDX-License-Identifier: Apache-2.0
// A patch panel: what comes in at a port leaves by the port that an entry joins it with.

#include <core.p4>
#include <v1model.p4>

struct headers_t {}
struct metadata_t {}

parser PanelParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                   inout standard_metadata_t standard_metadata) {
    state start {
        transition accept;
    }
}

control PanelIngress(inout headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    direct_counter(CounterType.packets_and_bytes) traffic;

    action drop() {
        mark_to_drop(standard_metadata);
    }

    action join(bit<9> port) {
        traffic.count();
        standard_metadata.egress_spec = port;
    }

    table cables {
        key = { standard_metadata.ingress_port : exact @name("port"); }
        actions = { join; @defaultonly drop; }
        const default_action = drop;
        counters = traffic;
        size = 512;
    }

    apply {
        cables.apply();
    }
}

control PanelEgress(inout headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard_metadata) {
    apply {}
}

control PanelVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PanelComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PanelDeparser(packet_out packet, in headers_t hdr) {
    apply {}
}

V1Switch(PanelParser(), PanelVerifyChecksum(), PanelIngress(), PanelEgress(),
         PanelComputeChecksum(), PanelDeparser()) main;
