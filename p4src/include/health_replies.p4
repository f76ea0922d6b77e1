// SPDX-License-Identifier: Apache-2.0
// Answers of servers that the controller asks, by a SYN from a gateway's address, whether they accept
// connections (RFC 9293). They go to the controller, which tells by their numbers whether it asked.

#ifndef HEALTH_REPLIES_P4
#define HEALTH_REPLIES_P4

// A port sends the controller no more answers than it is asked for; what is more is dropped.
control HealthReplies(in headers_t hdr, in metadata_t meta, inout standard_metadata_t standard_metadata,
                      out bool answered, out drop_reason_t reason) {
    const bit<8> FIN_SYN_RST_ACK = 0x17;
    const bit<8> SYN_ACK = 0x12;
    const bit<8> RST_ACK = 0x14;
    const bit<16> FIRST_DYNAMIC_PORT = 49152;         // RFC 6335, section 6: where questions come from

    Policer(PORT_COUNT) reply_policer;

    action to_controller() {
        answered = true;
    }

    // The servers that are asked, each with the gateway in whose name that is done.
    table health_replies {
        key = {
            meta.vlan_id      : exact @name("vlan_id");
            hdr.ipv4.src_addr : exact @name("server");
            hdr.tcp.src_port  : exact @name("port");
            hdr.ipv4.dst_addr : exact @name("gateway");
        }
        actions = { to_controller; @defaultonly NoAction; }
        const default_action = NoAction;
        size = HEALTH_REPLY_TABLE_SIZE;
    }

    apply {
        answered = false;
        reason = DROP_NONE;
        if (!meta.routed || !hdr.ipv4.isValid() || !hdr.tcp.isValid() || meta.ip.fragmented
            || (bit<16>) hdr.tcp.dst_port < FIRST_DYNAMIC_PORT) {
            return;
        }
        bit<8> flags = hdr.tcp.flags & FIN_SYN_RST_ACK;
        if (flags != SYN_ACK && flags != RST_ACK) {
            return;
        }
        health_replies.apply();
        if (answered) {
            bool conforms;
            reply_policer.apply((bit<32>) standard_metadata.ingress_port,
                                standard_metadata.ingress_global_timestamp,
                                HEALTH_REPLY_INTERVAL, HEALTH_REPLY_TOLERANCE, conforms);
            if (conforms) {
                standard_metadata.egress_spec = CPU_PORT;
                standard_metadata.priority = CONTROL_PRIORITY;
            } else {
                reason = DROP_HEALTH_REPLY;
            }
        }
    }
}

#endif
