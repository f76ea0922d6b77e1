// SPDX-License-Identifier: Apache-2.0
// Flows of a PDU session in one direction (3GPP TS 29.244, clause 5.2.1): filters find a packet's rule, the rule
// says where it goes, meters say whether it still may, and both are counted before and after the meters.
//
//   session ─► filters (a set, shared by all sessions that tell flows apart in the same way) ─► rule
//                                                                                              │
//      usage (after) ◄─ slice's meter ◄─ flow's meter ◄─ session's meter ◄─ rules (before) ◄───┘
//
// Octets that are counted and metered are those of the IP packet, without what carries it.

#ifndef UPF_FLOW_P4
#define UPF_FLOW_P4

// What a session's entry says of a direction.
struct upf_session_t {
    upf_session_id_t number;
    upf_filters_id_t filters;       // 0: none
    upf_rule_id_t    rule;          // of packets that no filter finds
    slice_id_t       slice;         // 0: none
}

// What filters look at.
struct upf_packet_t {
    qfi_t          qfi;             // 0: it has none
    ip_protocol_t  protocol;
    bit<8>         tos;
    bool           is_ipv6;
    ipv4_address_t remote;          // the end that is not the UE
    ipv6_address_t remote_ipv6;
    bit<20>        flow_label;      // of IPv6
    bit<1>         has_ports;
    l4_port_t      remote_port;
    l4_port_t      ue_port;
    bit<16>        length;          // of the IP packet
}

control UpfFlow(in upf_session_t session, in upf_packet_t packet, inout tunnel_t tunnel,
                inout standard_metadata_t standard_metadata, out drop_reason_t reason) {
    const bit<2> RED = 2;

    direct_counter(CounterType.packets_and_bytes) rule_counter;
    direct_counter(CounterType.packets_and_bytes) usage_counter;
    direct_meter<bit<2>>(MeterType.bytes) session_meter;
    direct_meter<bit<2>>(MeterType.bytes) flow_meter;
    direct_meter<bit<2>>(MeterType.bytes) slice_meter;
    upf_rule_id_t rule;
    upf_meter_id_t session_limit;
    upf_meter_id_t flow_limit;
    bit<2> colour;

    action apply_rule(upf_rule_id_t number) {
        rule = number;
    }

    // Which rule packets have, by the set of filters.
    table filters {
        key = {
            session.filters    : exact   @name("filters");
            packet.qfi         : ternary @name("qfi");
            packet.protocol    : ternary @name("protocol");
            packet.tos         : ternary @name("tos");
            packet.remote      : ternary @name("remote");
            packet.has_ports   : ternary @name("has_ports");
            packet.remote_port : range   @name("remote_port");
            packet.ue_port     : range   @name("ue_port");
        }
        actions = { apply_rule; @defaultonly NoAction; }
        const default_action = NoAction;
        size = UPF_FILTER_TABLE_SIZE;
    }

    table filters_ipv6 {
        key = {
            session.filters    : exact   @name("filters");
            packet.qfi         : ternary @name("qfi");
            packet.protocol    : ternary @name("protocol");
            packet.tos         : ternary @name("tos");
            packet.flow_label  : ternary @name("flow_label");
            packet.remote_ipv6 : ternary @name("remote");
            packet.has_ports   : ternary @name("has_ports");
            packet.remote_port : range   @name("remote_port");
            packet.ue_port     : range   @name("ue_port");
        }
        actions = { apply_rule; @defaultonly NoAction; }
        const default_action = NoAction;
        size = UPF_FILTER_TABLE_SIZE;
    }

    // To where the packet is for.
    action forward(upf_meter_id_t session_meter_id, upf_meter_id_t flow_meter_id) {
        rule_counter.count();
        session_limit = session_meter_id;
        flow_limit = flow_meter_id;
        reason = DROP_NONE;
    }

    // Into a tunnel.
    action enter(tunnel_peer_id_t tunnel_peer, teid_t teid, qfi_t qfi,
                 upf_meter_id_t session_meter_id, upf_meter_id_t flow_meter_id) {
        rule_counter.count();
        tunnel.required = true;
        tunnel.peer = tunnel_peer;
        tunnel.teid = teid;
        tunnel.qfi = qfi;
        session_limit = session_meter_id;
        flow_limit = flow_meter_id;
        reason = DROP_NONE;
    }

    action discard() {
        rule_counter.count();
    }

    // What becomes of the packets of each rule of a session, and how many there were.
    table rules {
        key = {
            session.number : exact @name("session");
            rule           : exact @name("rule");
        }
        actions = { forward; enter; discard; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = rule_counter;
        size = UPF_RULE_TABLE_SIZE;
    }

    action limit_session() {
        session_meter.read(colour);
    }

    // The maximum bit rates that flows of a session share.
    table session_meters {
        key = {
            session.number : exact @name("session");
            session_limit  : exact @name("meter");
        }
        actions = { limit_session; @defaultonly NoAction; }
        const default_action = NoAction;
        meters = session_meter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action limit_flow() {
        flow_meter.read(colour);
    }

    // The maximum bit rates of flows.
    table flow_meters {
        key = {
            session.number : exact @name("session");
            flow_limit     : exact @name("meter");
        }
        actions = { limit_flow; @defaultonly NoAction; }
        const default_action = NoAction;
        meters = flow_meter;
        size = UPF_SESSION_TABLE_SIZE;
    }

    action limit_slice() {
        slice_meter.read(colour);
    }

    // The maximum bit rates of slices.
    table slice_meters {
        key = { session.slice : exact @name("slice"); }
        actions = { limit_slice; @defaultonly NoAction; }
        const default_action = NoAction;
        meters = slice_meter;
        size = SLICE_TABLE_SIZE;
    }

    action count_usage() {
        usage_counter.count();
    }

    // How many packets of a rule no meter has dropped, where that is asked for.
    table usage {
        key = {
            session.number : exact @name("session");
            rule           : exact @name("rule");
        }
        actions = { count_usage; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = usage_counter;
        size = UPF_RULE_TABLE_SIZE;
    }

    apply {
        reason = DROP_UPF_RULE;
        rule = session.rule;
        session_limit = (upf_meter_id_t) 0;
        flow_limit = (upf_meter_id_t) 0;
        // The embedded switch's counters and meters go by this from here on; bmv2's by the whole frame.
        standard_metadata.packet_length = (bit<32>) packet.length;
        if (session.filters != (upf_filters_id_t) 0) {
            if (packet.is_ipv6) {
                filters_ipv6.apply();
            } else {
                filters.apply();
            }
        }
        rules.apply();
        // Where a meter is named and not there, nothing passes.
        if (reason == DROP_NONE && session_limit != (upf_meter_id_t) 0) {
            colour = RED;
            session_meters.apply();
            if (colour == RED) {
                reason = DROP_UPF_RATE;
            }
        }
        if (reason == DROP_NONE && flow_limit != (upf_meter_id_t) 0) {
            colour = RED;
            flow_meters.apply();
            if (colour == RED) {
                reason = DROP_UPF_RATE;
            }
        }
        if (reason == DROP_NONE && session.slice != (slice_id_t) 0) {
            colour = RED;
            slice_meters.apply();
            if (colour == RED) {
                reason = DROP_UPF_RATE;
            }
        }
        if (reason == DROP_NONE) {
            usage.apply();
        }
    }
}

#endif
