// SPDX-License-Identifier: Apache-2.0
// Allow or deny, by priority, where a packet enters the fabric. The firewall sees real endpoints:
// after a virtual IP became a server, after the tunnel was taken off, before it is put on.

#ifndef FIREWALL_P4
#define FIREWALL_P4

control Firewall(in headers_t hdr, in metadata_t meta, out bool denied) {
    direct_counter(CounterType.packets_and_bytes) firewall_ipv4_counter;
    direct_counter(CounterType.packets_and_bytes) firewall_ipv6_counter;

    action allow_ipv4() {
        firewall_ipv4_counter.count();
    }

    action deny_ipv4() {
        firewall_ipv4_counter.count();
        denied = true;
    }

    // One entry a rule (a port range may need several). No match: the network's own rule, allow.
    table firewall_ipv4 {
        key = {
            meta.vrf            : exact   @name("vrf");
            hdr.ipv4.src_addr   : ternary @name("src_addr");
            hdr.ipv4.dst_addr   : ternary @name("dst_addr");
            meta.flow.protocol  : ternary @name("protocol");
            meta.flow.src_port  : ternary @name("src_port");
            meta.flow.dst_port  : ternary @name("dst_port");
            meta.flow.tcp_flags : ternary @name("tcp_flags");
        }
        actions = { allow_ipv4; deny_ipv4; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = firewall_ipv4_counter;
        size = FIREWALL_IPV4_TABLE_SIZE;
    }

    action allow_ipv6() {
        firewall_ipv6_counter.count();
    }

    action deny_ipv6() {
        firewall_ipv6_counter.count();
        denied = true;
    }

    table firewall_ipv6 {
        key = {
            meta.vrf            : exact   @name("vrf");
            hdr.ipv6.src_addr   : ternary @name("src_addr");
            hdr.ipv6.dst_addr   : ternary @name("dst_addr");
            meta.flow.protocol  : ternary @name("protocol");
            meta.flow.src_port  : ternary @name("src_port");
            meta.flow.dst_port  : ternary @name("dst_port");
            meta.flow.tcp_flags : ternary @name("tcp_flags");
        }
        actions = { allow_ipv6; deny_ipv6; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = firewall_ipv6_counter;
        size = FIREWALL_IPV6_TABLE_SIZE;
    }

    apply {
        denied = false;
        if (hdr.ipv4.isValid()) {
            firewall_ipv4.apply();
        } else if (hdr.ipv6.isValid()) {
            firewall_ipv6.apply();
        }
    }
}

#endif
