// SPDX-License-Identifier: Apache-2.0
// What queues do to packets: how long each packet of a watched port waited, as a histogram, and a copy of one
// that waited too long, or behind too many, for a report.

#ifndef TELEMETRY_P4
#define TELEMETRY_P4

control CongestionWatch(inout metadata_t meta, in standard_metadata_t standard_metadata, out bool report) {
    // Packets by the time that they waited: cell 16 * (8 * port + priority) + n counts those that waited less than
    // 16 microseconds (n = 0), from 8 << n to less than 16 << n, or at least 262,144 (n = 15).
    counter(QUEUE_WAIT_COUNTER_SIZE, CounterType.packets) queue_waits;
    // For each queue of each port: microseconds since start of the last report, and packets that were worth one
    // since then.
    register<bit<48>>(QUEUE_COUNT) last_report;
    register<bit<32>>(QUEUE_COUNT) unreported;
    bool watched;
    bit<32> depth_threshold;
    bit<32> wait_threshold;
    bit<48> shortest_interval;

    action watch(bit<32> depth, bit<32> delay, bit<48> interval) {
        watched = true;
        depth_threshold = depth;
        wait_threshold = delay;
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
        report = false;
        watched = false;
        depth_threshold = 0;
        wait_threshold = 0;
        shortest_interval = 0;
        congestion_watch.apply();
        if (!watched) {
            return;
        }
        bit<32> queue = ((bit<32>) standard_metadata.egress_port) << 3
                        | (bit<32>) standard_metadata.priority;
        // The logarithm by halves; all that is longer is the last cell's.
        bit<32> rest = standard_metadata.deq_timedelta >> 4;
        bit<32> length = 0;
        if (rest > 0x4000) {
            rest = 0x4000;
        }
        if (rest != 0) {
            length = 1;
            if (rest >= 0x100) {
                length = length + 8;
                rest = rest >> 8;
            }
            if (rest >= 0x10) {
                length = length + 4;
                rest = rest >> 4;
            }
            if (rest >= 4) {
                length = length + 2;
                rest = rest >> 2;
            }
            if (rest >= 2) {
                length = length + 1;
            }
        }
        queue_waits.count(queue << 4 | length);

        if (standard_metadata.deq_timedelta < wait_threshold
            && (bit<32>) standard_metadata.deq_qdepth < depth_threshold) {
            return;
        }
        bit<48> last;
        last_report.read(last, queue);
        report = last == 0 || standard_metadata.egress_global_timestamp - last >= shortest_interval;
        if (report) {
            last_report.write(queue, standard_metadata.egress_global_timestamp);
        }
        bit<32> others;
        unreported.read(others, queue);
        unreported.write(queue, report ? 0 : others + 1);
        meta.reported.ingress_port = standard_metadata.ingress_port;
        meta.reported.egress_port = standard_metadata.egress_port;
        meta.reported.priority = (bit<8>) standard_metadata.priority;
        meta.reported.depth = (bit<24>) standard_metadata.deq_qdepth;
        meta.reported.wait = standard_metadata.deq_timedelta;
        meta.reported.time = standard_metadata.egress_global_timestamp;
        meta.reported.vlan_id = (bit<12>) meta.vlan_id;
        meta.reported.translated = meta.translated ? 1w1 : 1w0;
        meta.reported.entropy = meta.flow.hash[13:0];
        meta.reported.unreported = others;
    }
}

#endif
