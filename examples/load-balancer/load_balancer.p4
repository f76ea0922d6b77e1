// SPDX-License-Identifier: Apache-2.0
// A layer-4 load balancer. Clients connect to one virtual address; an action selector picks a server of the
// service's group by a hash of the connection, and replies go back under the virtual address.
//
//   client ─► services (virtual address, port) ─► group ─► member: to_server(port, MAC, address)
//   server ─► servers  (address, port)         ─► from_server(virtual address) ─► clients
//
// The controller adds members to the group and takes them out; nothing else changes then.

#include <core.p4>
#include <v1model.p4>

typedef bit<48> mac_t;
typedef bit<32> ipv4_addr_t;
typedef bit<9>  port_t;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<8>  PROTOCOL_TCP = 6;

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

header tcp_t {
    bit<16> src_port;
    bit<16> dst_port;
    bit<32> seq_no;
    bit<32> ack_no;
    bit<4>  data_offset;
    bit<4>  reserved;
    bit<8>  flags;
    bit<16> window;
    bit<16> checksum;
    bit<16> urgent;
}

struct headers_t {
    ethernet_t ethernet;
    ipv4_t     ipv4;
    tcp_t      tcp;
}

struct metadata_t {
    bit<16> tcp_length;   // header and data; the checksum covers it
}

parser BalancerParser(packet_in packet, out headers_t hdr, inout metadata_t meta,
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
        transition select(hdr.ipv4.ihl, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.protocol) {
            (5, 0 &&& 1, 0, PROTOCOL_TCP): parse_tcp;   // whole packets: bit 0 of the flags says "more follow"
            default: accept;
        }
    }

    state parse_tcp {
        packet.extract(hdr.tcp);
        meta.tcp_length = hdr.ipv4.total_len - 20;
        transition accept;
    }
}

control BalancerVerifyChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {}
}

control BalancerIngress(inout headers_t hdr, inout metadata_t meta,
                        inout standard_metadata_t standard_metadata) {
    action_selector(HashAlgorithm.crc16, 64, 16) pool;
    direct_counter(CounterType.packets) requests;

    action drop() {
        mark_to_drop(standard_metadata);
    }

    action to_server(port_t port, mac_t mac, ipv4_addr_t address) {
        standard_metadata.egress_spec = port;
        hdr.ethernet.dst_addr = mac;
        hdr.ipv4.dst_addr = address;
    }

    // Virtual addresses. The selector's fields keep a connection at one server.
    table services {
        key = {
            hdr.ipv4.dst_addr : exact    @name("address");
            hdr.tcp.dst_port  : exact    @name("port");
            hdr.ipv4.src_addr : selector;
            hdr.tcp.src_port  : selector;
        }
        actions = { to_server; }
        implementation = pool;
        counters = requests;
        size = 64;
    }

    action from_server(ipv4_addr_t address) {
        hdr.ipv4.src_addr = address;
    }

    // What servers send goes out under the service's address.
    table servers {
        key = {
            hdr.ipv4.src_addr : exact @name("address");
            hdr.tcp.src_port  : exact @name("port");
        }
        actions = { from_server; @defaultonly NoAction; }
        const default_action = NoAction;
        size = 1024;
    }

    action to_client(port_t port, mac_t mac) {
        standard_metadata.egress_spec = port;
        hdr.ethernet.dst_addr = mac;
    }

    table clients {
        key = { hdr.ipv4.dst_addr : lpm @name("address"); }
        actions = { to_client; drop; }
        default_action = drop();
        size = 1024;
    }

    apply {
        if (hdr.tcp.isValid()) {
            if (!services.apply().hit) {
                servers.apply();
                clients.apply();
            }
        } else {
            drop();
        }
    }
}

control BalancerEgress(inout headers_t hdr, inout metadata_t meta,
                       inout standard_metadata_t standard_metadata) {
    apply {}
}

// Addresses are part of both checksums.
control BalancerComputeChecksum(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid() && hdr.ipv4.ihl == 5,
                        { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.diffserv, hdr.ipv4.total_len,
                          hdr.ipv4.identification, hdr.ipv4.flags, hdr.ipv4.frag_offset, hdr.ipv4.ttl,
                          hdr.ipv4.protocol, hdr.ipv4.src_addr, hdr.ipv4.dst_addr },
                        hdr.ipv4.checksum, HashAlgorithm.csum16);
        update_checksum_with_payload(hdr.tcp.isValid(),
                        { hdr.ipv4.src_addr, hdr.ipv4.dst_addr, 8w0, hdr.ipv4.protocol, meta.tcp_length,
                          hdr.tcp.src_port, hdr.tcp.dst_port, hdr.tcp.seq_no, hdr.tcp.ack_no,
                          hdr.tcp.data_offset, hdr.tcp.reserved, hdr.tcp.flags, hdr.tcp.window,
                          hdr.tcp.urgent },
                        hdr.tcp.checksum, HashAlgorithm.csum16);
    }
}

control BalancerDeparser(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.tcp);
    }
}

V1Switch(BalancerParser(), BalancerVerifyChecksum(), BalancerIngress(), BalancerEgress(),
         BalancerComputeChecksum(), BalancerDeparser()) main;
