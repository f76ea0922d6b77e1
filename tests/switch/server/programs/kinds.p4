// SPDX-License-Identifier: Apache-2.0
// Every kind of entity that fabric.p4 has not: range and optional fields, const entries, a keyless table, a
// default action that can be changed, an action profile without selector, an indirect counter.

#include <core.p4>
#include <v1model.p4>

header ethernet_t { bit<48> dst; bit<48> src; bit<16> ether_type; }

@controller_header("packet_in")
header packet_in_t { bit<9> ingress_port; bit<7> padding; }

@controller_header("packet_out")
header packet_out_t { bit<9> egress_port; bit<7> padding; }

struct headers_t { packet_out_t packet_out; packet_in_t packet_in; ethernet_t ethernet; }
struct metadata_t { bit<32> value; }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start {
        transition select(sm.ingress_port) {
            510: from_cpu;
            default: ethernet;
        }
    }
    state from_cpu { packet.extract(hdr.packet_out); transition ethernet; }
    state ethernet { packet.extract(hdr.ethernet); transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    action drop() { mark_to_drop(sm); }
    action send(bit<9> port) { sm.egress_spec = port; }
    action set_value(bit<32> value) { meta.value = value; }

    direct_counter(CounterType.packets_and_bytes) matched;
    direct_counter(CounterType.packets_and_bytes) known;
    counter(16, CounterType.packets_and_bytes) per_port;
    register<bit<48>>(8) last;
    action_profile(4) next_hops;

    table mixed {
        key = {
            hdr.ethernet.dst        : ternary @name("dst");
            hdr.ethernet.ether_type : range @name("ether_type");
            sm.ingress_port         : optional @name("port");
            hdr.ethernet.src        : exact @name("src");
        }
        actions = { send; drop; @tableonly set_value; @defaultonly NoAction; }
        counters = matched;
        size = 64;
        default_action = NoAction();
    }
    table prefixes {
        key = { hdr.ethernet.dst : lpm @name("dst"); }
        actions = { send; drop; }
        size = 4;
        default_action = drop();
    }
    table fixed {
        key = { hdr.ethernet.ether_type : exact @name("ether_type"); }
        actions = { set_value; NoAction; }
        const entries = { 0x0800 : set_value(4); 0x86dd : set_value(6); }
        counters = known;
        default_action = NoAction();
    }
    table keyless {
        actions = { set_value; NoAction; }
        default_action = set_value(7);
    }
    table indirect {
        key = { sm.ingress_port : exact @name("port"); }
        actions = { send; drop; }
        implementation = next_hops;
        size = 16;
    }

    apply {
        per_port.count((bit<32>)sm.ingress_port & 15);
        last.write((bit<32>)sm.ingress_port & 7, sm.ingress_global_timestamp);
        if (hdr.packet_out.isValid()) {
            sm.egress_spec = hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
            exit;
        }
        mixed.apply();
        prefixes.apply();
        fixed.apply();
        keyless.apply();
        indirect.apply();
    }
}

control Eg(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    apply {
        if (sm.egress_port == 510) {
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = sm.ingress_port;
            hdr.packet_in.padding = 0;
        }
    }
}

control C(inout headers_t hdr, inout metadata_t meta) { apply {} }

control D(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr.packet_in); packet.emit(hdr.ethernet); }
}

V1Switch(P(), V(), In(), Eg(), C(), D()) main;
