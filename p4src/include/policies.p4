// SPDX-License-Identifier: Apache-2.0
// Whether the ends of a connection may talk, by who they are: what an administrator says, then a network's own
// policies, then the baseline; first for the originator's side (egress), then for the responder's (ingress).
//
//   admin ─(pass, miss)─► network ─(pass, miss)─► baseline ─(pass, miss)─► allowed
//
// Addresses became identities before, so that one rule is one entry for both IP versions, however many have them.
// A change of many entries is made for the generation that no packet is of, which then becomes that of all.

#ifndef POLICIES_P4
#define POLICIES_P4

// What is judged: the connection as its first packet had it.
struct judged_t {
    identity_t   src_identity;      // of the originator; 0: nobody says
    identity_t   dst_identity;      // of the responder
    port_class_t port_class;        // of the responder's port; 0: none
    bit<16>      icmp;              // type and code; 0: another protocol
}

const bit<2> VERDICT_NONE = 0;
const bit<2> VERDICT_ALLOW = 1;
const bit<2> VERDICT_DENY = 2;

control PolicyTier(in vrf_id_t vrf, in bit<1> generation, in judged_t judged, inout policy_rule_t policy_rule,
                   out bit<2> verdict) {
    direct_counter(CounterType.packets_and_bytes) rule_counter;

    action allow(policy_rule_t rule) {
        rule_counter.count();
        policy_rule = rule;
        verdict = VERDICT_ALLOW;
    }

    action deny(policy_rule_t rule) {
        rule_counter.count();
        policy_rule = rule;
        verdict = VERDICT_DENY;
    }

    // The next tier decides.
    action pass(policy_rule_t rule) {
        rule_counter.count();
        policy_rule = rule;
    }

    // One entry for each pair of blocks of identities and block of ports that a rule names. Whoever is isolated
    // has a deny of everybody behind these.
    table rules {
        key = {
            vrf                 : exact   @name("vrf");
            generation          : ternary @name("generation");
            judged.src_identity : ternary @name("src_identity");
            judged.dst_identity : ternary @name("dst_identity");
            judged.port_class   : ternary @name("port_class");
            judged.icmp         : ternary @name("icmp");
        }
        actions = { allow; deny; pass; @defaultonly NoAction; }
        const default_action = NoAction;
        counters = rule_counter;
        size = POLICY_TABLE_SIZE;
    }

    apply {
        verdict = VERDICT_NONE;
        rules.apply();
    }
}

control PolicyTiers(in vrf_id_t vrf, in bit<1> generation, in judged_t judged, inout policy_rule_t policy_rule,
                    out bool denied) {
    PolicyTier() admin;
    PolicyTier() network;
    PolicyTier() baseline;

    apply {
        bit<2> verdict;
        admin.apply(vrf, generation, judged, policy_rule, verdict);
        if (verdict == VERDICT_NONE) {
            network.apply(vrf, generation, judged, policy_rule, verdict);
        }
        if (verdict == VERDICT_NONE) {
            baseline.apply(vrf, generation, judged, policy_rule, verdict);
        }
        denied = verdict == VERDICT_DENY;
    }
}

control Policies(in vrf_id_t vrf, in bit<1> generation, in ip_protocol_t protocol, in l4_port_t port,
                 inout judged_t judged, inout policy_rule_t policy_rule, out drop_reason_t reason) {
    PolicyTiers() egress;
    PolicyTiers() ingress;

    action classify(port_class_t port_class) {
        judged.port_class = port_class;
    }

    // Blocks of the ports of a protocol that some rule tells apart.
    table port_classes {
        key = {
            vrf        : exact   @name("vrf");
            generation : ternary @name("generation");
            protocol   : exact   @name("protocol");
            port       : ternary @name("port");
        }
        actions = { classify; @defaultonly NoAction; }
        const default_action = NoAction;
        size = PORT_CLASS_TABLE_SIZE;
    }

    apply {
        bool denied;
        reason = DROP_NONE;
        port_classes.apply();
        egress.apply(vrf, generation, judged, policy_rule, denied);
        if (denied) {
            reason = DROP_POLICY_EGRESS;
        } else {
            ingress.apply(vrf, generation, judged, policy_rule, denied);
            if (denied) {
                reason = DROP_POLICY_INGRESS;
            }
        }
    }
}

#endif
