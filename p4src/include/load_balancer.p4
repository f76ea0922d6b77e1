// SPDX-License-Identifier: Apache-2.0
// One virtual IP, many servers. The client's leaf turns the destination into a pool member on the
// way in and the member's source into the virtual IP on the way out, so servers see real clients.

#ifndef LOAD_BALANCER_P4
#define LOAD_BALANCER_P4

// RFC 1624, equation 3: the transport checksum after one address and one port have changed.
#define TRANSLATED_CHECKSUM(checksum, old_addr, new_addr, old_port, new_port)            \
    {                                                                                    \
        bit<32> sum = (bit<32>) ~checksum;                                               \
        sum = sum + (bit<32>) ~((bit<32>) old_addr)[31:16];                              \
        sum = sum + (bit<32>) ~((bit<32>) old_addr)[15:0];                               \
        sum = sum + (bit<32>) ~((bit<16>) old_port);                                     \
        sum = sum + (bit<32>) ((bit<32>) new_addr)[31:16];                               \
        sum = sum + (bit<32>) ((bit<32>) new_addr)[15:0];                                \
        sum = sum + (bit<32>) ((bit<16>) new_port);                                      \
        sum = (sum & 0xffff) + (sum >> 16);                                              \
        sum = (sum & 0xffff) + (sum >> 16);                                              \
        checksum = ~sum[15:0];                                                           \
    }

control LoadBalancer(inout headers_t hdr, inout metadata_t meta) {
    // crc32: the low bits of crc16 hardly move when a client counts its source ports up.
    @max_group_size(MAXIMUM_GROUP_SIZE)
    action_selector(HashAlgorithm.crc32, VIRTUAL_IP_SELECTOR_SIZE, 32w32) pool;
    direct_counter(CounterType.packets_and_bytes) virtual_ip_counter;

    action to_server(@refers_to(virtual_ip_replies, address) ipv4_address_t address,
                     @refers_to(virtual_ip_replies, port) l4_port_t port) {
        virtual_ip_counter.count();
        if (hdr.tcp.isValid()) {
            TRANSLATED_CHECKSUM(hdr.tcp.checksum, hdr.ipv4.dst_addr, address, hdr.tcp.dst_port, port)
            hdr.tcp.dst_port = port;
        } else if (hdr.udp.isValid()) {
            if (hdr.udp.checksum != 0) {
                TRANSLATED_CHECKSUM(hdr.udp.checksum, hdr.ipv4.dst_addr, address, hdr.udp.dst_port, port)
            }
            hdr.udp.dst_port = port;
        }
        hdr.ipv4.dst_addr = address;
        meta.flow.dst_port = port;
        meta.translated = true;
    }

    // A service: its pool is the group; a member's weight is its share of the connections. What turns a
    // member's answers back stands before it.
    table virtual_ips {
        key = {
            meta.vrf           : exact @name("vrf") @refers_to(virtual_ip_replies, vrf);
            hdr.ipv4.dst_addr  : exact @name("address");
            meta.flow.protocol : exact @name("protocol") @refers_to(virtual_ip_replies, protocol);
            meta.flow.dst_port : exact @name("port");
            hdr.ipv4.src_addr  : selector;
            hdr.ipv4.dst_addr  : selector;
            meta.flow.protocol : selector;
            meta.flow.src_port : selector;
            meta.flow.dst_port : selector;
        }
        actions = { to_server; @defaultonly NoAction; }
        implementation = pool;
        counters = virtual_ip_counter;
        size = VIRTUAL_IP_TABLE_SIZE;
    }

    apply {
        if (hdr.ipv4.isValid() && meta.routed) {
            virtual_ips.apply();
        }
    }
}

control LoadBalancerReply(inout headers_t hdr, inout metadata_t meta, out drop_reason_t reason) {
    // A later fragment, whose port 0 stands for: may be an answer, and would show the server's address.
    action deny_fragment() {
        reason = DROP_FRAGMENT_REPLY;
    }

    action from_virtual_ip(ipv4_address_t address, l4_port_t port) {
        if (hdr.tcp.isValid()) {
            TRANSLATED_CHECKSUM(hdr.tcp.checksum, hdr.ipv4.src_addr, address, hdr.tcp.src_port, port)
            hdr.tcp.src_port = port;
        } else if (hdr.udp.isValid()) {
            if (hdr.udp.checksum != 0) {
                TRANSLATED_CHECKSUM(hdr.udp.checksum, hdr.ipv4.src_addr, address, hdr.udp.src_port, port)
            }
            hdr.udp.src_port = port;
        }
        hdr.ipv4.src_addr = address;
        meta.translated = true;
    }

    // A pool member's port answers as its service: one entry a member, and one for its later fragments.
    table virtual_ip_replies {
        key = {
            meta.vrf           : exact @name("vrf");
            hdr.ipv4.src_addr  : exact @name("address");
            meta.flow.protocol : exact @name("protocol");
            meta.flow.src_port : exact @name("port");
        }
        actions = { from_virtual_ip; deny_fragment; @defaultonly NoAction; }
        const default_action = NoAction;
        size = VIRTUAL_IP_REPLY_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        if (hdr.ipv4.isValid() && (meta.to_edge || meta.tunnel.required)) {
            virtual_ip_replies.apply();
        }
    }
}

#endif
