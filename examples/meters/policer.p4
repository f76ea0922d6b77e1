// SPDX-License-Identifier: Apache-2.0
// A policer: every host on port 1's side may send so many bytes a second to port 2's; what is beyond is
// dropped. Each entry of `hosts` has a meter and a counter of its own (direct), so that the table is the
// whole configuration: who, and how much.

#include <core.p4>
#include <v1model.p4>

typedef bit<48> mac_t;
typedef bit<9>  port_t;

const port_t USERS = 1;
const port_t UPLINK = 2;

// A meter says 0 (green) within the committed rate, 1 (yellow) within the peak rate, and beyond both:
const bit<2> RED = 2;

header ethernet_t {
    mac_t   dst_addr;
    mac_t   src_addr;
    bit<16> ether_type;
}

struct headers_t {
    ethernet_t ethernet;
}

struct metadata_t {
    bit<2> color;
}

parser PolicerParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition accept;
    }
}

control PolicerVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PolicerIngress(inout headers_t hdr, inout metadata_t meta,
                       inout standard_metadata_t standard_metadata) {
    direct_meter<bit<2>>(MeterType.bytes) rate;
    direct_counter(CounterType.packets_and_bytes) offered;
    counter(256, CounterType.packets_and_bytes) dropped;

    action police(bit<8> index) {
        offered.count();
        rate.read(meta.color);
        if (meta.color == RED) {
            dropped.count((bit<32>) index);
            mark_to_drop(standard_metadata);
        }
    }

    action drop() {
        offered.count();
        mark_to_drop(standard_metadata);
    }

    // Who may send. `index` is the host's cell of the counter `dropped`.
    table hosts {
        key = { hdr.ethernet.src_addr : exact @name("address"); }
        actions = { police; drop; }
        default_action = drop();
        meters = rate;
        counters = offered;
        size = 256;
    }

    apply {
        if (standard_metadata.ingress_port == USERS) {
            standard_metadata.egress_spec = UPLINK;
            hosts.apply();
        } else {
            standard_metadata.egress_spec = USERS;
        }
    }
}

control PolicerEgress(inout headers_t hdr, inout metadata_t meta,
                      inout standard_metadata_t standard_metadata) {
    apply {}
}

control PolicerComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control PolicerDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
    }
}

V1Switch(PolicerParser(), PolicerVerifyChecksum(), PolicerIngress(), PolicerEgress(),
         PolicerComputeChecksum(), PolicerDeparser()) main;
