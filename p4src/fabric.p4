// SPDX-License-Identifier: Apache-2.0
// The pipeline of a p4fabric leaf or spine, for v1model (softswitch, bmv2).
//
//   parser ─► PacketIo ─► PortFilter ─► PacketCheck ─► SourceGuard ─► AddressResolution ─► Gateway ─► HealthReplies
//               │ LLDP      │ closed       └──(edge ports only)──┘        │ ARP, ND for                 │    │ servers'
//               ▼           ▼ ports: drop        │ who has which          ▼ fabric's own IPs            │    ▼ answers
//           controller                           ▼ address              reply                          │ controller
//                                            controller                                                ▼
//                                                    FollowedFlows ◄─ FlowKey ◄─ TransportCheck ◄─ UpfUplink ─► GTP-U echo; errors: controller
//                                                          ▼
//           Remedies ◄─ Routing ◄─ UpfDownlink ◄─ Connections ◄─ Firewall ◄─ LoadBalancer (edge ports only)
//                ▼
//         TrafficClass
//                ▼
//            Bridging
//                │ flood: policed
//                ▼
//              queue ─► EgressVlan ─► LoadBalancerReply ─► CongestionWatch, Postcards ─► Marking ─► UpfEncapsulation ─► deparser
//                │ full: copy                                   │ copy
//                └───────────────────────► queue ◄──────────────┘
//                                            └─► Reports ─► controller
//
// A tenant's frame is judged once, at the leaf where it enters: which network and VRF its port stands
// for, whether it is what it says and comes from who it says, tunnel off, virtual IP to server, firewall, tunnel to be put on, route, priority. It then carries its
// network's VLAN id, its priority and the MAC address of its destination, which is all that spines and the
// last leaf look at.
//
// All tables start empty and nothing passes: ports, networks, sources and egress are opened by entries. Every
// drop counts by port and reason (drops.p4), and some are reported by a copy (drop_watch.p4).
// Who talks to whom is judged by identity; connections say which of two ends began (connections.p4), at edge ports and
// from what comes by links.
// A virtual IP's replies are turned back where they leave the fabric; congestion is judged on every
// queue that an entry watches, and reported by a copy of the packet that met it.

#include <core.p4>
#include <v1model.p4>

#include "include/sizes.p4"
#include "include/headers.p4"
#include "include/metadata.p4"
#include "include/parser.p4"
#include "include/checksum.p4"
#include "include/drops.p4"
#include "include/policer.p4"
#include "include/drop_watch.p4"
#include "include/packet_io.p4"
#include "include/port_filter.p4"
#include "include/packet_check.p4"
#include "include/source_guard.p4"
#include "include/address_resolution.p4"
#include "include/health_replies.p4"
#include "include/flow_key.p4"
#include "include/firewall.p4"
#include "include/load_balancer.p4"
#include "include/connection_key.p4"
#include "include/policies.p4"
#include "include/identities.p4"
#include "include/fragments.p4"
#include "include/connections.p4"
#include "include/upf_path.p4"
#include "include/upf_flow.p4"
#include "include/upf.p4"
#include "include/traffic_class.p4"
#include "include/forwarding.p4"
#include "include/remedies.p4"
#include "include/culprits.p4"
#include "include/telemetry.p4"
#include "include/postcards.p4"
#include "include/reports.p4"

