// What a trace has to show readably: addresses under names of all kinds, 48 bits that are no address,
// temporaries, conditions on structures, log_msg and assert.
#include <core.p4>
#include <v1model.p4>

header ethernet_h {
    bit<48> to;
    bit<48> come_from;
    bit<16> kind;
}

header internet_h {
    bit<4> version;
    bit<4> ihl;
    bit<8> diffserv;
    bit<16> length;
    bit<16> identification;
    bit<3> flags;
    bit<13> offset;
    bit<8> ttl;
    bit<8> protocol;
    bit<16> checksum;
    bit<32> source;
    bit<32> destination;
}

header report_h {
    bit<48> interval;
    bit<32> amount;
}

struct headers_t {
    ethernet_h link;
    internet_h net;
    report_h report;
}

struct flags_t {
    bool wanted;
    bit<32> hop;
}

struct metadata_t {
    flags_t flags;
    bit<48> since;
}

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    state start {
        packet.extract(hdr.link);
        log_msg("a frame of kind {}", {hdr.link.kind});
        transition select(hdr.link.kind) {
            0x0800: net;
            0x9999: report;
            default: accept;
        }
    }
    state net {
        packet.extract(hdr.net);
        transition accept;
    }
    state report {
        packet.extract(hdr.report);
        transition accept;
    }
}

control V(inout headers_t hdr, inout metadata_t meta) { apply {} }

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) {
    action drop() { mark_to_drop(std); }
    action forward(bit<9> port, bit<48> gateway, bit<48> pause, @format(IPV4_ADDRESS) bit<32> hop) {
        std.egress_spec = port;
        hdr.link.to = gateway;
        meta.since = pause;
        meta.flags.hop = hop;
        log_msg("to port {} after {}", {port, pause});
    }
    table routes {
        key = { hdr.net.destination : lpm; }
        actions = { forward; drop; }
        default_action = drop();
    }
    table reports {
        key = {
            hdr.report.interval : exact;
            hdr.report.amount : ternary @format(IPV4_ADDRESS);
        }
        actions = { forward; drop; NoAction; }
        default_action = NoAction();
    }
    apply {
        bit<8> left = hdr.net.ttl;
        if (hdr.net.isValid()) {
            meta.flags.wanted = left > 1;
            hdr.net.ttl = left - 1;
        }
        assert(hdr.net.ttl != 8);
        if (meta.flags.wanted) {
            routes.apply();
        } else if (hdr.report.isValid() && hdr.report.interval > 5) {
            reports.apply();
        } else {
            drop();
        }
        log_msg("done");
    }
}

control Eg(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t std) { apply {} }
control C(inout headers_t hdr, inout metadata_t meta) { apply {} }
control D(packet_out packet, in headers_t hdr) {
    apply { packet.emit(hdr); }
}

V1Switch(P(), V(), In(), Eg(), C(), D()) main;
