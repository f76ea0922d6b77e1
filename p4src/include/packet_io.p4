// SPDX-License-Identifier: Apache-2.0
// Frames to and from the controller.

#ifndef PACKET_IO_P4
#define PACKET_IO_P4

// A packet-out leaves by the port that the controller names, as it is: no table looks at it.
// LLDP goes to the controller from every port, open or closed: links are found before ports are opened.
control PacketIo(inout headers_t hdr, inout standard_metadata_t standard_metadata, out bool handled) {
    apply {
        handled = true;
        if (hdr.packet_out.isValid()) {
            standard_metadata.egress_spec = (bit<9>) hdr.packet_out.egress_port;
            hdr.packet_out.setInvalid();
        } else if (hdr.ethernet.ether_type == ETHERTYPE_LLDP) {
            standard_metadata.egress_spec = CPU_PORT;
        } else {
            handled = false;
        }
    }
}

#endif
