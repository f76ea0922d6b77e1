// SPDX-License-Identifier: Apache-2.0
// Entries that the program itself lists: const or not, of tables with and without priorities.

#include <core.p4>
#include <v1model.p4>

header ask_t { bit<8> kind; bit<8> exact_; bit<8> ternary_; bit<8> const_; }

struct headers_t { ask_t ask; }
struct metadata_t { }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.ask); transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    action set_exact(bit<8> value) { hdr.ask.exact_ = value; }
    action set_ternary(bit<8> value) { hdr.ask.ternary_ = value; }
    action set_const(bit<8> value) { hdr.ask.const_ = value; }

    table exacts {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { set_exact; NoAction; }
        entries = { 1 : set_exact(1); 2 : set_exact(2); }
    }
    table ternaries {
        key = { hdr.ask.kind : ternary @name("kind"); }
        actions = { set_ternary; NoAction; }
        entries = {
            1           : set_ternary(1);
            0 &&& 0xf0  : set_ternary(2);
            _           : set_ternary(3);
        }
    }
    table constants {
        key = { hdr.ask.kind : ternary @name("kind"); }
        actions = { set_const; NoAction; }
        const entries = {
            1           : set_const(1);
            0 &&& 0xf0  : set_const(2);
            _           : set_const(3);
        }
    }

    apply {
        sm.egress_spec = 2;
        exacts.apply();
        ternaries.apply();
        constants.apply();
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ask); } }

V1Switch(P(), V(), In(), E(), C(), D()) main;
