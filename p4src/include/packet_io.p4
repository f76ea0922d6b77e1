// SPDX-License-Identifier: Apache-2.0
// Frames to and from the controller. They have a queue of their own at every port, which nothing else
// enters, so that no traffic delays or displaces them.

#ifndef PACKET_IO_P4
#define PACKET_IO_P4

// A packet-out leaves by the port that the controller names, as it is: no table looks at it. LLDP goes to
// the controller from ports where links may be, open or closed, but no more often than probes come.
control PacketIo(inout headers_t hdr, inout standard_metadata_t standard_metadata,
                 out bool handled, out drop_reason_t reason) {
    Policer(PORT_COUNT) probe_policer;
    bool may_be_linked;

    action link() {
        may_be_linked = true;
    }

    // The ports where another switch may be.
    table link_ports {
        key = { (port_t) standard_metadata.ingress_port : exact @name("ingress_port"); }
        actions = { link; @defaultonly NoAction; }
        const default_action = NoAction;
        size = LINK_PORT_TABLE_SIZE;
    }

    apply {
        handled = true;
        reason = DROP_NONE;
        may_be_linked = false;
        if (hdr.packet_out.isValid()) {
            standard_metadata.egress_spec = (bit<9>) hdr.packet_out.egress_port;
            standard_metadata.priority = CONTROL_PRIORITY;
            hdr.packet_out.setInvalid();
        } else if (hdr.ethernet.ether_type == ETHERTYPE_LLDP) {
            reason = DROP_CONTROL_FRAME;
            link_ports.apply();
            if (may_be_linked) {
                bool conforms;
                probe_policer.apply((bit<32>) standard_metadata.ingress_port,
                                    standard_metadata.ingress_global_timestamp,
                                    PROBE_INTERVAL, PROBE_TOLERANCE, conforms);
                if (conforms) {
                    reason = DROP_NONE;
                    standard_metadata.egress_spec = CPU_PORT;
                    standard_metadata.priority = CONTROL_PRIORITY;
                }
            }
        } else {
            handled = false;
        }
    }
}

#endif
