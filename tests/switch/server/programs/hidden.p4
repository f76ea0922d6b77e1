// SPDX-License-Identifier: Apache-2.0
// What P4Info does not show: a `switch` on a value, which the compiler makes into a table with a key; @hidden
// tables and actions, with entries, counters and meters; action profiles that they share or have for themselves.

#include <core.p4>
#include <v1model.p4>

header ask_t { bit<8> kind; bit<8> answer; bit<8> mark; bit<8> color; }

struct headers_t { ask_t ask; }
struct metadata_t { bit<2> color; }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start { packet.extract(hdr.ask); transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    action_profile(8) answers;
    action_profile(8) secrets;
    direct_counter(CounterType.packets) secretly_counted;
    direct_meter<bit<2>>(MeterType.packets) secretly_metered;
    counter(4, CounterType.packets) seen;
    register<bit<8>>(4) last;
    meter(4, MeterType.packets) rates;

    action answer(bit<8> value) { hdr.ask.answer = value; }
    action mark(bit<8> value) { hdr.ask.mark = value; }
    @hidden action mark_secretly(bit<8> value) { hdr.ask.mark = value; }
    @hidden action measure() { secretly_metered.read(meta.color); }

    table visible {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { answer; NoAction; }
        implementation = answers;
    }
    table half {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { mark; mark_secretly; @defaultonly NoAction; }
        const entries = { 3 : mark(3); 4 : mark_secretly(4); }
        default_action = NoAction();
    }
    @hidden table shares {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { answer; NoAction; }
        implementation = answers;
    }
    @hidden table alone {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { answer; mark_secretly; NoAction; }
        implementation = secrets;
    }
    @hidden table marks {
        key = { hdr.ask.kind : ternary @name("kind"); }
        actions = { mark; mark_secretly; NoAction; }
        const entries = {
            0x10 &&& 0xf0 : mark(1);
            0x20 &&& 0xf0 : mark_secretly(2);
        }
        counters = secretly_counted;
    }
    @hidden table metered {
        key = { hdr.ask.kind : exact @name("kind"); }
        actions = { measure; NoAction; }
        meters = secretly_metered;
    }

    apply {
        sm.egress_spec = 2;
        bit<32> color;
        last.write(0, hdr.ask.kind);
        seen.count(0);
        rates.execute_meter(0, color);
        visible.apply();
        shares.apply();
        alone.apply();
        metered.apply();
        half.apply();
        marks.apply();
        switch (hdr.ask.kind) {
            1: { hdr.ask.color = 10; }
            2: { hdr.ask.color = 20; }
            default: { hdr.ask.color = 30; }
        }
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.ask); } }

V1Switch(P(), V(), In(), E(), C(), D()) main;
