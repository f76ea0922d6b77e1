// SPDX-License-Identifier: Apache-2.0
// Each construct that the engine runs, chosen by the packet itself: a command header behind Ethernet says
// which, and its operands carry values in and results out.

#include <core.p4>
#include <v1model.p4>

const bit<16> ETHERTYPE_COMMAND = 0x88b5;
const bit<16> ETHERTYPE_IPV4 = 0x0800;
const bit<8> KEPT = 1;

error { BadVersion }

header ethernet_t { bit<48> dst; bit<48> src; bit<16> ether_type; }

header command_t {
    bit<4>   version;      // must be 1
    bit<4>   skip;         // words of 4 bytes behind the header that the parser skips
    bit<8>   op;
    bit<16>  error_code;
    bit<32>  a;
    bit<32>  b;
    bit<48>  c;
    bit<16>  d;
    bit<128> wide;
    bit<3>   odd;
    bit<13>  rest;
}

header extra_t { bit<32> first; bit<32> second; }

header ipv4_t {
    bit<4> version; bit<4> ihl; bit<8> tos; bit<16> length; bit<16> id; bit<3> flags; bit<13> offset;
    bit<8> ttl; bit<8> protocol; bit<16> checksum; bit<32> src; bit<32> dst;
}

header udp_t { bit<16> src; bit<16> dst; bit<16> length; bit<16> checksum; }

struct headers_t { ethernet_t ethernet; command_t command; extra_t extra; ipv4_t ipv4; udp_t udp; }

struct metadata_t {
    @field_list(KEPT) bit<32> kept;
    bit<32> lost;
    bit<16> group;
    bit<8>  peek;
    bit<8>  range_key;
}

struct report_t { bit<9> port; bit<48> mac; bit<32> a; bit<128> wide; }

parser P(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    state start {
        packet.extract(hdr.ethernet);
        transition select(hdr.ethernet.ether_type) {
            ETHERTYPE_COMMAND: command;
            ETHERTYPE_IPV4: ipv4;
            default: accept;
        }
    }
    state command {
        packet.extract(hdr.command);
        verify(hdr.command.version == 1, error.BadVersion);
        packet.advance((bit<32>) hdr.command.skip << 5);
        transition select(hdr.command.op) {
            0x40 &&& 0xf0: extra;
            default: accept;
        }
    }
    state extra {
        meta.peek = packet.lookahead<bit<8>>();
        packet.extract(hdr.extra);
        transition accept;
    }
    state ipv4 {
        packet.extract(hdr.ipv4);
        transition select(hdr.ipv4.protocol) { 17: udp; default: accept; }
    }
    state udp { packet.extract(hdr.udp); transition accept; }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply {
        verify_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.length, hdr.ipv4.id, hdr.ipv4.flags,
              hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
    }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    counter(16, CounterType.packets_and_bytes) seen;
    direct_counter(CounterType.packets_and_bytes) route_counter;
    register<bit<48>>(32) cells;
    action_selector(HashAlgorithm.crc16, 128, 16) paths;

    action send(bit<9> port) { sm.egress_spec = port; }
    action drop() { mark_to_drop(sm); }
    action mark(bit<32> value) { hdr.command.b = value; }
    action mark_wide(bit<128> value) { hdr.command.wide = value; }
    action to_group(bit<16> group) { sm.mcast_grp = group; }
    action choose(bit<16> group) { meta.group = group; }
    action extra_swap() { bit<32> first = hdr.extra.first; hdr.extra.first = hdr.extra.second; hdr.extra.second = first; }
    action exit_now() { hdr.command.b = 98; exit; }
    action routed(bit<9> port, bit<48> mac) { sm.egress_spec = port; hdr.ethernet.dst = mac; hdr.ipv4.ttl = hdr.ipv4.ttl - 1; }

    table ports {
        key = { sm.ingress_port : exact; }
        actions = { send; drop; to_group; choose; }
        default_action = drop;
        size = 64;
    }
    table routes {
        key = { hdr.ipv4.dst : lpm; }
        actions = { routed; drop; }
        default_action = drop;
        counters = route_counter;
        size = 1024;
    }
    table rules {
        key = { hdr.command.a : ternary; hdr.command.d : ternary; hdr.command.odd : exact; }
        actions = { mark; @defaultonly NoAction; }
        const default_action = NoAction;
        size = 1024;
    }
    table spans {
        key = { hdr.command.d : range; hdr.command.wide : optional; }
        actions = { mark; mark_wide; NoAction; }
        default_action = mark(0xdeadbeef);
        size = 256;
    }
    table listed {
        key = { hdr.command.a : exact; }
        actions = { mark; NoAction; }
        default_action = NoAction;
        const entries = {
            7 : mark(70);
            8 : mark(80);
        }
    }
    table members {
        key = { meta.group : exact; hdr.command.c : selector; hdr.command.d : selector; }
        actions = { mark; NoAction; }
        implementation = paths;
        size = 16;
    }

    apply {
        if (sm.parser_error != error.NoError) { hdr.command.error_code = sm.parser_error == error.BadVersion ? 16w1 : 2; sm.egress_spec = 2; return; }
        if (hdr.ipv4.isValid()) {
            if (sm.checksum_error == 1) { mark_to_drop(sm); return; }
            routes.apply();
            return;
        }
        if (!hdr.command.isValid()) { mark_to_drop(sm); return; }
        ports.apply();
        if (sm.instance_type == 0) { meta.kept = hdr.command.a; meta.lost = hdr.command.a; }
        bit<8> op = hdr.command.op;
        if (op == 1) { rules.apply(); }
        else if (op == 2) { spans.apply(); }
        else if (op == 3) { if (listed.apply().hit) { hdr.command.d = 1; } else { hdr.command.d = 2; } }
        else if (op == 4) { seen.count(hdr.command.a); }
        else if (op == 5) { cells.write(hdr.command.a, hdr.command.c); }
        else if (op == 6) { cells.read(hdr.command.c, hdr.command.a); }
        else if (op == 7) { hash(hdr.command.b, HashAlgorithm.crc32, (bit<32>) 0, { hdr.command.a, hdr.command.c }, (bit<64>) 0x100000000); }
        else if (op == 8) { hash(hdr.command.b, HashAlgorithm.crc16, (bit<32>) 100, { hdr.command.odd, hdr.command.rest, hdr.command.a }, (bit<32>) 50); }
        else if (op == 9) { members.apply(); }
        else if (op == 10) { digest<report_t>(1, { sm.ingress_port, hdr.ethernet.src, hdr.command.a, hdr.command.wide }); }
        else if (op == 11) { clone_preserving_field_list(CloneType.I2E, 5, KEPT); hdr.command.b = 1; }
        else if (op == 12) {
            if (sm.instance_type == 0) { resubmit_preserving_field_list(KEPT); }
            else { hdr.command.b = meta.kept; hdr.command.c = (bit<48>) meta.lost; hdr.command.d = (bit<16>) sm.instance_type; sm.egress_spec = 2; }
        }
        else if (op == 13 && sm.instance_type == 4) { hdr.command.b = meta.kept + 1; hdr.command.c = (bit<48>) meta.lost; sm.egress_spec = 2; }
        else if (op == 15) { hdr.command.b = hdr.command.a - 1; hdr.command.d = (bit<16>) (hdr.command.c >> 20); hdr.command.wide = hdr.command.wide + 1; hdr.command.odd = hdr.command.odd + 7; }
        else if (op == 16) { hdr.extra.setValid(); hdr.extra.first = 0x11223344; hdr.extra.second = sm.packet_length; }
        else if (op == 17) { hdr.command.b = (bit<32>) ((int<32>) hdr.command.a >> 4); hdr.command.d = (bit<16>) ((int<16>) hdr.command.d |+| 16s100); hdr.command.c = hdr.command.c |-| 5; }
        else if (op == 18) { random(hdr.command.b, 10, 13); }
        else if (op == 19) { if (hdr.command.wide[127:96] == hdr.command.a) { hdr.command.b = 1; } else { hdr.command.b = (bit<32>) (hdr.command.a < hdr.command.b ? 2w2 : 3); } }
        else if (op == 0x41) { hdr.command.b = (bit<32>) meta.peek; extra_swap(); }
        else if (op == 0x42) { hdr.extra.setInvalid(); }
        else if (op == 0x43) { exit_now(); hdr.command.b = 99; }
    }
}

