// SPDX-License-Identifier: Apache-2.0
// The paths of flows that are followed: each switch on the way tells, by a report of its own, where a packet came
// in, where it left, how long it was here and which queue it was in (INT-XD: the packet itself carries nothing).
// An entry marks the packet where it enters the fabric; the type of its tag, a service tag's, carries the mark, so that
// no other switch needs to know the flow, whatever it is translated into or wrapped in on the way.

#ifndef POSTCARDS_P4
#define POSTCARDS_P4

control FollowedFlows(in headers_t hdr, inout metadata_t meta) {
    action follow() {
        meta.followed = 1;
    }

    // Flows as their senders see them: before a virtual IP becomes a server, without the tunnel of a UE.
    table followed_ipv4 {
        key = {
            meta.vrf           : exact   @name("vrf");
            hdr.ipv4.src_addr  : ternary @name("src_addr");
            hdr.ipv4.dst_addr  : ternary @name("dst_addr");
            meta.flow.protocol : ternary @name("protocol");
            meta.flow.src_port : ternary @name("src_port");
            meta.flow.dst_port : ternary @name("dst_port");
        }
        actions = { follow; @defaultonly NoAction; }
        const default_action = NoAction;
        size = FOLLOWED_FLOW_TABLE_SIZE;
    }

    table followed_ipv6 {
        key = {
            meta.vrf           : exact   @name("vrf");
            hdr.ipv6.src_addr  : ternary @name("src_addr");
            hdr.ipv6.dst_addr  : ternary @name("dst_addr");
            meta.flow.protocol : ternary @name("protocol");
            meta.flow.src_port : ternary @name("src_port");
            meta.flow.dst_port : ternary @name("dst_port");
        }
        actions = { follow; @defaultonly NoAction; }
        const default_action = NoAction;
        size = FOLLOWED_FLOW_TABLE_SIZE;
    }

    apply {
        if (!meta.from_edge) {
            meta.followed = meta.service_tag ? 1w1 : 1w0;
        } else if (hdr.ipv4.isValid()) {
            followed_ipv4.apply();
        } else if (hdr.ipv6.isValid()) {
            followed_ipv6.apply();
        }
    }
}

// Which packets of a flow are told of: the first, then each that took another way or was here for at least twice or
// less than half as long, and one about each second; but no more of a flow, and of all, than a controller
// takes with ease.
control Postcards(in headers_t hdr, inout metadata_t meta, in standard_metadata_t standard_metadata,
                  out bool report) {
    // Of each flow, by its hash: what was told last.
    register<bit<64>>(FOLLOWED_FLOW_CELLS) told;
    // Packets that were not told of since then.
    register<bit<32>>(FOLLOWED_FLOW_CELLS) untold;
    Policer(FOLLOWED_FLOW_CELLS) flow_policer;
    Policer(1) switch_policer;
    LengthOfTime() length_of_time;

    apply {
        report = false;
        bit<48> now = standard_metadata.egress_global_timestamp;
        bit<32> latency = (bit<32>) (now - standard_metadata.ingress_global_timestamp);
        bit<32> length;
        length_of_time.apply(latency, length);
        bit<32> flow = meta.flow.hash;
        if (hdr.inner_ipv4.isValid()) {
            // All flows of a tunnel that is not opened here have the same hash.
            hash(flow, HashAlgorithm.crc32, (bit<32>) 0,
                 { meta.flow.hash, hdr.inner_ipv4.src_addr, hdr.inner_ipv4.dst_addr }, (bit<64>) 0x100000000);
        }
        bit<32> cell = (bit<32>) flow[9:0];
        bit<64> this_one = flow[31:10] ++ (bit<9>) standard_metadata.ingress_port
            ++ (bit<9>) standard_metadata.egress_port ++ length[3:0] ++ now[39:20];
        bit<64> before;
        told.read(before, cell);
        if (before != this_one) {
            flow_policer.apply(cell, now, POSTCARD_INTERVAL, POSTCARD_TOLERANCE, report);
            if (report) {
                switch_policer.apply(0, now, ALL_POSTCARDS_INTERVAL, ALL_POSTCARDS_TOLERANCE, report);
            }
            if (report) {
                told.write(cell, this_one);
            }
        }
        bit<32> others;
        untold.read(others, cell);
        untold.write(cell, report ? 0 : others + 1);
        if (report) {
            meta.reported.followed = 1;
            meta.reported.role = ROLE_NONE;
            meta.reported.ingress_port = standard_metadata.ingress_port;
            meta.reported.egress_port = standard_metadata.egress_port;
            meta.reported.priority = (bit<8>) standard_metadata.priority;
            meta.reported.depth = (bit<24>) standard_metadata.deq_qdepth;
            meta.reported.wait = latency;
            meta.reported.time = now;
            meta.reported.vlan_id = (bit<12>) meta.vlan_id;
            meta.reported.translated = meta.translated ? 1w1 : 1w0;
            meta.reported.entropy = meta.flow.hash[13:0];
            meta.reported.unreported = others;
        }
    }
}

#endif
