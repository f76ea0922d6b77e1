// SPDX-License-Identifier: Apache-2.0
// What the controls tell each other about a packet. One writer a field, named beside it.

#ifndef METADATA_P4
#define METADATA_P4

const bit<8> REPORT_FIELDS = 1;     // the field list that a copy for a report keeps

// What a report says of a packet; written by CongestionWatch, DropWatch or Postcards, and of deflected packets by Reports.
struct reported_t {
    @field_list(REPORT_FIELDS) bit<8>  reason;        // why it was dropped; 0: it was not
    @field_list(REPORT_FIELDS) bit<1>  followed;      // Postcards: its flow is followed
    @field_list(REPORT_FIELDS) bit<1>  opened;        // UpfUplink: it came in a tunnel, which was opened
    @field_list(REPORT_FIELDS) bit<9>  ingress_port;
    @field_list(REPORT_FIELDS) bit<9>  egress_port;
    @field_list(REPORT_FIELDS) bit<8>  priority;      // of the queue
    @field_list(REPORT_FIELDS) bit<24> depth;         // packets that were in the queue when this one left it
    @field_list(REPORT_FIELDS) bit<32> wait;          // microseconds that this one waited
    @field_list(REPORT_FIELDS) bit<48> time;          // microseconds since the switch started
    @field_list(REPORT_FIELDS) bit<12> vlan_id;
    @field_list(REPORT_FIELDS) bit<1>  translated;
    @field_list(REPORT_FIELDS) bit<14> entropy;       // of the flow
    @field_list(REPORT_FIELDS) bit<8>  role;          // of the flow, and with it
    @field_list(REPORT_FIELDS) bit<32> flow_bytes;    // how much of the queue was its,
    @field_list(REPORT_FIELDS) bit<32> queue_bytes;   // of how much,
    @field_list(REPORT_FIELDS) bit<32> window;        // in the windows up to this one,
    @field_list(REPORT_FIELDS) bit<8>  window_log2;   // which are so long;
    @field_list(REPORT_FIELDS) bit<32> flow_left;     // in the last of them, so far: how much of what left was its,
    @field_list(REPORT_FIELDS) bit<32> queue_left;    // of how much;
    @field_list(REPORT_FIELDS) bit<32> flow_before;   // and likewise in the one before it
    @field_list(REPORT_FIELDS) bit<32> queue_before;
    @field_list(REPORT_FIELDS) bit<32> unreported;    // packets like this one that were not reported before it
}

// What the parser found out about an IP packet.
struct ip_t {
    ip_protocol_t protocol;         // the transport protocol, behind all extension headers
    bit<16>       header_length;    // bytes in front of the transport header, options and extensions included
    bit<13>       fragment_offset;  // in units of 8 bytes
    bool          fragmented;       // PacketCheck; UpfUplink
    bool          source_routed;    // a Routing header with segments left
    bool          unreadable;       // the transport header cannot be found, or its place be told
    bit<16>       start;            // the first bytes of an extension header, for its size
    bit<32>       fragment;         // the first bytes of all Fragment headers, or-ed
    bit<32>       fragment_id;      // IPv6: of the datagram
}

// What an entry says of an edge port; written by PortFilter.
struct port_rules_t {
    mac_address_t mac;              // of the one host there; 0: any
    bit<1>        addresses_stated;
    bit<1>        dhcp_server;
    bit<1>        ipv6_router;
}

// What an entry says of the network; written by PortFilter.
struct network_t {
    mac_address_t  router_mac;
    bit<32>        flood_interval;
    ipv4_address_t ipv4_scope;
    ipv6_address_t ipv6_scope;
    bit<1>         any_ether_type;
    bit<3>         priority;        // of its packets, and
    bit<1>         by_dscp;         // higher ones by their DSCP
}

// Who sends, as the entry says that admits the source address; written by SourceGuard.
struct source_t {
    identity_t identity;            // 0: none
    bool       is_endpoint;         // one host's, whose place is stated
    bool       is_host;             // the host of the endpoints at this switch
    bool       is_nobodys;          // no address, or of the link only
}

// The flow as firewall, load balancer and hashing see it; written by FlowKey.
struct flow_t {
    ip_protocol_t protocol;
    l4_port_t     src_port;
    l4_port_t     dst_port;
    bit<8>        tcp_flags;
    bit<1>        later_fragment;
    bool          link_control;     // address resolution and groups of the link: nothing that policies are about
    bit<32>       hash;
}

// How to wrap the packet on its way out; written by UpfDownlink.
struct tunnel_t {
    bool             required;
    tunnel_peer_id_t peer;
    teid_t           teid;
    qfi_t            qfi;
    ipv4_address_t   src_addr;
    ipv4_address_t   dst_addr;
}

struct metadata_t {
    bool           nested_tags;   // FabricParser
    bool           service_tag;   // FabricParser: the outermost tag is one
    ip_t           ip;            // FabricParser; UpfUplink, when the inner packet takes the outer one's place
    ip_t           inner_ip;      // FabricParser
    bit<16>        ip_length;     // PacketCheck: bytes of the IP packet, as its header says; UpfUplink
    port_rules_t   port;
    network_t      network;
    bool           from_edge;     // PortFilter: a tenant's port, not a link of the fabric
    bool           to_edge;       // EgressVlan
    vlan_id_t      vlan_id;       // PortFilter; Routing, when the packet changes networks
    vrf_id_t       vrf;           // PortFilter (of the network); UpfUplink (of the data network)
    bool           routed;        // Gateway; UpfUplink
    vrf_id_t       route_vrf;     // Routing: its own, or the tunnel's
    ipv4_address_t route_dst;     // Routing: the packet's destination, or the tunnel's
    vrf_id_t       tunnel_vrf;    // UpfDownlink: where the tunnel's far end is routed
    ecmp_group_id_t ecmp_group;   // Bridging; 0 is none
    bool           nd_reply;      // AddressResolution: the ICMPv6 checksum is to be computed
    source_t       source;
    flow_t         flow;
    bit<1>         reply;         // PortFilter, of the fabric's packets; Connections: it answers its connection's first
    policy_rule_t  policy_rule;   // Policies: the last rule that took it; 0 is none
    tunnel_t       tunnel;
    bit<1>         followed;      // FollowedFlows
    bit<32>        path;          // Remedies: chooses among equal-cost paths; the flow's hash, mostly
    bit<2>         color;         // Remedies: of a policed flow's packet
    bool           translated;    // LoadBalancer; LoadBalancerReply
    reported_t     reported;
    bool           as_it_came;    // Reports: a dropped packet is shown with the checksum that it had
}

#endif
