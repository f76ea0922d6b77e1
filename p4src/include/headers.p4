// SPDX-License-Identifier: Apache-2.0
// What is on the wire: types, constants and headers, named as the RFCs and 3GPP name them.

#ifndef HEADERS_P4
#define HEADERS_P4

// Types that cross the P4Runtime border are declared with `type`, so that P4Info names them
// and the generated Python bindings use one value class for each.
type bit<9>   port_t;
type bit<48>  mac_address_t;
type bit<32>  ipv4_address_t;
type bit<128> ipv6_address_t;
type bit<12>  vlan_id_t;
type bit<16>  vrf_id_t;
type bit<16>  l4_port_t;
type bit<8>   ip_protocol_t;
type bit<32>  teid_t;
type bit<6>   qfi_t;
type bit<16>  ecmp_group_id_t;
type bit<16>  tunnel_peer_id_t;
type bit<64>  upf_session_id_t;
type bit<16>  upf_filters_id_t;
type bit<8>   upf_rule_id_t;
type bit<8>   upf_meter_id_t;
type bit<16>  slice_id_t;

const bit<9> CPU_PORT = 510;
const bit<32> REPORT_CLONE_SESSION = 510;

const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<16> ETHERTYPE_ARP  = 0x0806;
const bit<16> ETHERTYPE_VLAN = 0x8100;
const bit<16> ETHERTYPE_SERVICE_VLAN = 0x88a8;    // IEEE 802.1ad; the next two stand for it in older devices
const bit<16> ETHERTYPE_SERVICE_VLAN_9100 = 0x9100;
const bit<16> ETHERTYPE_SERVICE_VLAN_9200 = 0x9200;
const bit<16> ETHERTYPE_IPV6 = 0x86dd;
const bit<16> ETHERTYPE_LLDP = 0x88cc;

const bit<8> PROTOCOL_ICMP   = 1;
const bit<8> PROTOCOL_TCP    = 6;
const bit<8> PROTOCOL_UDP    = 17;
const bit<8> PROTOCOL_ICMPV6 = 58;
const bit<8> PROTOCOL_AUTHENTICATION = 51;        // RFC 4302

// IPv6 extension headers that another header follows (IANA's "IPv6 Extension Header Types").
const bit<8> IPV6_HOP_BY_HOP          = 0;
const bit<8> IPV6_ROUTING             = 43;
const bit<8> IPV6_FRAGMENT            = 44;
const bit<8> IPV6_DESTINATION_OPTIONS = 60;
const bit<8> IPV6_MOBILITY            = 135;
const bit<8> IPV6_HOST_IDENTITY       = 139;
const bit<8> IPV6_SHIM6               = 140;

const bit<16> ARP_HARDWARE_ETHERNET = 1;

const bit<16> ARP_REQUEST = 1;
const bit<16> ARP_REPLY   = 2;

const bit<8> ICMPV6_MLD_QUERY              = 130;
const bit<8> ICMPV6_MLD_DONE               = 132;
const bit<8> ICMPV6_ROUTER_SOLICITATION    = 133;
const bit<8> ICMPV6_ROUTER_ADVERTISEMENT   = 134;
const bit<8> ICMPV6_NEIGHBOR_SOLICITATION  = 135;
const bit<8> ICMPV6_NEIGHBOR_ADVERTISEMENT = 136;
const bit<8> ICMPV6_REDIRECT               = 137;
const bit<8> ICMPV6_MLD2_REPORT            = 143;
const bit<8> ND_OPTION_SOURCE_LINK_LAYER_ADDRESS = 1;
const bit<8> ND_OPTION_TARGET_LINK_LAYER_ADDRESS = 2;

const bit<16> UDP_PORT_DHCP_SERVER   = 67;
const bit<16> UDP_PORT_DHCP_CLIENT   = 68;
const bit<16> UDP_PORT_DHCPV6_CLIENT = 546;
const bit<16> UDP_PORT_GTPU          = 2152;
const bit<8>  GTPU_MESSAGE_ECHO_REQUEST     = 1;
const bit<8>  GTPU_MESSAGE_ECHO_RESPONSE    = 2;
const bit<8>  GTPU_MESSAGE_ERROR_INDICATION = 26;
const bit<8>  GTPU_MESSAGE_G_PDU            = 255;
const bit<8>  GTPU_IE_RECOVERY              = 14;
const bit<8>  GTPU_EXTENSION_PDU_SESSION_CONTAINER = 0x85;

