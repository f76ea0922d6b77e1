// SPDX-License-Identifier: Apache-2.0
// An IPv4 router: the longest prefix that matches a packet's destination says by which port it leaves, and
// to which MAC address. The controller gets what only it can deal with.
//
//   IPv4 ─► checksum good? ─► routes ─┬─ forward ─► TTL - 1 ─► out by a port, from that port's MAC address
//                                     ├─ to_controller: for the router itself, or for a neighbour whose MAC
//                                     │                 address is not known yet; also when the TTL is used up
//                                     └─ drop: no route
//   ARP ──► controller

#include <core.p4>
#include <v1model.p4>

typedef bit<48> mac_t;
typedef bit<32> ipv4_addr_t;
typedef bit<9>  port_t;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP = 0x0806;
const port_t  CPU_PORT = 510;   // where the controller is: the switch's --cpu-port

header ethernet_t {
    mac_t   dst_addr;
    mac_t   src_addr;
    bit<16> ether_type;
}

header ipv4_t {
    bit<4>      version;
    bit<4>      ihl;
    bit<8>      diffserv;
    bit<16>     total_len;
    bit<16>     identification;
    bit<3>      flags;
    bit<13>     frag_offset;
    bit<8>      ttl;
    bit<8>      protocol;
    bit<16>     checksum;
    ipv4_addr_t src_addr;
    ipv4_addr_t dst_addr;
}

@controller_header("packet_in")
header packet_in_t {
    bit<16> ingress_port;   // whole bytes, so that no padding is needed
}

@controller_header("packet_out")
header packet_out_t {
    bit<16> egress_port;
}

struct headers_t {
    packet_in_t  packet_in;
    packet_out_t packet_out;
    ethernet_t   ethernet;
    ipv4_t       ipv4;
}

struct metadata_t {}

parser RouterParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
                    inout standard_metadata_t standard_metadata) {
    state start {
        transition select(standard_metadata.ingress_port) {
            CPU_PORT: parse_packet_out;
            default: parse_ethernet;
        }
    }

    state parse_packet_out {
        packet.extract(hdr.packet_out);
        transition accept;   // what the controller sends leaves as it is
    }

    state parse_ethernet {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_IPV4: parse_ipv4;
            default: accept;
        }
    }

    state parse_ipv4 {
        packet.extract(hdr.ipv4);
        transition accept;
    }
}

control RouterVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5,
                        { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len,
                          hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
                          hdr.ipv4.protocol, hdr.ipv4.src_addr, hdr.ipv4.dst_addr },
                        hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control RouterIngress(inout headers_t hdr, inout metadata_t meta,
                      inout standard_metadata_t standard_metadata) {
    direct_counter(CounterType.packets_and_bytes) routed;

    action drop() {
        routed.count();
        mark_to_drop(standard_metadata);
    }

    action to_controller() {
        routed.count();
        standard_metadata.egress_spec = CPU_PORT;
    }

    action forward(port_t port, mac_t src_addr, mac_t dst_addr) {
        routed.count();
        if (hdr.ipv4.ttl <= 1) {
            standard_metadata.egress_spec = CPU_PORT;
        } else {
            hdr.ipv4.ttl = hdr.ipv4.ttl - 1;
            hdr.ethernet.src_addr = src_addr;
            hdr.ethernet.dst_addr = dst_addr;
            standard_metadata.egress_spec = port;
        }
    }

    table routes {
        key = { hdr.ipv4.dst_addr : lpm @name("dst_addr"); }
        actions = { forward; to_controller; drop; }
        default_action = drop();
        counters = routed;
        size = 1024;
    }

    apply {
        if (hdr.packet_out.isValid()) {
            standard_metadata.egress_spec = (port_t) hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else if (hdr.ethernet.ether_type == ETHERTYPE_ARP) {
            standard_metadata.egress_spec = CPU_PORT;
        } else if (hdr.ipv4.isValid() && hdr.ipv4.ihl == 5 && standard_metadata.checksum_error == 0) {
            routes.apply();
        } else {
            mark_to_drop(standard_metadata);
        }
    }
}

control RouterEgress(inout headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    apply {
        if (standard_metadata.egress_port == CPU_PORT) {
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = (bit<16>) standard_metadata.ingress_port;
        }
    }
}

control RouterComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5,
                        { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len,
                          hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
                          hdr.ipv4.protocol, hdr.ipv4.src_addr, hdr.ipv4.dst_addr },
                        hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control RouterDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.packet_in);
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
    }
}

V1Switch(RouterParser(), RouterVerifyChecksum(), RouterIngress(), RouterEgress(),
         RouterComputeChecksum(), RouterDeparser()) main;
