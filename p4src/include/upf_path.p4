// SPDX-License-Identifier: Apache-2.0
// What gNBs say of tunnels and of the path, with no packet in it (3GPP TS 29.281, sections 7.2 and 7.3). The switch
// itself answers echo requests, with no session and with no controller: a gNB gives up a path that is silent.
// Error indications go to the controller, which knows whose tunnels they are about.

#ifndef UPF_PATH_P4
#define UPF_PATH_P4

// Of a packet to an N3 address. Of a port, so many of each are taken; what is more is dropped.
control UpfPath(inout headers_t hdr, in metadata_t meta, inout standard_metadata_t standard_metadata,
                out bool taken) {
    // UDP and GTP-U; and its options.
    const bit<16> SHORTEST_MESSAGE = 16;
    const bit<16> SHORTEST_ECHO_REQUEST = 20;
    const bit<16> ECHO_RESPONSE_TOTAL_LENGTH = 42;
    const bit<16> ECHO_RESPONSE_UDP_LENGTH = 22;
    const bit<16> ECHO_RESPONSE_LENGTH = 6;           // the options, and Recovery

    Policer(PORT_COUNT) echo_policer;
    Policer(PORT_COUNT) error_indication_policer;

    action echo_response() {
        standard_metadata.egress_spec = standard_metadata.ingress_port;
        mac_address_t router = hdr.ethernet.dst_addr;
        hdr.ethernet.dst_addr = hdr.ethernet.src_addr;
        hdr.ethernet.src_addr = router;
        ipv4_address_t n3_address = hdr.ipv4.dst_addr;
        hdr.ipv4.dst_addr = hdr.ipv4.src_addr;
        hdr.ipv4.src_addr = n3_address;
        hdr.ipv4.ihl = 5;
        hdr.ipv4.total_length = ECHO_RESPONSE_TOTAL_LENGTH;
        hdr.ipv4.identification = 0;
        hdr.ipv4.flags = 2;                           // don't fragment
        hdr.ipv4.ttl = 64;
        hdr.ipv4_options.setInvalid();
        l4_port_t asked = hdr.udp.dst_port;
        hdr.udp.dst_port = hdr.udp.src_port;
        hdr.udp.src_port = asked;
        hdr.udp.length = ECHO_RESPONSE_UDP_LENGTH;
        hdr.udp.checksum = 0;
        hdr.gtpu.spare = 0;
        hdr.gtpu.npdu_flag = 0;
        hdr.gtpu.message_type = GTPU_MESSAGE_ECHO_RESPONSE;
        hdr.gtpu.length = ECHO_RESPONSE_LENGTH;
        hdr.gtpu.teid = (teid_t) 0;
        hdr.gtpu_options.npdu = 0;
        hdr.gtpu_options.next_extension = 0;
        // Whoever receives it ignores the counter; what sends it has it as 0 (section 8.2).
        hdr.gtpu_recovery.setValid();
        hdr.gtpu_recovery.type_ = GTPU_IE_RECOVERY;
        hdr.gtpu_recovery.restart_counter = 0;
    }

    apply {
        taken = false;
        if (!hdr.gtpu.isValid() || standard_metadata.parser_error != error.NoError
            || hdr.udp.length < SHORTEST_MESSAGE
            || hdr.udp.length > meta.ip_length - meta.ip.header_length
            || hdr.gtpu.length > hdr.udp.length - 16) {
            return;
        }
        // Only an echo request has options here; what it has behind them is left where Ethernet has its padding.
        if (hdr.gtpu.message_type == GTPU_MESSAGE_ECHO_REQUEST) {
            if (hdr.gtpu_options.isValid() && hdr.udp.length >= SHORTEST_ECHO_REQUEST && hdr.gtpu.length >= 4) {
                echo_policer.apply((bit<32>) standard_metadata.ingress_port,
                                   standard_metadata.ingress_global_timestamp,
                                   ECHO_INTERVAL, ECHO_TOLERANCE, taken);
                if (taken) {
                    echo_response();
                }
            }
        } else if (hdr.gtpu.message_type == GTPU_MESSAGE_ERROR_INDICATION && hdr.gtpu.version == 1
                   && hdr.gtpu.protocol_type == 1) {
            error_indication_policer.apply((bit<32>) standard_metadata.ingress_port,
                                           standard_metadata.ingress_global_timestamp,
                                           ERROR_INDICATION_INTERVAL, ERROR_INDICATION_TOLERANCE, taken);
            if (taken) {
                standard_metadata.egress_spec = CPU_PORT;
                standard_metadata.priority = CONTROL_PRIORITY;
            }
        }
    }
}

// What UEs ask in Neighbor Discovery goes to the controller as it came, tunnel and all: of a port, so much is.
control Solicitation(inout standard_metadata_t standard_metadata, out bool taken) {
    Policer(PORT_COUNT) solicitation_policer;

    apply {
        solicitation_policer.apply((bit<32>) standard_metadata.ingress_port,
                                   standard_metadata.ingress_global_timestamp,
                                   SOLICITATION_INTERVAL, SOLICITATION_TOLERANCE, taken);
        if (taken) {
            standard_metadata.egress_spec = CPU_PORT;
            standard_metadata.priority = CONTROL_PRIORITY;
        }
    }
}

// Sent for packets in tunnels of which the switch has no session with that gNB and UE.
// Plain bit strings: see host_seen_t.
struct unknown_tunnel_t {
    bit<9>  ingress_port;
    bit<12> vlan_id;
    bit<48> mac;
    bit<32> ipv4_src;
    bit<32> ipv4_dst;
    bit<32> teid;
}

// Tells the controller, which knows whether the tunnel is anybody's; if not, it says so to the gNB.
control UnknownTunnel(in headers_t hdr, in metadata_t meta, in standard_metadata_t standard_metadata) {
    Policer(PORT_COUNT) unknown_tunnel_policer;

    apply {
        bool conforms;
        unknown_tunnel_policer.apply((bit<32>) standard_metadata.ingress_port,
                                     standard_metadata.ingress_global_timestamp,
                                     UNKNOWN_TUNNEL_INTERVAL, UNKNOWN_TUNNEL_TOLERANCE, conforms);
        if (conforms) {
            digest<unknown_tunnel_t>(1, { standard_metadata.ingress_port, (bit<12>) meta.vlan_id,
                                          (bit<48>) hdr.ethernet.src_addr, (bit<32>) hdr.ipv4.src_addr,
                                          (bit<32>) hdr.ipv4.dst_addr, (bit<32>) hdr.gtpu.teid });
        }
    }
}

#endif