const bit<10> IPV6_LINK_LOCAL = 0x3fa;            // fe80::/10

// bmv2's simple_switch.h names these; v1model.p4 does not.
const bit<32> INSTANCE_TYPE_NORMAL       = 0;
const bit<32> INSTANCE_TYPE_INGRESS_CLONE = 1;
const bit<32> INSTANCE_TYPE_EGRESS_CLONE = 2;
const bit<32> INSTANCE_TYPE_REPLICATION  = 5;
const bit<32> INSTANCE_TYPE_DEFLECTED    = 8;     // the embedded switch's own: a copy of what found its queue full

@controller_header("packet_in")
header packet_in_t {
    port_t ingress_port;
    @padding bit<7> padding;
}

@controller_header("packet_out")
header packet_out_t {
    port_t egress_port;
    @padding bit<7> padding;
}

header ethernet_t {
    mac_address_t dst_addr;
    mac_address_t src_addr;
    bit<16>       ether_type;
}

// IEEE 802.1Q
header vlan_t {
    bit<3>    priority;
    bit<1>    drop_eligible;
    vlan_id_t vlan_id;
    bit<16>   ether_type;
}

// RFC 826, for IPv4 over Ethernet
header arp_t {
    bit<16>        hardware_type;
    bit<16>        protocol_type;
    bit<8>         hardware_length;
    bit<8>         protocol_length;
    bit<16>        operation;
    mac_address_t  sender_mac;
    ipv4_address_t sender_ip;
    mac_address_t  target_mac;
    ipv4_address_t target_ip;
}

header ipv4_t {
    bit<4>         version;
    bit<4>         ihl;
    bit<6>         dscp;
    bit<2>         ecn;
    bit<16>        total_length;
    bit<16>        identification;
    bit<3>         flags;
    bit<13>        fragment_offset;
    bit<8>         ttl;
    ip_protocol_t  protocol;
    bit<16>        checksum;
    ipv4_address_t src_addr;
    ipv4_address_t dst_addr;
}

header ipv6_t {
    bit<4>         version;
    bit<6>         dscp;
    bit<2>         ecn;
    bit<20>        flow_label;
    bit<16>        payload_length;
    ip_protocol_t  next_header;
    bit<8>         hop_limit;
    ipv6_address_t src_addr;
    ipv6_address_t dst_addr;
}

// RFC 791: whatever `ihl` counts beyond 5 words.
header ipv4_options_t {
    varbit<320> options;
}

// RFC 8200, section 4, and for IPv4 the authentication header: next header, length, and up to 254 bytes.
header extension_t {
    ip_protocol_t next_header;
    bit<8>        length;
    varbit<2032>  body;
}

header tcp_t {
    l4_port_t src_port;
    l4_port_t dst_port;
    bit<32>   sequence;
    bit<32>   acknowledgement;
    bit<4>    data_offset;
    bit<4>    reserved;
    bit<8>    flags;
    bit<16>   window;
    bit<16>   checksum;
    bit<16>   urgent_pointer;
}

header udp_t {
    l4_port_t src_port;
    l4_port_t dst_port;
    bit<16>   length;
    bit<16>   checksum;
}

// ICMP and ICMPv6 share their first four bytes.
header icmp_t {
    bit<8>  type_;
    bit<8>  code;
    bit<16> checksum;
}

// RFC 4861, sections 4.3 and 4.4: solicitation and advertisement differ only in the flags.
header neighbor_discovery_t {
    bit<32>        flags;
    ipv6_address_t target;
}

header nd_option_t {
    bit<8>        type_;
    bit<8>        length;
    mac_address_t link_layer_address;
}

// 3GPP TS 29.281, section 5.1
header gtpu_t {
    bit<3>  version;
    bit<1>  protocol_type;
    bit<1>  spare;
    bit<1>  extension_flag;
    bit<1>  sequence_flag;
    bit<1>  npdu_flag;
    bit<8>  message_type;
    bit<16> length;
    teid_t  teid;
}

// Present when any of the three flags is set.
header gtpu_options_t {
    bit<16> sequence;
    bit<8>  npdu;
    bit<8>  next_extension;
}

// 3GPP TS 29.281, section 8.2
header gtpu_recovery_t {
    bit<8> type_;
    bit<8> restart_counter;
}

