// SPDX-License-Identifier: Apache-2.0
// Why packets are dropped. Every drop in ingress counts under its reason and the port it came in at,
// so that an operator sees who sends what the fabric does not let pass.

#ifndef DROPS_P4
#define DROPS_P4

// controller/telemetry/drops.py has the same numbers under the names that users see.
typedef bit<5> drop_reason_t;
const drop_reason_t DROP_NONE                 = 0;
const drop_reason_t DROP_CLOSED               = 1;   // no network is open here for this tag
const drop_reason_t DROP_CONTROL_FRAME        = 2;   // LLDP where no link may be; IEEE 802.1 reserved address
const drop_reason_t DROP_NESTED_TAG           = 3;   // a VLAN tag behind a VLAN tag, or a service tag
const drop_reason_t DROP_ETHERTYPE            = 4;   // neither IP nor ARP, in a network that has subnets
const drop_reason_t DROP_SOURCE_MAC           = 5;   // multicast, the router's, or not the stated one
const drop_reason_t DROP_MALFORMED            = 6;   // version, lengths, headers that cannot be parsed
const drop_reason_t DROP_CHECKSUM             = 7;   // of the IPv4 header
const drop_reason_t DROP_FRAGMENT             = 8;   // would overlap the transport header, or is too long
const drop_reason_t DROP_SOURCE_ROUTED        = 9;   // a Routing header with segments left
const drop_reason_t DROP_SOURCE_ADDRESS       = 10;  // nobody at this port may send as this address
const drop_reason_t DROP_ADDRESS_ELSEWHERE    = 11;  // the address was learned at another place
const drop_reason_t DROP_ARP                  = 12;  // malformed ARP
const drop_reason_t DROP_NEIGHBOR_DISCOVERY   = 13;  // malformed Neighbor Discovery
const drop_reason_t DROP_ROUTER_ADVERTISEMENT = 14;  // or a redirect, from a port that is not trusted with it
const drop_reason_t DROP_DHCP_SERVER          = 15;  // a DHCP answer, from a port that is not trusted with it
const drop_reason_t DROP_TUNNEL               = 16;  // to an N3 address, but of no session; too much about a path
const drop_reason_t DROP_FIREWALL             = 17;
const drop_reason_t DROP_TUNNEL_PEER          = 18;  // a session whose gNB is not known
const drop_reason_t DROP_TTL                  = 19;
const drop_reason_t DROP_DESTINATION          = 20;  // an address that is not routed
const drop_reason_t DROP_NO_ROUTE             = 21;
const drop_reason_t DROP_FLOOD                = 22;  // more broadcast, multicast, unknown unicast than allowed
const drop_reason_t DROP_SAME_PORT            = 24;  // bridged to where it came from: its receiver has it
const drop_reason_t DROP_FRAGMENT_REPLY       = 23;  // in egress: a server's fragment that hides its port
const drop_reason_t DROP_HEALTH_REPLY         = 25;  // more answers to health checks than are asked for
const drop_reason_t DROP_POLICY_EGRESS        = 26;  // a policy of the sender, or what is its connection's first
const drop_reason_t DROP_POLICY_INGRESS       = 27;  // a policy of the receiver, likewise
const drop_reason_t DROP_UPF_RULE             = 28;  // no rule of its session takes it, or one says so
const drop_reason_t DROP_UPF_RATE             = 29;  // more than a session, a flow or a slice may
const drop_reason_t DROP_POLICED              = 30;  // more than a remedy for congestion lets through
const drop_reason_t DROP_POLICY_FRAGMENT      = 31;  // no policy has let the fragment before it pass

// Counters are indexed by port and reason: 32 cells a port.
const bit<32> DROP_COUNTER_SIZE = 16384;

// Numbers of reasons in reports. Where SD-Fabric has one for the same, it is that; the others begin at 192.
// controller/telemetry/drop_reasons.py has the same.
typedef bit<8> reported_reason_t;
const reported_reason_t REPORTED_NONE        = 0;
const reported_reason_t REPORTED_TTL         = 26;
const reported_reason_t REPORTED_NO_ROUTE    = 29;
const reported_reason_t REPORTED_CLOSED      = 55;
const reported_reason_t REPORTED_QUEUE_FULL  = 71;
const reported_reason_t REPORTED_FIREWALL    = 80;
const reported_reason_t REPORTED_TUNNEL      = 134;
const reported_reason_t REPORTED_TUNNEL_PEER = 138;
const reported_reason_t REPORTED_OTHERS      = 192;  // and the reason

#endif
