// SPDX-License-Identifier: Apache-2.0
// Translated types in keys, parameters, controller headers, digests and
// registers: to numbers of another width, and to strings.

#include <core.p4>
#include <v1model.p4>

@p4runtime_translation("", 32)
type bit<9> port_t;

@p4runtime_translation("", string)
type bit<10> vrf_t;

header ask_t { bit<16> key; }

@controller_header("packet_in")
header packet_in_t { port_t ingress_port; vrf_t vrf; bit<5> padding; }

@controller_header("packet_out")
header packet_out_t { port_t egress_port; bit<7> padding; }

struct headers_t { packet_out_t packet_out; packet_in_t packet_in; ask_t ask; }
struct report_t { vrf_t vrf; port_t port; }
struct metadata_t { vrf_t vrf; port_t port; }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start {
        transition select(sm.ingress_port) {
            510: from_cpu;
            default: ask;
        }
    }
    state from_cpu { packet.extract(hdr.packet_out); transition ask; }
    state ask { packet.extract(hdr.ask); transition accept; }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    register<port_t>(1) last;

    action set_vrf(vrf_t vrf) { meta.vrf = vrf; }
    action send(port_t port) { sm.egress_spec = (bit<9>)port; }
    action punt() {
        hdr.packet_in.setValid();
        hdr.packet_in.ingress_port = (port_t)sm.ingress_port;
        hdr.packet_in.vrf = meta.vrf;
        sm.egress_spec = 510;
    }

    table vrfs {
        key = { hdr.ask.key : exact @name("key"); }
        actions = { set_vrf; NoAction; }
    }
    table routes {
        key = { meta.vrf : exact @name("vrf"); meta.port : optional @name("port"); }
        actions = { send; punt; NoAction; }
    }

    apply {
        if (hdr.packet_out.isValid()) {
            sm.egress_spec = (bit<9>)hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else {
            meta.port = (port_t)sm.ingress_port;
            vrfs.apply();
            routes.apply();
            last.write(0, meta.port);
            digest<report_t>(1, { meta.vrf, meta.port });
        }
    }
}

control E(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) { apply { packet.emit(hdr.packet_in); packet.emit(hdr.ask); } }

V1Switch(P(), V(), In(), E(), C(), D()) main;