// 3GPP TS 38.415, section 5.5.2: DL (type 0) and UL (type 1) PDU session information, 4 bytes long.
header gtpu_pdu_session_t {
    bit<8> length;          // in units of 4 bytes
    bit<4> pdu_type;
    bit<4> spare;
    bit<2> indicators;      // DL: paging policy presence, reflective QoS
    qfi_t  qfi;
    bit<8> next_extension;
}

// Telemetry Report Format Specification v2.0 of P4.org, section 3: the group, and of the one report in it what all
// reports here have. docs/reference/telemetry-reports.md says what the fields mean.
header report_t {
    bit<4>  version;
    bit<6>  source;             // hw_id: which part of the switch reports
    bit<22> sequence;
    bit<32> node;
    bit<4>  type_;
    bit<4>  inner_type;
    bit<8>  length;             // words behind this one
    bit<8>  metadata_length;    // words of metadata
    bit<8>  flags;
    bit<16> metadata_bits;
    bit<16> domain;
    bit<16> domain_bits;
    bit<16> domain_status;
    bit<16> ingress_port;
    bit<16> egress_port;
}

header report_latency_t {
    bit<32> microseconds;
}

header report_queue_t {
    bit<8>  priority;
    bit<24> depth;
}

header report_time_t {
    bit<64> nanoseconds;
}

header report_drop_t {
    bit<8>  priority;
    bit<8>  reason;
    bit<16> padding;
}

header report_flow_t {
    bit<8>  role;
    bit<8>  flags;
    bit<16> vlan_id;
    bit<32> flow_bytes;
    bit<32> queue_bytes;
}

header report_window_t {
    bit<32> number;
    bit<8>  log2;               // of its length in microseconds
    bit<24> reserved;
}

header report_unreported_t {
    bit<32> packets;
}

header report_left_t {
    bit<32> flow_bytes;
    bit<32> queue_bytes;
    bit<32> flow_before;        // in the window before
    bit<32> queue_before;
}

const bit<8> ROLE_NONE = 0;
const bit<8> ROLE_CULPRIT = 1;
const bit<8> ROLE_PARTICIPANT = 2;
const bit<8> ROLE_VICTIM = 3;
const bit<8> ROLE_DROPPED = 4;

struct headers_t {
    packet_out_t         packet_out;
    packet_in_t          packet_in;
    // A report, in front of the packet that it is about.
    ethernet_t           report_ethernet;
    ipv4_t               report_ipv4;
    udp_t                report_udp;
    report_t             report;
    report_latency_t     report_latency;
    report_queue_t       report_queue;
    report_time_t        report_time;
    report_drop_t        report_drop;
    report_flow_t        report_flow;
    report_window_t      report_window;
    report_unreported_t  report_unreported;
    report_left_t        report_left;
    ethernet_t           ethernet;
    vlan_t               vlan;
    arp_t                arp;
    // The tunnel, on packets that the UPF encapsulates in this switch.
    ipv4_t               outer_ipv4;
    udp_t                outer_udp;
    gtpu_t               outer_gtpu;
    gtpu_options_t       outer_gtpu_options;
    gtpu_pdu_session_t   outer_gtpu_pdu_session;
    // The packet that all functions look at; decapsulation moves the inner packet here.
    ipv4_t               ipv4;
    ipv4_options_t       ipv4_options;
    ipv6_t               ipv6;
    extension_t          extension_1;
    extension_t          extension_2;
    extension_t          extension_3;
    extension_t          extension_4;
    extension_t          extension_5;
    extension_t          extension_6;
    extension_t          extension_7;
    extension_t          extension_8;
    tcp_t                tcp;
    udp_t                udp;
    icmp_t               icmp;
    neighbor_discovery_t neighbor_discovery;
    nd_option_t          nd_option;
    // The inside of a GTP-U packet.
    gtpu_t               gtpu;
    gtpu_options_t       gtpu_options;
    gtpu_pdu_session_t   gtpu_pdu_session;
    gtpu_recovery_t      gtpu_recovery;
    ipv4_t               inner_ipv4;
    ipv4_options_t       inner_ipv4_options;
    ipv6_t               inner_ipv6;
    extension_t          inner_extension_1;
    extension_t          inner_extension_2;
    extension_t          inner_extension_3;
    extension_t          inner_extension_4;
    tcp_t                inner_tcp;
    udp_t                inner_udp;
    icmp_t               inner_icmp;
}

#endif
