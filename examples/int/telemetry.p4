// SPDX-License-Identifier: Apache-2.0
// In-band network telemetry: probes collect what they met in every switch. A probe is a UDP datagram to
// port 5000 that begins with a probe header; each switch puts a record on top of those that are there:
//
//   Ethernet │ IPv4 │ UDP │ probe (hop_count = 2) │ hop of switch 2 │ hop of switch 1 │ data
//
// A probe waits in the same queues as all other traffic, so its records say how congested its way is, and
// where. The program forwards like a patch panel: an entry joins one port with another.

#include <core.p4>
#include <v1model.p4>

typedef bit<9> port_t;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<8>  PROTOCOL_UDP = 17;
const bit<16> PROBE_PORT = 5000;
const bit<16> HOP_BYTES = 12;
#define MAX_HOPS 8

header ethernet_t {
    bit<48> dst_addr;
    bit<48> src_addr;
    bit<16> ether_type;
}

header ipv4_t {
    bit<4>  version;
    bit<4>  ihl;
    bit<8>  diffserv;
    bit<16> total_len;
    bit<16> identification;
    bit<3>  flags;
    bit<13> frag_offset;
    bit<8>  ttl;
    bit<8>  protocol;
    bit<16> checksum;
    bit<32> src_addr;
    bit<32> dst_addr;
}

header udp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<16> length_;
    bit<16> checksum;
}

header probe_t {
    bit<8> version;     // 1
    bit<8> hop_count;   // records that follow
}

// What a probe met in one switch.
header hop_t {
    bit<16> switch_id;
    bit<16> egress_port;
    bit<32> queue_depth;   // packets before it when it entered the queue
    bit<32> latency_us;    // from its arrival until it left the queue
}

struct headers_t {
    ethernet_t      ethernet;
    ipv4_t          ipv4;
    udp_t           udp;
    probe_t         probe;
    hop_t[MAX_HOPS] hops;
}

struct metadata_t {
    bit<8> unread;   // records that are still to be parsed
}

parser TelemetryParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                       inout standard_metadata_t standard_metadata) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.ihl, hdr.ipv4.frag_offset, hdr.ipv4.protocol) {
            (5, 0, PROTOCOL_UDP): parse_udp;
            default: accept;
        }
    }

    state parse_udp {
        packet.extract(hdr.udp);
        transition select(hdr.udp.dst_port) {
            PROBE_PORT: parse_probe;
            default: accept;
        }
    }

    state parse_probe {
        packet.extract(hdr.probe);
        meta.unread = hdr.probe.hop_count;
        transition select(hdr.probe.hop_count) {
            0: accept;
            1 .. MAX_HOPS: parse_hop;
            default: accept;   // more than this switch can hold: it passes as it is
        }
    }

    state parse_hop {
        packet.extract(hdr.hops.next);
        meta.unread = meta.unread - 1;
        transition select(meta.unread) {
            0: accept;
            default: parse_hop;
        }
    }
}

control TelemetryVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control TelemetryIngress(inout headers_t hdr, inout metadata_t meta,
                         inout standard_metadata_t standard_metadata) {
    action drop() {
        mark_to_drop(standard_metadata);
    }

    action join(port_t port) {
        standard_metadata.egress_spec = port;
    }

    table cables {
        key = { standard_metadata.ingress_port : exact @name("port"); }
        actions = { join; @defaultonly drop; }
        const default_action = drop;
        size = 512;
    }

    apply {
        cables.apply();
    }
}

// Queues stand between ingress and egress: here a packet knows how long its queue was.
control TelemetryEgress(inout headers_t hdr, inout metadata_t meta,
                        inout standard_metadata_t standard_metadata) {
    action record(bit<16> switch_id) {
        hdr.hops.push_front(1);
        hdr.hops[0].setValid();
        hdr.hops[0].switch_id = switch_id;
        hdr.hops[0].egress_port = (bit<16>) standard_metadata.egress_port;
        hdr.hops[0].queue_depth = (bit<32>) standard_metadata.enq_qdepth;
        hdr.hops[0].latency_us = (bit<32>) (standard_metadata.egress_global_timestamp
                                            - standard_metadata.ingress_global_timestamp);
        hdr.probe.hop_count = hdr.probe.hop_count + 1;
        hdr.ipv4.total_len = hdr.ipv4.total_len + HOP_BYTES;
        hdr.udp.length_ = hdr.udp.length_ + HOP_BYTES;
        hdr.udp.checksum = 0;   // none: the data has changed, and IPv4 allows it
    }

    // Has no key: its default action says which switch this is.
    table this_switch {
        actions = { record; NoAction; }
        default_action = NoAction();
    }

    apply {
        if (hdr.probe.isValid() && hdr.probe.version == 1 && hdr.probe.hop_count < MAX_HOPS) {
            this_switch.apply();
        }
    }
}

control TelemetryComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.probe.isValid(),
                        { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len,
                          hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
                          hdr.ipv4.protocol, hdr.ipv4.src_addr, hdr.ipv4.dst_addr },
                        hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control TelemetryDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
        packet.emit(hdr.probe);
        packet.emit(hdr.hops);
    }
}

V1Switch(TelemetryParser(), TelemetryVerifyChecksum(), TelemetryIngress(), TelemetryEgress(),
         TelemetryComputeChecksum(), TelemetryDeparser()) main;
