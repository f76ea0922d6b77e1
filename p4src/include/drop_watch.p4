// SPDX-License-Identifier: Apache-2.0
// Which dropped packets are reported: some of each port and reason, so that a flood of one kind hides no other,
// and of the switch no more than a controller takes with ease. How many were not is told by the next report.

#ifndef DROP_WATCH_P4
#define DROP_WATCH_P4

control DropWatch(inout metadata_t meta, in standard_metadata_t standard_metadata, in bit<9> port,
                  in drop_reason_t drop_reason, in bit<48> now, out bool report) {
    Policer(DROP_COUNTER_SIZE) policer;
    Policer(1) switch_policer;
    // By port and reason: packets that were dropped since the last report.
    register<bit<32>>(DROP_COUNTER_SIZE) unreported;

    apply {
        bit<32> cell = (bit<32>) port << 5 | (bit<32>) drop_reason;
        policer.apply(cell, now, DROP_REPORT_INTERVAL, DROP_REPORT_TOLERANCE, report);
        if (report) {
            switch_policer.apply(0, now, ALL_DROP_REPORTS_INTERVAL, ALL_DROP_REPORTS_TOLERANCE, report);
        }
        bit<32> others;
        unreported.read(others, cell);
        unreported.write(cell, report ? 0 : others + 1);
        meta.reported.reason = REPORTED_OTHERS + (bit<8>) drop_reason;
        if (drop_reason == DROP_TTL) {
            meta.reported.reason = REPORTED_TTL;
        } else if (drop_reason == DROP_NO_ROUTE) {
            meta.reported.reason = REPORTED_NO_ROUTE;
        } else if (drop_reason == DROP_CLOSED) {
            meta.reported.reason = REPORTED_CLOSED;
        } else if (drop_reason == DROP_FIREWALL) {
            meta.reported.reason = REPORTED_FIREWALL;
        } else if (drop_reason == DROP_TUNNEL) {
            meta.reported.reason = REPORTED_TUNNEL;
        } else if (drop_reason == DROP_TUNNEL_PEER) {
            meta.reported.reason = REPORTED_TUNNEL_PEER;
        }
        meta.reported.role = ROLE_DROPPED;
        meta.reported.ingress_port = standard_metadata.ingress_port;
        meta.reported.time = now;
        meta.reported.vlan_id = (bit<12>) meta.vlan_id;
        meta.reported.translated = meta.translated ? 1w1 : 1w0;
        meta.reported.entropy = meta.flow.hash[13:0];
        meta.reported.unreported = others;
    }
}

#endif
