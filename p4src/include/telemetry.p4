// SPDX-License-Identifier: Apache-2.0
// Congestion: a packet that waited too long, or behind too many, tells the controller so. v1model
// sends digests from ingress only, so the report rides on a clone of that packet: cloned in egress,
// recirculated with the report's fields, turned into a digest in ingress, and dropped.

#ifndef TELEMETRY_P4
#define TELEMETRY_P4

// Enough for a tunnelled IPv6 TCP header; truncated here because bmv2's clone sessions cannot.
const bit<32> REPORT_PACKET_LENGTH = 128;

// The flow is that of the packet that met the queue; of a tunnelled packet, the inner one.
struct congestion_report_t {
    bit<9>   port;
    bit<8>   queue;
    bit<32>  depth;        // packets that were in the queue when this one left it
    bit<32>  delay;        // microseconds that this one waited
    bit<48>  timestamp;    // microseconds since the switch started
    bit<8>   protocol;
    bit<32>  ipv4_src;
    bit<32>  ipv4_dst;
    bit<128> ipv6_src;
    bit<128> ipv6_dst;
    bit<16>  src_port;
    bit<16>  dst_port;
}

control CongestionWatch(inout metadata_t meta, inout standard_metadata_t standard_metadata) {
    // Microseconds since start of the last report, one cell for each queue of each port.
    register<bit<48>>(QUEUE_COUNT) last_report;
    bool watched;
    bit<32> depth_threshold;
    bit<32> delay_threshold;
    bit<48> shortest_interval;

    action watch(bit<32> depth, bit<32> delay, bit<48> interval) {
        watched = true;
        depth_threshold = depth;
        delay_threshold = delay;
        shortest_interval = interval;
    }

    // Ports to be watched: report at `depth` packets or `delay` microseconds, at most one report
    // every `interval` microseconds for each queue.
    table congestion_watch {
        key = { (port_t) standard_metadata.egress_port : exact @name("egress_port"); }
        actions = { watch; @defaultonly NoAction; }
        const default_action = NoAction;
        size = CONGESTION_WATCH_TABLE_SIZE;
    }

    apply {
        watched = false;
        depth_threshold = 0;
        delay_threshold = 0;
        shortest_interval = 0;
        congestion_watch.apply();
        if (watched && (standard_metadata.deq_timedelta >= delay_threshold
                        || (bit<32>) standard_metadata.deq_qdepth >= depth_threshold)) {
            bit<32> queue = ((bit<32>) standard_metadata.egress_port) << 3
                            | (bit<32>) standard_metadata.priority;
            bit<48> last;
            last_report.read(last, queue);
            if (last == 0 || standard_metadata.egress_global_timestamp - last >= shortest_interval) {
                last_report.write(queue, standard_metadata.egress_global_timestamp);
                meta.congestion.port = standard_metadata.egress_port;
                meta.congestion.queue = (bit<8>) standard_metadata.priority;
                meta.congestion.depth = (bit<32>) standard_metadata.deq_qdepth;
                meta.congestion.delay = standard_metadata.deq_timedelta;
                meta.congestion.timestamp = standard_metadata.egress_global_timestamp;
                clone_preserving_field_list(CloneType.E2E, REPORT_CLONE_SESSION, REPORT_FIELDS);
            }
        }
    }
}

control CongestionReport(inout headers_t hdr, inout metadata_t meta) {
    apply {
        if (hdr.inner_ipv4.isValid()) {
            meta.ip = meta.inner_ip;
            hdr.ipv4 = hdr.inner_ipv4;
            hdr.tcp = hdr.inner_tcp;
            hdr.udp = hdr.inner_udp;
        }
        ipv4_address_t ipv4_src = (ipv4_address_t) 0;
        ipv4_address_t ipv4_dst = (ipv4_address_t) 0;
        ipv6_address_t ipv6_src = (ipv6_address_t) 0;
        ipv6_address_t ipv6_dst = (ipv6_address_t) 0;
        l4_port_t src_port = (l4_port_t) 0;
        l4_port_t dst_port = (l4_port_t) 0;
        if (hdr.ipv4.isValid()) {
            ipv4_src = hdr.ipv4.src_addr;
            ipv4_dst = hdr.ipv4.dst_addr;
        } else if (hdr.ipv6.isValid()) {
            ipv6_src = hdr.ipv6.src_addr;
            ipv6_dst = hdr.ipv6.dst_addr;
        }
        if (hdr.tcp.isValid()) {
            src_port = hdr.tcp.src_port;
            dst_port = hdr.tcp.dst_port;
        } else if (hdr.udp.isValid()) {
            src_port = hdr.udp.src_port;
            dst_port = hdr.udp.dst_port;
        }
        digest<congestion_report_t>(1, {
            meta.congestion.port, meta.congestion.queue, meta.congestion.depth,
            meta.congestion.delay, meta.congestion.timestamp,
            (bit<8>) meta.ip.protocol, (bit<32>) ipv4_src, (bit<32>) ipv4_dst,
            (bit<128>) ipv6_src, (bit<128>) ipv6_dst, (bit<16>) src_port, (bit<16>) dst_port
        });
    }
}

#endif
