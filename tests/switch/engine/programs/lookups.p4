// SPDX-License-Identifier: Apache-2.0
// One table for each way of matching, large enough to be slow if the engine searched it: `op` says which to ask, and
// `answer` is what the entry says that was met.
//
//   | op (8) | group (16) | short (32) | long (128) | answer (32) |
#include <core.p4>
#include <v1model.p4>

header ask_t {
    bit<8>   op;
    bit<16>  group;
    bit<32>  short;
    bit<128> long;
    bit<32>  answer;
}

struct headers_t {
    ask_t ask;
}

struct metadata_t {}

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ask);
        transition accept;
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    action answer(bit<32> number) {
        hdr.ask.answer = number;
    }
    table exacts {
        key = { hdr.ask.group: exact; hdr.ask.long: exact; }
        actions = { answer; NoAction; }
        default_action = NoAction();
        size = 65536;
    }
    table short_prefixes {
        key = { hdr.ask.group: exact; hdr.ask.short: lpm; }
        actions = { answer; NoAction; }
        default_action = NoAction();
        size = 65536;
    }
    table long_prefixes {
        key = { hdr.ask.group: exact; hdr.ask.long: lpm; }
        actions = { answer; NoAction; }
        default_action = NoAction();
        size = 65536;
    }
    table masks {
        key = { hdr.ask.group: ternary; hdr.ask.short: ternary; hdr.ask.long: ternary; }
        actions = { answer; NoAction; }
        default_action = NoAction();
        size = 65536;
    }
    table spans {
        key = { hdr.ask.group: ternary; hdr.ask.short: range; }
        actions = { answer; NoAction; }
        default_action = NoAction();
        size = 65536;
    }
    apply {
        standard.egress_spec = 2;
        if (hdr.ask.op == 0) { exacts.apply(); }
        else if (hdr.ask.op == 1) { short_prefixes.apply(); }
        else if (hdr.ask.op == 2) { long_prefixes.apply(); }
        else if (hdr.ask.op == 3) { masks.apply(); }
        else { spans.apply(); }
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
