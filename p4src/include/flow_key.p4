// SPDX-License-Identifier: Apache-2.0
// The flow a packet belongs to, the same whichever headers carried it.

#ifndef FLOW_KEY_P4
#define FLOW_KEY_P4

control FlowKey(in headers_t hdr, inout metadata_t meta) {
    apply {
        // No IP, no protocol: zero. The port of a later fragment is not known: zero.
        meta.flow.protocol = meta.ip.protocol;
        meta.flow.src_port = (l4_port_t) 0;
        meta.flow.dst_port = (l4_port_t) 0;
        meta.flow.tcp_flags = 0;
        meta.flow.later_fragment = meta.ip.fragment_offset == 0 ? 1w0 : 1w1;
        if (hdr.tcp.isValid()) {
            meta.flow.src_port = hdr.tcp.src_port;
            meta.flow.dst_port = hdr.tcp.dst_port;
            meta.flow.tcp_flags = hdr.tcp.flags;
        } else if (hdr.udp.isValid()) {
            meta.flow.src_port = hdr.udp.src_port;
            meta.flow.dst_port = hdr.udp.dst_port;
        } else if (hdr.sctp.isValid()) {
            meta.flow.src_port = hdr.sctp.src_port;
            meta.flow.dst_port = hdr.sctp.dst_port;
        }
        // Address resolution and multicast groups keep a network running. The source guard judged them; they
        // are not to leave the link, and groups are nobody's own address.
        meta.flow.link_control = false;
        if (hdr.ipv6.isValid() && hdr.icmp.isValid() && (bit<8>) meta.ip.protocol == PROTOCOL_ICMPV6
            && !meta.routed) {
            bool to_group = ((bit<128>) hdr.ipv6.dst_addr)[127:120] == 0xff;
            meta.flow.link_control = (hdr.icmp.type_ >= ICMPV6_ROUTER_ADVERTISEMENT
                                      && hdr.icmp.type_ <= ICMPV6_NEIGHBOR_ADVERTISEMENT)
                || (to_group && hdr.icmp.type_ == ICMPV6_ROUTER_SOLICITATION)
                || (to_group && hdr.ipv6.hop_limit == 1
                    && ((hdr.icmp.type_ >= ICMPV6_MLD_QUERY && hdr.icmp.type_ <= ICMPV6_MLD_DONE)
                        || hdr.icmp.type_ == ICMPV6_MLD2_REPORT));
        }
        if (hdr.ipv4.isValid()) {
            hash(meta.flow.hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { hdr.ipv4.src_addr, hdr.ipv4.dst_addr, meta.flow.protocol,
                   meta.flow.src_port, meta.flow.dst_port }, (bit<64>) 0x100000000);
        } else if (hdr.ipv6.isValid()) {
            hash(meta.flow.hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { hdr.ipv6.src_addr, hdr.ipv6.dst_addr, meta.flow.protocol,
                   meta.flow.src_port, meta.flow.dst_port }, (bit<64>) 0x100000000);
        } else {
            hash(meta.flow.hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { hdr.ethernet.src_addr, hdr.ethernet.dst_addr }, (bit<64>) 0x100000000);
        }
    }
}

#endif
