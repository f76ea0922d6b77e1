// SPDX-License-Identifier: Apache-2.0
// Tables that share an action profile, and others that share an action selector. What
// each table's action has done is seen in the packet.

#include <core.p4>
#include <v1model.p4>

header ask_t { bit<8> one; bit<8> two; bit<8> three; bit<8> four; bit<16> flow; bit<32> trail; }

struct headers_t { ask_t ask; }
struct metadata_t { }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.ask); transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    action append(bit<8> digit) { hdr.ask.trail = hdr.ask.trail << 8 | (bit<32>)digit; }
    action swap() { hdr.ask.trail = hdr.ask.trail[15:0] ++ hdr.ask.trail[31:16]; }

    action_selector(HashAlgorithm.crc16, 64, 16) groups;
    action_profile(64) members;

    table first {
        key = { hdr.ask.one : exact @name("key"); hdr.ask.flow : selector; }
        actions = { append; swap; NoAction; }
        implementation = groups;
    }
    table second {
        key = { hdr.ask.two : exact @name("key"); hdr.ask.flow : selector; }
        actions = { append; swap; NoAction; }
        implementation = groups;
    }
    table third {
        key = { hdr.ask.three : exact @name("key"); }
        actions = { append; swap; NoAction; }
        implementation = members;
    }
    table fourth {
        key = { hdr.ask.four : exact @name("key"); }
        actions = { append; swap; NoAction; }
        implementation = members;
    }

    apply {
        sm.egress_spec = 2;
        switch (first.apply().action_run) {
            append: { second.apply(); }
        }
        switch (third.apply().action_run) {
            append: { }
            swap: { hdr.ask.flow = 0xffff; }
        }
        fourth.apply();
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ask); } }

V1Switch(P(), V(), In(), E(), C(), D()) main;
