// SPDX-License-Identifier: Apache-2.0
// Signed numbers wherever the control plane sees numbers: keys of every kind, value sets, parameters, registers,
// digests and controller headers.

#include <core.p4>
#include <v1model.p4>

header ask_t {
    bit<8>  kind;
    int<16> exact_;
    int<16> range_;
    int<16> ternary_;
    int<16> lpm_;
    bit<8>  hits;
    int<16> sum;
    bit<8>  below;
    int<16> widened;
    bit<16> bits;
}

@controller_header("packet_in")
header packet_in_t { int<16> level; bit<9> ingress_port; bit<7> padding; }

@controller_header("packet_out")
header packet_out_t { int<16> level; }

struct headers_t { packet_out_t packet_out; packet_in_t packet_in; ask_t ask; }
struct metadata_t { }
struct report_t { int<16> level; bit<16> bits; }
struct wanted_t { int<16> level; bit<8> kind; }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    value_set<wanted_t>(4) wanted;

    state start {
        transition select(sm.ingress_port) {
            510: from_cpu;
            default: ask;
        }
    }
    state from_cpu { packet.extract(hdr.packet_out); transition ask; }
    state ask {
        packet.extract(hdr.ask);
        transition select(hdr.ask.exact_, hdr.ask.kind) {
            wanted: found;
            default: accept;
        }
    }
    state found { hdr.ask.hits = 100; transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    register<int<16>>(4) levels;

    action hit() { hdr.ask.hits = hdr.ask.hits + 1; }
    action add(int<16> value) { hdr.ask.sum = hdr.ask.sum + value; }
    action compare(int<16> value) { hdr.ask.below = hdr.ask.sum < value ? 8w1 : 8w2; }
    action widen(int<8> value) { hdr.ask.widened = (int<16>)value; }
    action to_bits(int<16> value) { hdr.ask.bits = (bit<16>)value; }
    action plain(bit<16> value) { hdr.ask.bits = value; }
    action halve(int<16> value) { hdr.ask.sum = value >> 1; }

    table exacts {
        key = { hdr.ask.exact_ : exact @name("value"); }
        actions = { add; compare; widen; to_bits; plain; halve; }
    }
    table ranges {
        key = { hdr.ask.range_ : range @name("value"); }
        actions = { hit; NoAction; }
    }
    table ternaries {
        key = { hdr.ask.ternary_ : ternary @name("value"); }
        actions = { hit; NoAction; }
    }
    table prefixes {
        key = { hdr.ask.lpm_ : lpm @name("value"); }
        actions = { hit; NoAction; }
    }

    apply {
        sm.egress_spec = 2;
        if (hdr.packet_out.isValid()) {
            hdr.ask.sum = hdr.packet_out.level;
            hdr.packet_out.setInvalid();
        }
        exacts.apply();
        ranges.apply();
        ternaries.apply();
        prefixes.apply();
        if (hdr.ask.kind == 1) {
            levels.write(1, hdr.ask.sum);
            digest<report_t>(1, { hdr.ask.sum, hdr.ask.bits });
        } else if (hdr.ask.kind == 2) {
            hdr.packet_in.setValid();
            hdr.packet_in.level = hdr.ask.sum;
            hdr.packet_in.ingress_port = sm.ingress_port;
            sm.egress_spec = 510;
        }
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.packet_in); packet.emit(hdr.ask); } }

V1Switch(P(), V(), In(), E(), C(), D()) main;
