// SPDX-License-Identifier: Apache-2.0
// What the control plane keeps and packets consult: parser value sets, meters, entries that age.
//
//   | kind (16) | part (4) | rest (4) | answer (8) | colours (8) |
//
// `answer` tells which value set knew the packet; `colours` are the direct meter's and the indirect one's.
#include <core.p4>
#include <v1model.p4>

header ask_t {
    bit<16> kind;
    bit<4>  part;
    bit<4>  rest;
    bit<8>  answer;
    bit<8>  colours;
}

struct headers_t {
    ask_t ask;
}

struct metadata_t {
    bit<2>  direct;
    bit<32> indirect;
}

struct pair_t {
    bit<16> kind;
    @match(ternary)
    bit<4>  part;
}

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    value_set<pair_t>(4) pairs;
    value_set<bit<16>>(2) kinds;

    state start {
        packet.extract(hdr.ask);
        transition select(hdr.ask.kind, hdr.ask.part) {
            pairs: known_pair;
            (7, _): seven;
            default: ask_kind;
        }
    }
    state known_pair {
        hdr.ask.answer = 1;
        transition accept;
    }
    state seven {
        hdr.ask.answer = 2;
        transition accept;
    }
    state ask_kind {
        transition select(hdr.ask.kind) {
            kinds: known_kind;
            default: accept;
        }
    }
    state known_kind {
        hdr.ask.answer = 3;
        transition accept;
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    direct_meter<bit<2>>(MeterType.packets) each;
    meter(16, MeterType.bytes) cells;

    action forward(bit<9> port) {
        each.read(meta.direct);
        standard.egress_spec = port;
    }
    action drop() {
        mark_to_drop(standard);
    }
    table kinds {
        key = { hdr.ask.kind: exact; }
        actions = { forward; drop; }
        default_action = drop();
        meters = each;
        support_timeout = true;
        size = 64;
    }

    apply {
        meta.direct = hdr.ask.colours[7:6];
        kinds.apply();
        cells.execute_meter((bit<32>)hdr.ask.rest, meta.indirect);
        hdr.ask.colours = (bit<8>)meta.direct << 4 | (bit<8>)meta.indirect;
    }
}

control Out(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply { }
}

control Compute(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.ask); }
}

V1Switch(Parse(), Verify(), In(), Out(), Compute(), Deparse()) main;
