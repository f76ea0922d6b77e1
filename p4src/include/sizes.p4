// SPDX-License-Identifier: Apache-2.0
// Table, group and register sizes: what one leaf of an edge data centre needs.
// They are promises to the controller (P4Info carries them), so raise them here and nowhere else.

#ifndef SIZES_P4
#define SIZES_P4

const int PORT_VLAN_TABLE_SIZE = 4096;            // (port, VLAN) pairs that may send
const int EGRESS_VLAN_TABLE_SIZE = 4096;          // (port, VLAN) pairs that may receive
const int LINK_PORT_TABLE_SIZE = 512;             // ports where another switch may be
const int SOURCE_IPV4_TABLE_SIZE = 65536;         // subnets, hosts and routed prefixes that may send
const int SOURCE_IPV6_TABLE_SIZE = 65536;
const int NETWORK_TABLE_SIZE = 4094;              // tenant networks: every VLAN id
const int GATEWAY_TABLE_SIZE = 4094;              // one router MAC address a network
const int ARP_RESPONDER_TABLE_SIZE = 8192;        // IPv4 gateways, virtual and N3 addresses
const int ND_RESPONDER_TABLE_SIZE = 8192;         // IPv6 gateways
const int BRIDGING_TABLE_SIZE = 65536;            // MAC addresses in the fabric
const int ROUTING_IPV4_TABLE_SIZE = 65536;        // hosts (/32) and prefixes behind routers
const int ROUTING_IPV6_TABLE_SIZE = 32768;
const int ECMP_GROUP_TABLE_SIZE = 1024;           // one group a destination leaf
const int ECMP_SELECTOR_SIZE = 8192;              // members of all groups together
const int FIREWALL_IPV4_TABLE_SIZE = 8192;
const int FIREWALL_IPV6_TABLE_SIZE = 4096;
const int VIRTUAL_IP_TABLE_SIZE = 4096;           // (address, protocol, port) of services
const int VIRTUAL_IP_SELECTOR_SIZE = 32768;       // pool members of all services together
const int VIRTUAL_IP_REPLY_TABLE_SIZE = 32768;    // one entry a pool member
const int HEALTH_REPLY_TABLE_SIZE = 8192;         // pool members that are asked by TCP
const int UPF_INTERFACE_TABLE_SIZE = 64;          // N3 addresses
const int UPF_SESSION_TABLE_SIZE = 65536;         // PDU sessions, each direction
const int UPF_RULE_TABLE_SIZE = 131072;           // rules of PDU sessions, each direction
const int UPF_FILTER_TABLE_SIZE = 16384;          // flows that sessions tell apart, each direction
const int SLICE_TABLE_SIZE = 1024;
const int UPF_TUNNEL_PEER_TABLE_SIZE = 4096;      // gNBs
const int CONGESTION_WATCH_TABLE_SIZE = 512;      // one entry a port
const int REPORT_DESTINATION_TABLE_SIZE = 16;     // ports that reports leave at
#define MAXIMUM_GROUP_SIZE 64                     // members of one selector group
const bit<32> QUEUE_COUNT = 4096;                 // 512 ports of 8 queues
const bit<32> QUEUE_WAIT_COUNTER_SIZE = 65536;    // 16 lengths of time for each queue
const bit<32> QUEUE_REPORT_KINDS = 8192;          // two for each queue
const bit<32> FLOW_CELLS = 2048;                  // of each window and row; see culprits.p4
const bit<32> REPORTED_FLOW_CELLS = 4096;
const int FOLLOWED_FLOW_TABLE_SIZE = 256;         // flows whose paths are told
const int REMEDIED_FLOW_TABLE_SIZE = 256;         // flows that are rerouted or limited, of each IP version
const int MARKING_TABLE_SIZE = 512;               // one entry a port
const bit<32> FOLLOWED_FLOW_CELLS = 1024;
const bit<32> PORT_COUNT = 512;
const bit<32> REPORT_POLICER_COUNT = 2048;        // 512 ports; ARP, Neighbor Discovery, answers to the fabric

// How often what reaches the controller may come from one port, in microseconds: see policer.p4.
const bit<48> PROBE_INTERVAL = 50000;             // 20 LLDP frames a second, 11 at once
const bit<48> PROBE_TOLERANCE = 500000;
const bit<48> REPORT_INTERVAL = 5000;             // 200 ARP and 200 ND reports a second, 101 at once
const bit<48> REPORT_TOLERANCE = 500000;
const bit<48> HEALTH_REPLY_INTERVAL = 20000;      // 50 answers to health checks a second, 26 at once
const bit<48> HEALTH_REPLY_TOLERANCE = 500000;
const bit<48> ECHO_INTERVAL = 5000;               // 200 GTP-U echo requests a second, 101 at once, from a port
const bit<48> ECHO_TOLERANCE = 500000;
const bit<48> ERROR_INDICATION_INTERVAL = 50000;  // 20 GTP-U error indications a second, 26 at once, from a port
const bit<48> ERROR_INDICATION_TOLERANCE = 1250000;
const bit<48> UNKNOWN_TUNNEL_INTERVAL = 50000;    // 20 packets in unknown tunnels a second, 26 at once, from a port
const bit<48> UNKNOWN_TUNNEL_TOLERANCE = 1250000;
const bit<48> DROP_REPORT_INTERVAL = 200000;      // of a port's drops for one reason 5 reports a second, 6 at once
const bit<48> DROP_REPORT_TOLERANCE = 1000000;
const bit<48> ALL_DROP_REPORTS_INTERVAL = 2000;   // of a switch 500 a second, 251 at once
const bit<48> ALL_DROP_REPORTS_TOLERANCE = 500000;
const bit<48> PORT_QUEUE_REPORT_INTERVAL = 1000;  // of a port's queues 1,000 a second, 251 at once
const bit<48> PORT_QUEUE_REPORT_TOLERANCE = 250000;
// Bytes for which a port sends one report of a culprit and one of another flow, of some 250 bytes each; and 32 of
// each at once.
const bit<32> QUEUE_REPORT_PRICE = 40960;
const bit<32> QUEUE_REPORT_CREDIT = 1269760;
const bit<48> ALL_QUEUE_REPORTS_INTERVAL = 500;   // of a switch 2,000 a second, 501 at once
const bit<48> ALL_QUEUE_REPORTS_TOLERANCE = 250000;
const bit<48> POSTCARD_INTERVAL = 50000;          // of a followed flow 20 reports a second, 11 at once
const bit<48> POSTCARD_TOLERANCE = 500000;
const bit<48> ALL_POSTCARDS_INTERVAL = 2000;      // of a switch 500 a second, 251 at once
const bit<48> ALL_POSTCARDS_TOLERANCE = 500000;
const bit<48> FLOOD_TOLERANCE = 100000;           // 100 ms' worth of the network's rate at once

// The queue of packet-outs and packet-ins; nothing else's. Reports have queue 6, by their clone session.
const bit<3> CONTROL_PRIORITY = 7;
const bit<3> HIGHEST_PRIORITY = 5;                // of everything else

#endif
