// SPDX-License-Identifier: Apache-2.0
// A stateful firewall between an inside port (1) and an outside port (2). Inside hosts may connect to
// anybody; from outside only replies come in. The switch remembers connections by itself, in registers:
//
//   from inside:   last_seen[hash(connection)] = now
//   from outside:  passes if now - last_seen[hash(connection)] < timeout
//
// Connections share a cell when their hashes are equal. Two arrays with different hashes make that rare:
// a stranger gets in only if both cells belong to living connections.

#include <core.p4>
#include <v1model.p4>

typedef bit<9>  port_t;
typedef bit<48> time_t;   // microseconds since the switch started

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP = 0x0806;
const bit<8>  PROTOCOL_TCP = 6;
const bit<8>  PROTOCOL_UDP = 17;

const port_t  INSIDE = 1;
const port_t  OUTSIDE = 2;
const bit<32> CELLS = 4096;

// Cells of the counter `verdicts`.
const bit<32> PASSED_OUT = 0;
const bit<32> PASSED_IN = 1;
const bit<32> REFUSED = 2;

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

// The first bytes of TCP and UDP alike.
header ports_t {
    bit<16> src_port;
    bit<16> dst_port;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t     ipv4;
    ports_t    ports;
}

struct metadata_t {}

parser FirewallParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
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
            (5, 0, PROTOCOL_TCP): parse_ports;
            (5, 0, PROTOCOL_UDP): parse_ports;
            default: accept;
        }
    }

    state parse_ports {
        packet.extract(hdr.ports);
        transition accept;
    }
}

control FirewallVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control FirewallIngress(inout headers_t hdr, inout metadata_t meta,
                        inout standard_metadata_t standard_metadata) {
    register<time_t>(CELLS) last_seen_a;
    register<time_t>(CELLS) last_seen_b;
    register<time_t>(1) timeout;   // the controller writes it; 0: nothing comes in
    counter(3, CounterType.packets_and_bytes) verdicts;

    bit<32> cell_a;
    bit<32> cell_b;

    // The cells of a connection, as its inside host sees it.
    action find_cells(bit<32> inside, bit<32> outside, bit<16> inside_port, bit<16> outside_port) {
        hash(cell_a, HashAlgorithm.crc32, 32w0,
             { inside, outside, hdr.ipv4.protocol, inside_port, outside_port }, CELLS);
        hash(cell_b, HashAlgorithm.crc16, 32w0,
             { inside, outside, hdr.ipv4.protocol, inside_port, outside_port }, CELLS);
    }

    action pass(port_t port, bit<32> verdict) {
        verdicts.count(verdict);
        standard_metadata.egress_spec = port;
    }

    action refuse() {
        verdicts.count(REFUSED);
        mark_to_drop(standard_metadata);
    }

    apply {
        time_t now = standard_metadata.ingress_global_timestamp;
        if (hdr.ethernet.ether_type == ETHERTYPE_ARP && standard_metadata.ingress_port == INSIDE) {
            pass(OUTSIDE, PASSED_OUT);
        } else if (hdr.ethernet.ether_type == ETHERTYPE_ARP && standard_metadata.ingress_port == OUTSIDE) {
            pass(INSIDE, PASSED_IN);
        } else if (!hdr.ports.isValid()) {
            refuse();
        } else if (standard_metadata.ingress_port == INSIDE) {
            find_cells(hdr.ipv4.src_addr, hdr.ipv4.dst_addr, hdr.ports.src_port, hdr.ports.dst_port);
            last_seen_a.write(cell_a, now);
            last_seen_b.write(cell_b, now);
            pass(OUTSIDE, PASSED_OUT);
        } else {
            time_t limit;
            time_t seen_a;
            time_t seen_b;
            find_cells(hdr.ipv4.dst_addr, hdr.ipv4.src_addr, hdr.ports.dst_port, hdr.ports.src_port);
            timeout.read(limit, 0);
            last_seen_a.read(seen_a, cell_a);
            last_seen_b.read(seen_b, cell_b);
            // A cell that was never written is 0.
            if (seen_a != 0 && seen_b != 0 && now - seen_a < limit && now - seen_b < limit) {
                pass(INSIDE, PASSED_IN);
            } else {
                refuse();
            }
        }
    }
}

control FirewallEgress(inout headers_t hdr, inout metadata_t meta,
                       inout standard_metadata_t standard_metadata) {
    apply {}
}

control FirewallComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control FirewallDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.ports);
    }
}

V1Switch(FirewallParser(), FirewallVerifyChecksum(), FirewallIngress(), FirewallEgress(),
         FirewallComputeChecksum(), FirewallDeparser()) main;
