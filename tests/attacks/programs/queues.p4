// SPDX-License-Identifier: Apache-2.0
// Sends each packet where it asks for, by the queue that it asks for:
//
//   | port (16) | priority (8) | report (8) | number (32) |
//
// `report` 1 and 2 make a digest of the first and of the second kind, with `number`.
#include <core.p4>
#include <v1model.p4>

header order_t {
    bit<16> port;
    bit<8>  priority;
    bit<8>  report;
    bit<32> number;
}

struct headers_t {
    order_t order;
}

struct metadata_t { }

struct first_t {
    bit<32> number;
}

struct second_t {
    bit<32> number;
}

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.order);
        transition accept;
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        standard.egress_spec = (bit<9>)hdr.order.port;
        standard.priority = (bit<3>)hdr.order.priority;
        if (hdr.order.report == 1) {
            digest<first_t>(1, { hdr.order.number });
        } else if (hdr.order.report == 2) {
            digest<second_t>(1, { hdr.order.number });
        }
    }
}

control Out(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply { }
}

control Compute(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.order); }
}

V1Switch(Parse(), Verify(), In(), Out(), Compute(), Deparse()) main;