control Out(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t sm) {
    register<bit<32>>(8) passes;
    apply {
        if (!hdr.command.isValid()) { return; }
        if (sm.instance_type == 1 || sm.instance_type == 2) {   // clones
            hdr.command.b = meta.kept;
            hdr.command.a = meta.lost;
            hdr.command.d = sm.egress_rid;
            hdr.command.rest = (bit<13>) sm.instance_type;
            return;
        }
        bit<8> op = hdr.command.op;
        if (op == 13 && hdr.command.b == 0) { recirculate_preserving_field_list(KEPT); }
        else if (op == 14) { clone_preserving_field_list(CloneType.E2E, 5, KEPT); hdr.command.b = 2; }
        else if (op == 20) { truncate(hdr.command.a); }
        else if (op == 21) { hdr.command.d = sm.egress_rid; hdr.command.rest = (bit<13>) sm.instance_type; hdr.command.b = (bit<32>) sm.egress_port; }
        else if (op == 22) { mark_to_drop(sm); }
        else if (op == 23) { bit<32> n; passes.read(n, 3); passes.write(3, n + 1); hdr.command.b = n; }
        else if (op == 24) { hdr.command.a = sm.deq_timedelta; hdr.command.b = (bit<32>) sm.enq_qdepth; hdr.command.d = (bit<16>) sm.deq_qdepth; hdr.command.c = sm.egress_global_timestamp - sm.ingress_global_timestamp; }
    }
}

control Compute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.ipv4.isValid(),
            { hdr.ipv4.version, hdr.ipv4.ihl, hdr.ipv4.tos, hdr.ipv4.length, hdr.ipv4.id, hdr.ipv4.flags,
              hdr.ipv4.offset, hdr.ipv4.ttl, hdr.ipv4.protocol, hdr.ipv4.src, hdr.ipv4.dst },
            hdr.ipv4.checksum, HashAlgorithm.csum16);
        update_checksum_with_payload(hdr.udp.isValid(),
            { hdr.ipv4.src, hdr.ipv4.dst, 8w0, hdr.ipv4.protocol, hdr.udp.length,
              hdr.udp.src, hdr.udp.dst, hdr.udp.length },
            hdr.udp.checksum, HashAlgorithm.csum16);
    }
}

control D(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ethernet);
        packet.emit(hdr.command);
        packet.emit(hdr.extra);
        packet.emit(hdr.ipv4);
        packet.emit(hdr.udp);
    }
}

V1Switch(P(), Verify(), In(), Out(), Compute(), D()) main;
