// SPDX-License-Identifier: Apache-2.0
// Which connection a packet is of: the same key for both ways. An ICMP error is of the connection of the packet
// that it is about, and goes the other way.

#ifndef CONNECTION_KEY_P4
#define CONNECTION_KEY_P4

struct connection_packet_t {
    bool          known;            // it is of a connection
    bool          is_error;         // about a packet of one
    bit<1>        from_lower;       // the sender is the end with the lower address; with the lower port, if they are equal
    ip_protocol_t protocol;
    l4_port_t     src_port;
    l4_port_t     dst_port;
    // The key.
    bit<64>       flow;             // VRF, protocol, IP version, which end asks, ports of the lower and the higher end
    bit<128>      ends;             // IPv4: both addresses; IPv6: the lower one
    bit<128>      higher_end;       // of IPv6
    bit<32>       hash;             // of the key, and
    bit<32>       other_hash;       // of its fields in another order: CRCs with another start collide together
    // What it does to the connection.
    bool          is_stream;        // of TCP or SCTP
    bool          is_echo;
    bool          opens;            // the first of a stream; an echo request
    bool          closes;
    bool          carries;          // data
}

control ConnectionKey(in headers_t hdr, in metadata_t meta, out connection_packet_t connection) {
    const bit<8> TCP_FIN_OR_RST = 0x05;
    const bit<8> TCP_SYN_AND_ACK = 0x12;
    const bit<8> TCP_SYN = 0x02;
    const bit<8> SCTP_DATA = 0;                       // RFC 9260, section 3.2
    const bit<8> SCTP_INIT = 1;
    const bit<8> SCTP_ABORT = 6;
    const bit<8> SCTP_SHUTDOWN = 7;
    const bit<8> SCTP_SHUTDOWN_ACK = 8;
    const bit<8> SCTP_SHUTDOWN_COMPLETE = 14;
    const bit<8> SCTP_I_DATA = 64;                    // RFC 8260

    bit<128> src;
    bit<128> dst;
    bit<16> src_port;
    bit<16> dst_port;
    bit<1> sender_asks;

    // What the sender of an error would have sent of the connection that it is about.
    action take_quoted_ipv4() {
        src = (bit<128>) (bit<32>) hdr.quoted_ipv4.dst_addr;
        dst = (bit<128>) (bit<32>) hdr.quoted_ipv4.src_addr;
        connection.protocol = hdr.quoted_ipv4.protocol;
    }

    action take_quoted_ipv6() {
        src = (bit<128>) hdr.quoted_ipv6.dst_addr;
        dst = (bit<128>) hdr.quoted_ipv6.src_addr;
        connection.protocol = hdr.quoted_ipv6.next_header;
    }

    apply {
        connection.known = true;
        connection.is_error = false;
        connection.protocol = meta.flow.protocol;
        connection.is_stream = false;
        connection.is_echo = false;
        connection.opens = false;
        connection.closes = false;
        connection.carries = false;
        connection.higher_end = 0;
        sender_asks = 0;
        src_port = (bit<16>) meta.flow.src_port;
        dst_port = (bit<16>) meta.flow.dst_port;
        bit<8> echo_request = ICMP_ECHO_REQUEST;
        bit<8> echo_reply = ICMP_ECHO_REPLY;
        if (hdr.ipv4.isValid()) {
            src = (bit<128>) (bit<32>) hdr.ipv4.src_addr;
            dst = (bit<128>) (bit<32>) hdr.ipv4.dst_addr;
        } else {
            src = (bit<128>) hdr.ipv6.src_addr;
            dst = (bit<128>) hdr.ipv6.dst_addr;
            echo_request = ICMPV6_ECHO_REQUEST;
            echo_reply = ICMPV6_ECHO_REPLY;
        }
        if (hdr.tcp.isValid()) {
            bit<16> length = hdr.ipv4.isValid() ? hdr.ipv4.total_length
                                                : hdr.ipv6.payload_length + IPV6_HEADER_LENGTH;
            connection.is_stream = true;
            connection.opens = (hdr.tcp.flags & TCP_SYN_AND_ACK) == TCP_SYN;
            connection.closes = (hdr.tcp.flags & TCP_FIN_OR_RST) != 0;
            connection.carries = length - meta.ip.header_length != ((bit<16>) hdr.tcp.data_offset << 2);
        } else if (hdr.sctp.isValid()) {
            connection.is_stream = true;
            connection.opens = hdr.sctp.chunk_type == SCTP_INIT;
            connection.closes = hdr.sctp.chunk_type == SCTP_ABORT
                || (hdr.sctp.chunk_type >= SCTP_SHUTDOWN && hdr.sctp.chunk_type <= SCTP_SHUTDOWN_ACK)
                || hdr.sctp.chunk_type == SCTP_SHUTDOWN_COMPLETE;
            connection.carries = hdr.sctp.chunk_type == SCTP_DATA || hdr.sctp.chunk_type == SCTP_I_DATA;
        } else if (hdr.icmp.isValid()) {
            bit<8> echo = hdr.icmp.type_;
            if (hdr.quoted_ipv4.isValid() || hdr.quoted_ipv6.isValid()) {
                connection.is_error = true;
                if (hdr.quoted_ipv4.isValid()) {
                    take_quoted_ipv4();
                } else {
                    take_quoted_ipv6();
                }
                src_port = (bit<16>) hdr.quoted_ports.dst_port;
                dst_port = (bit<16>) hdr.quoted_ports.src_port;
                echo = hdr.quoted_icmp.type_;
            }
            if (!hdr.quoted_ports.isValid()) {
                connection.is_echo = true;
                connection.known = (!connection.is_error || hdr.quoted_icmp_rest.isValid())
                    && (echo == echo_request || echo == echo_reply);
                connection.opens = !connection.is_error && echo == echo_request;
                // An error comes from where a request went.
                sender_asks = connection.is_error != (echo == echo_request) ? 1w1 : 1w0;
                src_port = connection.is_error ? hdr.quoted_icmp_rest.identifier : hdr.icmp_rest.identifier;
                dst_port = src_port;
            }
        }
        connection.from_lower = (src < dst || (src == dst && src_port <= dst_port)) ? 1w1 : 1w0;
        bit<128> lower = src;
        bit<128> higher = dst;
        bit<32> ports = src_port ++ dst_port;
        if (connection.from_lower == 0) {
            lower = dst;
            higher = src;
            ports = dst_port ++ src_port;
        }
        bit<1> lower_asks = connection.is_echo && sender_asks == connection.from_lower ? 1w1 : 1w0;
        connection.flow = (bit<16>) meta.vrf ++ (bit<8>) connection.protocol
            ++ (hdr.ipv4.isValid() ? 1w0 : 1w1) ++ lower_asks ++ 6w0 ++ ports;
        if (hdr.ipv4.isValid()) {
            connection.ends = (bit<128>) (lower[31:0] ++ higher[31:0]);
            hash(connection.hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { connection.flow, lower[31:0], higher[31:0] }, (bit<64>) 0x100000000);
            hash(connection.other_hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { higher[31:0], connection.flow, lower[31:0] }, (bit<64>) 0x100000000);
        } else {
            connection.ends = lower;
            connection.higher_end = higher;
            hash(connection.hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { connection.flow, lower, higher }, (bit<64>) 0x100000000);
            hash(connection.other_hash, HashAlgorithm.crc32, (bit<32>) 0,
                 { higher, connection.flow, lower }, (bit<64>) 0x100000000);
        }
        // An echo's identifier is no port, nor have others any.
        connection.src_port = connection.is_echo ? (l4_port_t) 0 : (l4_port_t) src_port;
        connection.dst_port = connection.is_echo ? (l4_port_t) 0 : (l4_port_t) dst_port;
    }
}

#endif
