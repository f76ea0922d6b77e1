// SPDX-License-Identifier: Apache-2.0
// A local variable of variable width, which the compiler keeps among the metadata.

#include <core.p4>
#include <v1model.p4>

header size_t { bit<8> bytes; }
header content_t { varbit<32> content; }

struct headers_t { size_t size; content_t first; content_t second; }
struct metadata_t { }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.size);
        packet.extract(hdr.first, (bit<32>)hdr.size.bytes << 3);
        packet.extract(hdr.second, (bit<32>)hdr.size.bytes << 3);
        transition accept;
    }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    apply {
        varbit<32> kept = hdr.first.content;
        hdr.first.content = hdr.second.content;
        hdr.second.content = kept;
        sm.egress_spec = 2;
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.size); packet.emit(hdr.first); packet.emit(hdr.second); }
}

V1Switch(P(), V(), In(), E(), C(), D()) main;
