// SPDX-License-Identifier: Apache-2.0
// Reports: a copy of a packet becomes a datagram about it, with the beginning of the packet at its end
// (Telemetry Report v2.0; docs/reference/telemetry-reports.md). The copy is one that egress made, or one of a packet
// that found its queue full, which the embedded switch deflects as Tofino does; bmv2 has none of these. Of a packet that
// ingress drops, the copy is as it came.

#ifndef REPORTS_P4
#define REPORTS_P4

const bit<32> REPORT_SOURCE_COUNT = 4;
const bit<6> REPORT_OF_QUEUE = 0;
const bit<6> REPORT_OF_DROP = 1;
const bit<6> REPORT_OF_TAIL_DROP = 2;
const bit<6> REPORT_OF_FLOW = 3;

// Bytes of the packet. Of a deflected one 128 bytes are left, with whatever was in front of the IP header when it
// came: a tag, and a tunnel that was opened.
const bit<16> REPORTED_BYTES = 128;
const bit<16> REPORTED_BYTES_OF_DEFLECTED = 64;

control Reports(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    const bit<16> ETHERNET_BYTES = 14;
    const bit<16> IPV4_BYTES = 20;
    const bit<16> UDP_BYTES = 8;
    const bit<16> GROUP_BYTES = 8;
    const bit<16> PACKET_IN_BYTES = 2;
    const bit<16> SHORTEST_ETHERNET = 20;   // with what may be a tag, and of what follows 2 bytes
    const bit<4> INNER_NONE = 0;
    const bit<4> INNER_ETHERNET = 3;
    const bit<4> INNER_IPV4 = 4;
    const bit<4> INNER_IPV6 = 5;
    const bit<8> DROPPED = 0x80;
    const bit<8> CONGESTED = 0x40;
    const bit<8> FOLLOWED = 0x20;
    const bit<16> BIT_PORTS = 0x4000;
    const bit<16> BIT_LATENCY = 0x2000;
    const bit<16> BIT_QUEUE = 0x1000;
    const bit<16> BIT_EGRESS_TIME = 0x0400;
    const bit<16> BIT_DROP = 0x0001;
    const bit<16> DOMAIN = 0x5034;          // "P4"
    const bit<16> BIT_FLOW = 0x8000;
    const bit<16> BIT_WINDOW = 0x4000;
    const bit<16> BIT_UNREPORTED = 0x2000;
    const bit<16> BIT_LEFT = 0x0800;
    const bit<8> TRANSLATED = 0x01;
    const bit<8> TUNNELLED = 0x02;
    const bit<6> DSCP_CS2 = 16;             // operations, administration and management (RFC 4594, section 3.3)
    const bit<2> FIRST_OF_DYNAMIC_PORTS = 3;

    // The next sequence number of each source.
    register<bit<32>>(REPORT_SOURCE_COUNT) sequence;
    bool has_destination;

    // To a collector, as this node: behind the port with these addresses, or with a controller that takes them off.
    action report_to(bit<32> node, mac_address_t dst_mac, mac_address_t src_mac,
                     ipv4_address_t dst_addr, ipv4_address_t src_addr, l4_port_t dst_port) {
        has_destination = true;
        hdr.report.node = node;
        hdr.report_ethernet.dst_addr = dst_mac;
        hdr.report_ethernet.src_addr = src_mac;
        hdr.report_ipv4.dst_addr = dst_addr;
        hdr.report_ipv4.src_addr = src_addr;
        hdr.report_udp.dst_port = dst_port;
    }

    // The ports of the clone session that reports are copied to. At others, copies are dropped.
    table report_destinations {
        key = { (port_t) standard_metadata.egress_port : exact @name("egress_port"); }
        actions = { report_to; @defaultonly NoAction; }
        const default_action = NoAction;
        size = REPORT_DESTINATION_TABLE_SIZE;
    }

    apply {
        has_destination = false;
        hdr.report.setValid();
        hdr.report_ethernet.setValid();
        hdr.report_ipv4.setValid();
        hdr.report_udp.setValid();
        report_destinations.apply();
        if (!has_destination) {
            mark_to_drop(standard_metadata);
            return;
        }

        bit<6> source = REPORT_OF_QUEUE;
        bool deflected = standard_metadata.instance_type == INSTANCE_TYPE_DEFLECTED;
        if (deflected) {
            meta.reported.ingress_port = standard_metadata.ingress_port;
            meta.reported.egress_port = standard_metadata.egress_spec;
            meta.reported.priority = (bit<8>) standard_metadata.priority;
            meta.reported.depth = (bit<24>) standard_metadata.enq_qdepth;
            // The time of the drop has 32 bits, so it is told by how long ago it was.
            bit<32> since = standard_metadata.egress_global_timestamp[31:0] - standard_metadata.enq_timestamp;
            meta.reported.time = standard_metadata.egress_global_timestamp - (bit<48>) since;
            meta.reported.vlan_id = (bit<12>) meta.vlan_id;
            meta.reported.translated = meta.translated ? 1w1 : 1w0;
            meta.reported.entropy = meta.flow.hash[13:0];
            meta.reported.role = ROLE_DROPPED;
            meta.reported.reason = REPORTED_QUEUE_FULL;
            meta.reported.unreported = standard_metadata.deq_timedelta;
            source = REPORT_OF_TAIL_DROP;
        } else if (meta.reported.reason != REPORTED_NONE) {
            source = REPORT_OF_DROP;
        } else if (meta.reported.followed == 1) {
            source = REPORT_OF_FLOW;
        }

        // The packet: from its IP header on, without a tunnel. What was dropped is as it came, with a tunnel that
        // the program did not open, and may say anything of its lengths.
        meta.as_it_came = standard_metadata.instance_type == INSTANCE_TYPE_INGRESS_CLONE;
        bool is_whole = source == REPORT_OF_DROP && meta.reported.opened == 0;
        bit<16> room = (bit<16>) standard_metadata.packet_length - ETHERNET_BYTES;
        if (hdr.vlan.isValid()) {
            room = room - 4;
        }
        bit<16> inner_bytes;
        bit<16> most = deflected ? REPORTED_BYTES_OF_DEFLECTED : REPORTED_BYTES;
        bit<4> inner_type = INNER_IPV4;
        bit<8> flow_flags = meta.reported.translated == 1 ? TRANSLATED : 0;
        if (!is_whole && (hdr.outer_ipv4.isValid() || hdr.inner_ipv4.isValid() || hdr.inner_ipv6.isValid())) {
            flow_flags = flow_flags | TUNNELLED;
        }
        if (is_whole && (hdr.ipv4.isValid() || hdr.ipv6.isValid())) {
            inner_type = hdr.ipv4.isValid() ? INNER_IPV4 : INNER_IPV6;
            inner_bytes = room;
        } else if (hdr.outer_ipv4.isValid()) {
            hdr.outer_ipv4.setInvalid();
            hdr.outer_udp.setInvalid();
            hdr.outer_gtpu.setInvalid();
            hdr.outer_gtpu_options.setInvalid();
            hdr.outer_gtpu_pdu_session.setInvalid();
            inner_type = hdr.ipv4.isValid() ? INNER_IPV4 : INNER_IPV6;
            inner_bytes = hdr.ipv4.isValid() ? hdr.ipv4.total_length
                : IPV6_HEADER_LENGTH + hdr.ipv6.payload_length;
        } else if (hdr.inner_ipv4.isValid() || hdr.inner_ipv6.isValid()) {
            // Nobody has compared the lengths of a tunnel that is not opened here.
            room = hdr.ipv4.total_length - ((bit<16>) hdr.ipv4.ihl << 2) - 16;
            if (hdr.gtpu_options.isValid()) {
                room = room - 4;
            }
            if (hdr.gtpu_pdu_session.isValid()) {
                room = room - 4;
            }
            if (room > hdr.ipv4.total_length) {
                room = 0; // the tunnel's own headers are longer than their packet
            }
            inner_type = hdr.inner_ipv4.isValid() ? INNER_IPV4 : INNER_IPV6;
            inner_bytes = hdr.inner_ipv4.isValid() ? hdr.inner_ipv4.total_length
                : IPV6_HEADER_LENGTH + hdr.inner_ipv6.payload_length;
            if (inner_bytes > room || (hdr.inner_ipv6.isValid() && inner_bytes < IPV6_HEADER_LENGTH)) {
                inner_bytes = room;
            }
            hdr.ipv4.setInvalid();
            hdr.ipv4_options.setInvalid();
            hdr.udp.setInvalid();
            hdr.gtpu.setInvalid();
            hdr.gtpu_options.setInvalid();
            hdr.gtpu_pdu_session.setInvalid();
        } else if (hdr.ipv4.isValid()) {
            inner_bytes = hdr.ipv4.total_length;
        } else if (hdr.ipv6.isValid()) {
            inner_type = INNER_IPV6;
            inner_bytes = IPV6_HEADER_LENGTH + hdr.ipv6.payload_length;
        } else if (standard_metadata.packet_length >= (bit<32>) SHORTEST_ETHERNET) {
            inner_type = INNER_ETHERNET;
            inner_bytes = ETHERNET_BYTES + 2;
            if (hdr.vlan.isValid()) {
                hdr.ethernet.ether_type = hdr.vlan.ether_type;
            }
        } else {
            inner_type = INNER_NONE;
            inner_bytes = 0;
        }
        if (inner_type != INNER_ETHERNET) {
            hdr.ethernet.setInvalid();
        }
        hdr.vlan.setInvalid();
        inner_bytes = inner_bytes <= most ? inner_bytes : most;

        // What is said of it.
        // Ports, queue, time in two words; latency or drop; the flow in three, its window in two, what is unreported, what left in
        // four.
        bit<16> metadata_words;
        if (source != REPORT_OF_DROP) {
            hdr.report_queue.setValid();
            hdr.report_queue.priority = meta.reported.priority;
            hdr.report_queue.depth = meta.reported.depth;
        }
        hdr.report_time.setValid();
        // By 1000, with shifts: not every switch multiplies.
        bit<64> time = (bit<64>) meta.reported.time;
        hdr.report_time.nanoseconds = (time << 10) - (time << 4) - (time << 3);
        hdr.report_flow.setValid();
        hdr.report_flow.role = meta.reported.role;
        hdr.report_flow.flags = flow_flags;
        hdr.report_flow.vlan_id = (bit<16>) meta.reported.vlan_id;
        hdr.report_flow.flow_bytes = meta.reported.flow_bytes;
        hdr.report_flow.queue_bytes = meta.reported.queue_bytes;
        hdr.report_unreported.setValid();
        hdr.report_unreported.packets = meta.reported.unreported;
        if (source == REPORT_OF_FLOW) {
            hdr.report_latency.setValid();
            hdr.report_latency.microseconds = meta.reported.wait;
            hdr.report.flags = FOLLOWED;
            hdr.report.metadata_bits = BIT_PORTS | BIT_LATENCY | BIT_QUEUE | BIT_EGRESS_TIME;
            hdr.report.domain_bits = BIT_FLOW | BIT_UNREPORTED;
            metadata_words = 9;
        } else if (source != REPORT_OF_QUEUE) {
            hdr.report_drop.setValid();
            hdr.report_drop.priority = meta.reported.priority;
            hdr.report_drop.reason = meta.reported.reason;
            hdr.report_drop.padding = 0;
            hdr.report.domain_bits = BIT_FLOW | BIT_UNREPORTED;
            if (deflected) {
                hdr.report.flags = DROPPED | CONGESTED;
                hdr.report.metadata_bits = BIT_PORTS | BIT_QUEUE | BIT_EGRESS_TIME | BIT_DROP;
                metadata_words = 9;
            } else {
                hdr.report.flags = DROPPED;
                hdr.report.metadata_bits = BIT_PORTS | BIT_EGRESS_TIME | BIT_DROP;
                metadata_words = 8;
            }
        } else {
            hdr.report_latency.setValid();
            hdr.report_latency.microseconds = meta.reported.wait;
            hdr.report.flags = CONGESTED;
            hdr.report_window.setValid();
            hdr.report_window.number = meta.reported.window;
            hdr.report_window.log2 = meta.reported.window_log2;
            hdr.report_window.reserved = 0;
            hdr.report.metadata_bits = BIT_PORTS | BIT_LATENCY | BIT_QUEUE | BIT_EGRESS_TIME;
            hdr.report_left.setValid();
            hdr.report_left.flow_bytes = meta.reported.flow_left;
            hdr.report_left.queue_bytes = meta.reported.queue_left;
            hdr.report_left.flow_before = meta.reported.flow_before;
            hdr.report_left.queue_before = meta.reported.queue_before;
            hdr.report.domain_bits = BIT_FLOW | BIT_WINDOW | BIT_UNREPORTED | BIT_LEFT;
            metadata_words = 15;
        }
        hdr.report.domain = DOMAIN;
        hdr.report.domain_status = 0;
        hdr.report.ingress_port = (bit<16>) meta.reported.ingress_port;
        hdr.report.egress_port = (bit<16>) meta.reported.egress_port;

        bit<32> number;
        sequence.read(number, (bit<32>) source);
        sequence.write((bit<32>) source, number + 1);
        hdr.report.version = 2;
        hdr.report.source = source;
        hdr.report.sequence = number[21:0];
        hdr.report.type_ = 1;
        hdr.report.inner_type = inner_type;
        // In whole words, of which the last one may lack its padding.
        hdr.report.length = (bit<8>) (2 + metadata_words + (inner_bytes + 3 >> 2));
        hdr.report.metadata_length = (bit<8>) metadata_words;

        // The report's own header is a word, its main part two.
        bit<16> report_bytes = GROUP_BYTES + 12 + (metadata_words << 2) + inner_bytes;
        hdr.report_ethernet.ether_type = ETHERTYPE_IPV4;
        hdr.report_ipv4.version = 4;
        hdr.report_ipv4.ihl = 5;
        hdr.report_ipv4.dscp = DSCP_CS2;
        hdr.report_ipv4.ecn = 0;
        hdr.report_ipv4.total_length = IPV4_BYTES + UDP_BYTES + report_bytes;
        hdr.report_ipv4.identification = 0;
        hdr.report_ipv4.flags = 2;          // don't fragment
        hdr.report_ipv4.fragment_offset = 0;
        hdr.report_ipv4.ttl = 64;
        hdr.report_ipv4.protocol = (ip_protocol_t) PROTOCOL_UDP;
        hdr.report_udp.src_port = (l4_port_t) (FIRST_OF_DYNAMIC_PORTS ++ meta.reported.entropy);
        hdr.report_udp.length = UDP_BYTES + report_bytes;
        hdr.report_udp.checksum = 0;        // RFC 768: none

        bit<16> frame_bytes = ETHERNET_BYTES + IPV4_BYTES + UDP_BYTES + report_bytes;
        if (standard_metadata.egress_port == CPU_PORT) {
            // No packet-in of a received frame has this ingress port.
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = (port_t) CPU_PORT;
            hdr.packet_in.padding = 0;
            frame_bytes = frame_bytes + PACKET_IN_BYTES;
        }
        truncate((bit<32>) frame_bytes);
    }
}

#endif
