// SPDX-License-Identifier: Apache-2.0
// What queues do to packets: how long each packet of a watched port waited, as a histogram; whose bytes were in
// the queue; and a copy of a packet that waited too long, or behind too many, for a report. A flow is reported once
// in each window of time, as what it is: a culprit, a victim or neither.

#ifndef TELEMETRY_P4
#define TELEMETRY_P4

// The logarithm of a time in microseconds, by halves: 0 is less than 16 of them, n from 8 << n to less than
// 16 << n, and 15 at least 262,144.
control LengthOfTime(in bit<32> time, out bit<32> length) {
    apply {
        bit<32> rest = time >> 4;
        length = 0;
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
    }
}

control CongestionWatch(inout metadata_t meta, in standard_metadata_t standard_metadata, out bool report) {
    // Packets by the time that they waited: cell 16 * (8 * port + priority) + n, by LengthOfTime.
    counter(QUEUE_WAIT_COUNTER_SIZE, CounterType.packets) queue_waits;
    // For each queue of each port: packets that were worth a report since the last one.
    register<bit<32>>(QUEUE_COUNT) unreported;
    // Flows that were reported: the number of the window, and the flow. Culprits have cells of their own.
    register<bit<64>>(REPORTED_FLOW_CELLS) reported_flows;
    // When the next report of a queue is due (see policer.p4), in microseconds since the switch started: for
    // culprits, and for others.
    register<bit<48>>(QUEUE_REPORT_KINDS) due;
    // Bytes that each port has to send before its reports are little beside them: for those of culprits, and for
    // others. Each packet that leaves takes its length off, each report adds its price.
    register<bit<64>>(PORT_COUNT) owed;
    // A queue that is full and empty in turns has all of its reports again each time: these bound what comes of it,
    // and leave room for other ports.
    Policer(PORT_COUNT) port_policer;
    Policer(1) switch_policer;
    Culprits() culprits;
    LengthOfTime() length_of_time;
    bool watched;
    bit<32> depth_threshold;
    bit<32> wait_threshold;
    bit<8> window_log2;
    bit<48> report_interval;
    bit<48> report_tolerance;

    action watch(bit<32> depth, bit<32> delay, bit<8> window, bit<48> interval, bit<48> tolerance) {
        watched = true;
        depth_threshold = depth;
        wait_threshold = delay;
        window_log2 = window;
        report_interval = interval;
        report_tolerance = tolerance;
    }

    // Ports to be watched: report at `depth` packets or `delay` microseconds. Of each queue one culprit is reported
    // every `interval` microseconds, and `tolerance` / `interval` more at once; likewise of other flows. A queue that
    // is below half of both has all of its reports again. However slow a port is, its reports are less than a
    // fiftieth of what it sends. Bytes are counted in windows of 2 to the power of `window`
    // microseconds, of which seven should be as long as packets may wait; four are a window of reports.
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
        window_log2 = 0;
        report_interval = 0;
        report_tolerance = 0;
        congestion_watch.apply();
        if (!watched) {
            return;
        }
        bit<32> queue = ((bit<32>) standard_metadata.egress_port) << 3
                        | (bit<32>) standard_metadata.priority;
        bit<32> length;
        length_of_time.apply(standard_metadata.deq_timedelta, length);
        queue_waits.count(queue << 4 | length);

        bit<32> port = (bit<32>) standard_metadata.egress_port;
        bit<64> still_owed;
        owed.read(still_owed, port);
        bit<32> for_others = still_owed[31:0] |-| standard_metadata.packet_length;
        bit<32> for_culprits = still_owed[63:32] |-| standard_metadata.packet_length;

        bool is_congested = standard_metadata.deq_timedelta >= wait_threshold
            || (bit<32>) standard_metadata.deq_qdepth >= depth_threshold;
        if (!is_congested
            && standard_metadata.deq_timedelta < wait_threshold >> 1
            && (bit<32>) standard_metadata.deq_qdepth < depth_threshold >> 1) {
            due.write(queue << 1, 0);
            due.write(queue << 1 | 1, 0);
            // Nobody waited for a packet that came to an empty queue and leaves an empty one.
            if ((bit<32>) standard_metadata.enq_qdepth == 0 && (bit<32>) standard_metadata.deq_qdepth == 0) {
                owed.write(port, for_culprits ++ for_others);
                return;
            }
        }

        bit<48> now = standard_metadata.egress_global_timestamp;
        bit<32> window = (bit<32>) (now >> window_log2);
        bit<48> came = now - (bit<48>) standard_metadata.deq_timedelta;
        bit<32> first = (bit<32>) (came >> window_log2);
        bit<4> sixteenths = (bit<4>) (came << 4 >> window_log2);
        bit<32> flow;
        hash(flow, HashAlgorithm.crc32, (bit<32>) 0, { meta.flow.hash, meta.vlan_id, queue }, (bit<64>) 0x100000000);
        bit<32> flow_bytes;
        bit<32> queue_bytes;
        bit<32> flow_left;
        bit<32> queue_left;
        bit<32> flow_before;
        bit<32> queue_before;
        culprits.apply(queue, flow, window, first, sixteenths, standard_metadata.packet_length, is_congested,
                       flow_bytes, queue_bytes, flow_left, queue_left, flow_before, queue_before);
        if (!is_congested) {
            owed.write(port, for_culprits ++ for_others);
            return;
        }

        // A tenth of the queue makes a culprit, less than a thirty-second part a victim; a little more of the latter, as
        // others' bytes only add to what is counted of a flow.
        bit<64> flow_share = (bit<64>) flow_bytes;
        bit<64> whole = (bit<64>) queue_bytes;
        bit<32> is_culprit = 0;
        meta.reported.role = ROLE_PARTICIPANT;
        if ((flow_share << 3) + (flow_share << 1) >= whole) {
            is_culprit = 1;
            meta.reported.role = ROLE_CULPRIT;
        } else if ((flow_share << 5) - (flow_share << 2) < whole) {
            meta.reported.role = ROLE_VICTIM;
        }

        bit<32> cell = is_culprit << 11 | (bit<32>) flow[10:0];
        bit<64> before;
        reported_flows.read(before, cell);
        bit<41> this_one = window[21:2] ++ flow[31:11];
        // In units of 64 bytes.
        bit<23> left = (bit<23>) (flow_left >> 6);
        bit<23> grown = before[63:23] == this_one ? left - before[22:0] : 0;
        // A culprit is told of again when an eighth of the queue more has left, as long as that leaves a quarter of the
        // reports that may come at once for what is new.
        bool is_new = before[63:23] != this_one;
        if (is_new || (is_culprit == 1 && ((bit<64>) grown << 9) >= whole)) {
            bit<48> next;
            bit<32> kind = queue << 1 | is_culprit;
            due.read(next, kind);
            if (next < now) {
                next = now;
            }
            report = next - now <= (is_new ? report_tolerance : report_tolerance - (report_tolerance >> 2))
                && (is_culprit == 1 ? for_culprits : for_others) <= QUEUE_REPORT_CREDIT;
            if (report) {
                port_policer.apply(port, now, PORT_QUEUE_REPORT_INTERVAL, PORT_QUEUE_REPORT_TOLERANCE, report);
            }
            if (report) {
                switch_policer.apply(0, now, ALL_QUEUE_REPORTS_INTERVAL, ALL_QUEUE_REPORTS_TOLERANCE, report);
            }
            if (report) {
                due.write(kind, next + report_interval);
                reported_flows.write(cell, this_one ++ left);
                if (is_culprit == 1) {
                    for_culprits = for_culprits + QUEUE_REPORT_PRICE;
                } else {
                    for_others = for_others + QUEUE_REPORT_PRICE;
                }
            }
        }
        owed.write(port, for_culprits ++ for_others);
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
        meta.reported.flow_bytes = flow_bytes;
        meta.reported.queue_bytes = queue_bytes;
        meta.reported.window = window >> 2;
        meta.reported.window_log2 = window_log2 + 2;
        meta.reported.flow_left = flow_left;
        meta.reported.queue_left = queue_left;
        meta.reported.flow_before = flow_before;
        meta.reported.queue_before = queue_before;
    }
}

#endif
