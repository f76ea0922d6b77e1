// SPDX-License-Identifier: Apache-2.0
// Which of a port's queues a packet waits in: 0 is served last. The leaf where it enters decides, by its network
// and, if the network says so, by its DSCP; the priority of the tag carries that over the fabric's links. What a
// tenant's own tag says is of no matter.

#ifndef TRAFFIC_CLASS_P4
#define TRAFFIC_CLASS_P4

control TrafficClass(in headers_t hdr, in metadata_t meta, inout standard_metadata_t standard_metadata) {
    const bit<6> DSCP_AF11 = 10;
    const bit<6> DSCP_CS6 = 48;

    apply {
        bit<3> priority = 0;
        if (meta.from_edge) {
            priority = meta.network.priority;
            bit<6> dscp = 0;
            if (hdr.ipv4.isValid()) {
                dscp = hdr.ipv4.dscp;
            } else if (hdr.ipv6.isValid()) {
                dscp = hdr.ipv6.dscp;
            }
            // The class selector (RFC 2474, section 4.2.2) of what is better than the best effort: not that of CS1
            // and LE, which are worse (RFC 3662, RFC 8622), nor those of the network's own control, CS6 and CS7.
            if (meta.network.by_dscp == 1 && dscp >= DSCP_AF11 && dscp < DSCP_CS6 && dscp[5:3] > priority) {
                priority = dscp[5:3];
            }
        } else if (hdr.vlan.isValid()) {
            priority = hdr.vlan.priority;
        }
        standard_metadata.priority = priority <= HIGHEST_PRIORITY ? priority : HIGHEST_PRIORITY;
    }
}

#endif
