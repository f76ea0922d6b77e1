// SPDX-License-Identifier: Apache-2.0
// What is done about congestion: at the leaf where a flow enters, it is given another path, or limited to a rate;
// at any port, packets of transports that can be told so are marked.

#ifndef REMEDIES_P4
#define REMEDIES_P4

control Remedies(in headers_t hdr, inout metadata_t meta, out drop_reason_t reason) {
    const bit<2> RED = 2;
    direct_meter<bit<2>>(MeterType.bytes) ipv4_meter;
    direct_meter<bit<2>>(MeterType.bytes) ipv6_meter;

    // Among equal-cost paths, as if `path` were the flow's hash: a path that is down is still avoided.
    action take_path(bit<32> path) {
        meta.path = path;
    }

    // Drop what is above the rate of the entry's meter.
    action police_ipv4() {
        ipv4_meter.read(meta.color);
    }

    action police_ipv6() {
        ipv6_meter.read(meta.color);
    }

    // Flows as the fabric's links carry them, in the network of their destination.
    table remedied_ipv4 {
        key = {
            meta.vlan_id       : exact @name("vlan_id");
            hdr.ipv4.src_addr  : exact @name("src_addr");
            hdr.ipv4.dst_addr  : exact @name("dst_addr");
            meta.flow.protocol : exact @name("protocol");
            meta.flow.src_port : exact @name("src_port");
            meta.flow.dst_port : exact @name("dst_port");
        }
        actions = { take_path; police_ipv4; @defaultonly NoAction; }
        const default_action = NoAction;
        meters = ipv4_meter;
        size = REMEDIED_FLOW_TABLE_SIZE;
    }

    table remedied_ipv6 {
        key = {
            meta.vlan_id       : exact @name("vlan_id");
            hdr.ipv6.src_addr  : exact @name("src_addr");
            hdr.ipv6.dst_addr  : exact @name("dst_addr");
            meta.flow.protocol : exact @name("protocol");
            meta.flow.src_port : exact @name("src_port");
            meta.flow.dst_port : exact @name("dst_port");
        }
        actions = { take_path; police_ipv6; @defaultonly NoAction; }
        const default_action = NoAction;
        meters = ipv6_meter;
        size = REMEDIED_FLOW_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        meta.path = meta.flow.hash;
        if (meta.from_edge) {
            meta.color = 0;
            if (hdr.ipv4.isValid()) {
                remedied_ipv4.apply();
            } else if (hdr.ipv6.isValid()) {
                remedied_ipv6.apply();
            }
            if (meta.color == RED) {
                reason = DROP_POLICED;
            }
        }
    }
}

// Congestion Experienced (RFC 3168) for packets that came when their queue was deeper than it should be. Packets of
// transports that do not know ECN stay as they are.
control Marking(inout headers_t hdr, in standard_metadata_t standard_metadata) {
    const bit<2> NOT_ECT = 0;
    const bit<2> CE = 3;

    action mark_above(bit<32> depth) {
        if ((bit<32>) standard_metadata.enq_qdepth > depth) {
            if (hdr.ipv4.isValid() && hdr.ipv4.ecn != NOT_ECT) {
                hdr.ipv4.ecn = CE;
            } else if (hdr.ipv6.isValid() && hdr.ipv6.ecn != NOT_ECT) {
                hdr.ipv6.ecn = CE;
            }
        }
    }

    // Ports whose queues mark, and behind how many packets.
    table marking {
        key = { (port_t) standard_metadata.egress_port : exact @name("egress_port"); }
        actions = { mark_above; @defaultonly NoAction; }
        const default_action = NoAction;
        size = MARKING_TABLE_SIZE;
    }

    apply {
        marking.apply();
    }
}

#endif
