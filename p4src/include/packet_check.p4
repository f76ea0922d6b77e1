// SPDX-License-Identifier: Apache-2.0
// Whether a tenant's packet is what it says: versions, lengths, fragments. A packet whose transport header
// could be read differently by the fabric and by its receiver is dropped.

#ifndef PACKET_CHECK_P4
#define PACKET_CHECK_P4

const bit<16> ETHERNET_LENGTH = 14;
const bit<16> TAGGED_ETHERNET_LENGTH = 18;

// The outermost IP header against the frame.
control PacketCheck(in headers_t hdr, inout metadata_t meta, in standard_metadata_t standard_metadata,
                    out drop_reason_t reason) {
    apply {
        reason = DROP_NONE;
        bit<16> room = (bit<16>) standard_metadata.packet_length
            - (hdr.vlan.isValid() ? TAGGED_ETHERNET_LENGTH : ETHERNET_LENGTH);
        // What goes wrong behind a UDP header is in a G-PDU, or in what only looks like one: see UpfUplink.
        if ((standard_metadata.parser_error != error.NoError && !hdr.udp.isValid()) || meta.ip.unreadable) {
            reason = DROP_MALFORMED;
        } else if (standard_metadata.checksum_error == 1) {
            reason = DROP_CHECKSUM;
        } else if (meta.ip.source_routed) {
            reason = DROP_SOURCE_ROUTED;
        } else if (hdr.ipv4.isValid()) {
            meta.ip_length = hdr.ipv4.total_length;
            meta.ip.fragmented = hdr.ipv4.flags[0:0] == 1;
            if (hdr.ipv4.version != 4 || hdr.ipv4.ihl < 5 || meta.ip.header_length > meta.ip_length
                || meta.ip_length > room) {
                reason = DROP_MALFORMED;
            }
        } else if (hdr.ipv6.isValid()) {
            meta.ip_length = IPV6_HEADER_LENGTH + hdr.ipv6.payload_length;
            meta.ip.fragmented = (meta.ip.fragment & FRAGMENT_OFFSET_OR_MORE) != 0;
            // Compared without the sum, which may not fit.
            if (hdr.ipv6.version != 6 || hdr.ipv6.payload_length > room - IPV6_HEADER_LENGTH
                || meta.ip.header_length > meta.ip_length) {
                reason = DROP_MALFORMED;
            }
        }
    }
}

// The transport header against the IP packet, of the packet that firewall and services see.
control TransportCheck(in headers_t hdr, in metadata_t meta, out drop_reason_t reason) {
    const bit<16> TCP_LENGTH = 20;
    const bit<16> UDP_LENGTH = 8;
    const bit<16> ICMP_LENGTH = 8;
    const bit<13> FIRST_OFFSET_BEHIND_TCP = 3;

    apply {
        reason = DROP_NONE;
        bit<16> rest = meta.ip_length - meta.ip.header_length;
        if (meta.ip.fragment_offset != 0) {
            // RFC 3128: what lies where a TCP header was would replace it when the pieces are put together.
            if (((bit<8>) meta.ip.protocol == PROTOCOL_TCP && meta.ip.fragment_offset < FIRST_OFFSET_BEHIND_TCP)
                || ((bit<17>) meta.ip.fragment_offset << 3) + (bit<17>) rest > 17w0xffff) {
                reason = DROP_FRAGMENT;
            }
        } else if (hdr.tcp.isValid()) {
            if (rest < TCP_LENGTH || hdr.tcp.data_offset < 5 || (bit<16>) hdr.tcp.data_offset << 2 > rest) {
                reason = DROP_MALFORMED;
            }
        } else if (hdr.udp.isValid()) {
            if (rest < UDP_LENGTH || hdr.udp.length < UDP_LENGTH
                || (!meta.ip.fragmented && hdr.udp.length > rest)) {
                reason = DROP_MALFORMED;
            }
        } else if (hdr.icmp.isValid()) {
            if (rest < ICMP_LENGTH) {
                reason = DROP_MALFORMED;
            }
        }
    }
}

#endif
