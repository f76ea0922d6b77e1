// SPDX-License-Identifier: Apache-2.0
// The pipeline of a p4fabric leaf or spine, for v1model (softswitch, bmv2).
//
//   parser ─► PacketIo ─► PortFilter ─► AddressResolution ─► Gateway ─► UpfUplink ─► LoadBalancer
//                │ LLDP       │ closed        │ ARP, ND for        │ (edge ports only)      │
//                ▼            ▼ ports: drop   ▼ fabric's own IPs   │                        ▼
//            controller                     reply                  │    Routing ◄─ UpfDownlink ◄─ Firewall
//                                                                  └──────►│
//   deparser ◄─ UpfEncapsulation ◄─ CongestionWatch ◄─ LoadBalancerReply   ▼
//                                        │ clone        ▲◄─ EgressVlan ◄─ Bridging ─► queue
//                                        ▼
//                         recirculate ─► CongestionReport ─► digest
//
// A tenant's frame is judged once, at the leaf where it enters: which network and VRF its port stands
// for, tunnel off, virtual IP to server, firewall, tunnel to be put on, route. It then carries its
// network's VLAN id and the MAC address of its destination, which is all that spines and the
// last leaf look at.
//
// All tables start empty and nothing passes: ports, networks and egress are opened by entries.
// A virtual IP's replies are turned back where they leave the fabric; congestion is judged on every
// queue that an entry watches.

#include <core.p4>
#include <v1model.p4>

#include "include/sizes.p4"
#include "include/headers.p4"
#include "include/metadata.p4"
#include "include/parser.p4"
#include "include/checksum.p4"
#include "include/packet_io.p4"
#include "include/port_filter.p4"
#include "include/address_resolution.p4"
#include "include/flow_key.p4"
#include "include/firewall.p4"
#include "include/load_balancer.p4"
#include "include/upf.p4"
#include "include/forwarding.p4"
#include "include/telemetry.p4"

control FabricIngress(inout headers_t hdr, inout metadata_t meta,
                      inout standard_metadata_t standard_metadata) {
    PacketIo() packet_io;
    PortFilter() port_filter;
    AddressResolution() address_resolution;
    Gateway() gateway;
    UpfUplink() upf_uplink;
    FlowKey() flow_key;
    LoadBalancer() load_balancer;
    Firewall() firewall;
    UpfDownlink() upf_downlink;
    Routing() routing;
    Bridging() bridging;
    CongestionReport() congestion_report;

    apply {
        if (standard_metadata.instance_type == INSTANCE_TYPE_RECIRCULATED) {
            congestion_report.apply(hdr, meta);
            mark_to_drop(standard_metadata);
            return;
        }
        bool done;
        packet_io.apply(hdr, standard_metadata, done);
        if (done) {
            return;
        }
        bool permitted;
        port_filter.apply(hdr, meta, standard_metadata, permitted);
        if (!permitted || standard_metadata.checksum_error == 1) {
            mark_to_drop(standard_metadata);
            return;
        }
        address_resolution.apply(hdr, meta, standard_metadata, done);
        if (done) {
            return;
        }
        bool dropped;
        gateway.apply(hdr, meta);
        upf_uplink.apply(hdr, meta, dropped);
        if (dropped) {
            mark_to_drop(standard_metadata);
            return;
        }
        flow_key.apply(hdr, meta);
        if (meta.from_edge) {
            load_balancer.apply(hdr, meta);
            firewall.apply(hdr, meta, dropped);
            if (dropped) {
                mark_to_drop(standard_metadata);
                return;
            }
            upf_downlink.apply(hdr, meta, dropped);
            if (dropped) {
                mark_to_drop(standard_metadata);
                return;
            }
            routing.apply(hdr, meta, dropped);
            if (dropped) {
                mark_to_drop(standard_metadata);
                return;
            }
        }
        bridging.apply(hdr, meta, standard_metadata);
    }
}

control FabricEgress(inout headers_t hdr, inout metadata_t meta,
                     inout standard_metadata_t standard_metadata) {
    EgressVlan() egress_vlan;
    LoadBalancerReply() load_balancer_reply;
    CongestionWatch() congestion_watch;
    UpfEncapsulation() upf_encapsulation;

    apply {
        if (standard_metadata.instance_type == INSTANCE_TYPE_EGRESS_CLONE) {
            truncate(REPORT_PACKET_LENGTH);
            recirculate_preserving_field_list(REPORT_FIELDS);
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
        bool permitted;
        egress_vlan.apply(hdr, meta, standard_metadata, permitted);
        // A flooded frame does not go back where it came from.
        if (!permitted || (standard_metadata.instance_type == INSTANCE_TYPE_REPLICATION
                           && standard_metadata.egress_port == standard_metadata.ingress_port)) {
            mark_to_drop(standard_metadata);
            return;
        }
        load_balancer_reply.apply(hdr, meta);
        congestion_watch.apply(meta, standard_metadata);
        upf_encapsulation.apply(hdr, meta);
    }
}

V1Switch(FabricParser(), FabricVerifyChecksum(), FabricIngress(), FabricEgress(),
         FabricComputeChecksum(), FabricDeparser()) main;