control FabricIngress(inout headers_t hdr, inout metadata_t meta,
                      inout standard_metadata_t standard_metadata) {
    counter(DROP_COUNTER_SIZE, CounterType.packets) ingress_drops;
    PacketIo() packet_io;
    PortFilter() port_filter;
    PacketCheck() packet_check;
    SourceGuard() source_guard;
    HostReport() host_report;
    AddressResolution() address_resolution;
    Gateway() gateway;
    HealthReplies() health_replies;
    UpfUplink() upf_uplink;
    TransportCheck() transport_check;
    FlowKey() flow_key;
    FollowedFlows() followed_flows;
    LoadBalancer() load_balancer;
    Firewall() firewall;
    Connections() connections;
    UpfDownlink() upf_downlink;
    Routing() routing;
    Remedies() remedies;
    TrafficClass() traffic_class;
    Bridging() bridging;
    DropWatch() drop_watch;

    action discard(drop_reason_t reason) {
        ingress_drops.count((bit<32>) standard_metadata.ingress_port << 5 | (bit<32>) reason);
        mark_to_drop(standard_metadata);
    }

    apply {
        bool done;
        drop_reason_t reason;
        packet_io.apply(hdr, standard_metadata, done, reason);
        if (!done) {
            port_filter.apply(hdr, meta, standard_metadata, reason);
            if (reason == DROP_NONE && meta.from_edge) {
                packet_check.apply(hdr, meta, standard_metadata, reason);
                if (reason == DROP_NONE) {
                    source_guard.apply(hdr, meta, standard_metadata, reason);
                    host_report.apply(hdr, meta, standard_metadata, reason);
                }
            } else if (reason == DROP_NONE && standard_metadata.checksum_error == 1) {
                reason = DROP_CHECKSUM;
            }
            if (reason == DROP_NONE) {
                address_resolution.apply(hdr, meta, standard_metadata, done);
                if (!done) {
                    gateway.apply(hdr, meta);
                    health_replies.apply(hdr, meta, standard_metadata, done, reason);
                }
                if (!done) {
                    upf_uplink.apply(hdr, meta, standard_metadata, done, reason);
                }
                if (!done) {
                    if (reason == DROP_NONE && meta.from_edge) {
                        transport_check.apply(hdr, meta, reason);
                    }
                    if (reason == DROP_NONE) {
                        flow_key.apply(hdr, meta);
                        followed_flows.apply(hdr, meta);
                        if (meta.from_edge) {
                            load_balancer.apply(hdr, meta);
                            firewall.apply(hdr, meta, reason);
                        }
                        if (reason == DROP_NONE) {
                            connections.apply(hdr, meta, standard_metadata, reason);
                        }
                        if (reason == DROP_NONE && meta.from_edge) {
                            upf_downlink.apply(hdr, meta, standard_metadata, reason);
                            if (reason == DROP_NONE) {
                                routing.apply(hdr, meta, reason);
                            }
                        }
                        if (reason == DROP_NONE) {
                            remedies.apply(hdr, meta, reason);
                        }
                        if (reason == DROP_NONE) {
                            traffic_class.apply(hdr, meta, standard_metadata);
                            bridging.apply(hdr, meta, standard_metadata, reason);
                        }
                    }
                }
            }
        }
        if (reason != DROP_NONE) {
            discard(reason);
            bool report;
            drop_watch.apply(meta, standard_metadata, standard_metadata.ingress_port, reason,
                             standard_metadata.ingress_global_timestamp, report);
            if (report) {
                clone_preserving_field_list(CloneType.I2E, REPORT_CLONE_SESSION, REPORT_FIELDS);
            }
        }
    }
}

control FabricEgress(inout headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    counter(DROP_COUNTER_SIZE, CounterType.packets) egress_drops;
    EgressVlan() egress_vlan;
    LoadBalancerReply() load_balancer_reply;
    CongestionWatch() congestion_watch;
    Postcards() postcards;
    Marking() marking;
    UpfEncapsulation() upf_encapsulation;
    DropWatch() drop_watch;
    Reports() reports;

    action discard(drop_reason_t reason) {
        egress_drops.count((bit<32>) standard_metadata.egress_port << 5 | (bit<32>) reason);
        mark_to_drop(standard_metadata);
    }

    apply {
        if (standard_metadata.instance_type == INSTANCE_TYPE_EGRESS_CLONE
            || standard_metadata.instance_type == INSTANCE_TYPE_INGRESS_CLONE
            || standard_metadata.instance_type == INSTANCE_TYPE_DEFLECTED) {
            reports.apply(hdr, meta, standard_metadata);
            return;
        }
        if (standard_metadata.egress_port == CPU_PORT) {
            hdr.packet_in.setValid();
            hdr.packet_in.ingress_port = (port_t) standard_metadata.ingress_port;
            hdr.packet_in.padding = 0;
            return;
        }
        if (standard_metadata.ingress_port == CPU_PORT) {
            return;
        }
        drop_reason_t reason;
        bool report;
        egress_vlan.apply(hdr, meta, standard_metadata, reason);
        // A flooded frame does not go back where it came from.
        if (standard_metadata.instance_type == INSTANCE_TYPE_REPLICATION
            && standard_metadata.egress_port == standard_metadata.ingress_port) {
            mark_to_drop(standard_metadata);
            return;
        }
        if (reason == DROP_NONE) {
            load_balancer_reply.apply(hdr, meta, reason);
        }
        if (reason != DROP_NONE) {
            discard(reason);
            drop_watch.apply(meta, standard_metadata, standard_metadata.egress_port, reason,
                             standard_metadata.egress_global_timestamp, report);
            meta.reported.egress_port = standard_metadata.egress_port;
            if (report) {
                clone_preserving_field_list(CloneType.E2E, REPORT_CLONE_SESSION, REPORT_FIELDS);
            }
            return;
        }
        congestion_watch.apply(meta, standard_metadata, report);
        // One copy at most is made of a packet: the next one of the flow says where it was.
        if (!report && meta.followed == 1) {
            postcards.apply(hdr, meta, standard_metadata, report);
        }
        if (report) {
            clone_preserving_field_list(CloneType.E2E, REPORT_CLONE_SESSION, REPORT_FIELDS);
        }
        marking.apply(hdr, standard_metadata);
        upf_encapsulation.apply(hdr, meta);
    }
}

V1Switch(FabricParser(), FabricVerifyChecksum(), FabricIngress(), FabricEgress(),
         FabricComputeChecksum(), FabricDeparser()) main;
