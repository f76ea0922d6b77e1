// SPDX-License-Identifier: Apache-2.0
// Sends each packet where it asks for, by the queue that it asks for. Of a packet that found its queue full, and that the
// switch gives to egress (instance type 8), a report says all that is known of it.
#include <core.p4>
#include <v1model.p4>

header report_t {
    bit<32> kind;
    bit<16> port;
    bit<16> report_port;
    bit<8>  priority;
    bit<8>  copy;
    bit<16> kept;
    bit<32> depth;
    bit<32> suppressed;
    bit<32> length;
    bit<32> dropped_at;
}

header order_t {
    bit<16> port;
    bit<8>  priority;
    bit<8>  kept;
    bit<32> number;
}

struct headers_t {
    report_t report;
    order_t  order;
}

struct metadata_t {
    bit<16> kept;
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
        meta.kept = (bit<16>)hdr.order.kept;
    }
}

control Out(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        if (standard.instance_type == 8) {
            hdr.report.setValid();
            hdr.report.kind = standard.instance_type;
            hdr.report.port = (bit<16>)standard.egress_spec;
            hdr.report.report_port = (bit<16>)standard.egress_port;
            hdr.report.priority = (bit<8>)standard.priority;
            hdr.report.copy = (bit<8>)standard.egress_rid;
            hdr.report.kept = meta.kept;
            hdr.report.depth = (bit<32>)standard.enq_qdepth;
            hdr.report.suppressed = standard.deq_timedelta;
            hdr.report.length = standard.packet_length;
            hdr.report.dropped_at = standard.enq_timestamp;
        }
    }
}

control Compute(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.report);
        packet.emit(hdr.order);
    }
}

V1Switch(Parse(), Verify(), In(), Out(), Compute(), Deparse()) main;
