// SPDX-License-Identifier: Apache-2.0
// Allow or deny, by priority, where a packet enters the fabric. The firewall sees real endpoints:
// after a virtual IP became a server, after the tunnel was taken off, before it is put on. Addresses that
// mean everybody on the link are judged as the network itself, so that no rule about it is evaded by them.

#ifndef FIREWALL_P4
#define FIREWALL_P4

control Firewall(in headers_t hdr, in metadata_t meta, out drop_reason_t reason) {
    direct_counter(CounterType.packets_and_bytes) firewall_ipv4_counter;
    direct_counter(CounterType.packets_and_bytes) firewall_ipv6_counter;

    ipv4_address_t ipv4_src;
    ipv4_address_t ipv4_dst;
    ipv6_address_t ipv6_src;
    ipv6_address_t ipv6_dst;

    action allow_ipv4() {
        firewall_ipv4_counter.count();
    }

    action deny_ipv4() {
        firewall_ipv4_counter.count();
        reason = DROP_FIREWALL;
    }

    // One entry a rule (a port range may need several, a later fragment, which shows no ports, one of its
    // own). No match: the network's own rule, allow.
    table firewall_ipv4 {
        key = {
            meta.vrf                 : exact   @name("vrf");
            ipv4_src                 : ternary @name("src_addr");
            ipv4_dst                 : ternary @name("dst_addr");
            meta.flow.protocol       : ternary @name("protocol");
            meta.flow.src_port       : ternary @name("src_port");
            meta.flow.dst_port       : ternary @name("dst_port");
            meta.flow.tcp_flags      : ternary @name("tcp_flags");
            meta.flow.later_fragment : ternary @name("later_fragment");
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
        reason = DROP_FIREWALL;
    }

    table firewall_ipv6 {
        key = {
            meta.vrf                 : exact   @name("vrf");
            ipv6_src                 : ternary @name("src_addr");
            ipv6_dst                 : ternary @name("dst_addr");
            meta.flow.protocol       : ternary @name("protocol");
            meta.flow.src_port       : ternary @name("src_port");
            meta.flow.dst_port       : ternary @name("dst_port");
            meta.flow.tcp_flags      : ternary @name("tcp_flags");
            meta.flow.later_fragment : ternary @name("later_fragment");
        }
        actions = { allow_ipv6; deny_ipv6; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = firewall_ipv6_counter;
        size = FIREWALL_IPV6_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        if (hdr.ipv4.isValid()) {
            ipv4_src = hdr.ipv4.src_addr;
            ipv4_dst = hdr.ipv4.dst_addr;
            if ((bit<32>) ipv4_src == 0) {
                ipv4_src = meta.network.ipv4_scope;
            }
            if (((bit<32>) ipv4_dst)[31:29] == 7) {
                ipv4_dst = meta.network.ipv4_scope;
            }
            firewall_ipv4.apply();
        } else if (hdr.ipv6.isValid() && !meta.flow.link_control) {
            ipv6_src = hdr.ipv6.src_addr;
            ipv6_dst = hdr.ipv6.dst_addr;
            bit<128> src = (bit<128>) ipv6_src;
            bit<128> dst = (bit<128>) ipv6_dst;
            if (src == 0 || src[127:118] == IPV6_LINK_LOCAL) {
                ipv6_src = meta.network.ipv6_scope;
            }
            if (dst[127:120] == 0xff || dst[127:118] == IPV6_LINK_LOCAL) {
                ipv6_dst = meta.network.ipv6_scope;
            }
            firewall_ipv6.apply();
        }
    }
}

#endif
