// SPDX-License-Identifier: Apache-2.0
// What headers can be besides plain: stacks, unions, fields of variable and of any width; and loops. The first
// byte of a packet says which of them follow and what is done, the others are operands.
//
//   0x0? stack of items | 0x1? a union's member, 0x18 two of them | 0x2? options | 0x3? wide fields | 0x4? nothing

#include <core.p4>
#include <v1model.p4>

header ask_t { bit<8> op; bit<8> number; bit<8> index; bit<8> answer; bit<16> error_code; bit<16> length; }
header item_t { bit<7> value; bit<1> last; bit<8> tag; }
header short_t { bit<8> kind; bit<8> value; }
header long_t { bit<8> kind; bit<24> value; }
header options_t { bit<4> four; bit<12> twelve; varbit<64> content; bit<16> sum; }
header wide_t { bit<200> a; bit<200> b; bit<3> odd; bit<261> unaligned; int<160> signed; }

header_union either_t { short_t little; long_t large; }

struct headers_t {
    ask_t ask;
    item_t[4] items;
    item_t[4] copies;
    either_t either;
    either_t[2] several;
    options_t options;
    options_t spare;
    wide_t wide;
}

struct metadata_t { bit<16> hash; }

parser Parse(packet_in packet, out headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    state start {
        packet.extract(hdr.ask);
        transition select(hdr.ask.op) {
            0x00 &&& 0xf0: item;
            0x18: several;
            0x10 &&& 0xf0: either;
            0x20 &&& 0xf0: options;
            0x30 &&& 0xf0: wide;
            default: accept;
        }
    }
    state item {
        packet.extract(hdr.items.next);
        hdr.ask.answer = (bit<8>)hdr.items.lastIndex;
        transition select(hdr.items.last.last) {
            0: item;
            default: accept;
        }
    }
    state either {
        transition select(packet.lookahead<bit<8>>()) {
            1: little;
            default: large;
        }
    }
    state little { packet.extract(hdr.either.little); transition accept; }
    state large { packet.extract(hdr.either.large); transition accept; }
    state several {
        transition select(packet.lookahead<bit<8>>()) {
            1: several_little;
            2: several_large;
            default: accept;
        }
    }
    state several_little { packet.extract(hdr.several.next.little); transition several; }
    state several_large { packet.extract(hdr.several.next.large); transition several; }
    state options {
        packet.extract(hdr.options, (bit<32>)hdr.ask.number);
        transition accept;
    }
    state wide {
        bit<144> ahead = packet.lookahead<bit<144>>();
        hdr.ask.answer = (bit<8>)(ahead >> 136);
        packet.extract(hdr.wide);
        transition accept;
    }
}

control Verify(inout headers_t hdr, inout metadata_t meta) {
    apply { }
}

control In(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    register<bit<200>>(8) cells;

    action put(bit<200> value) {
        hdr.wide.b = value;
    }
    table wides {
        key = { hdr.wide.a: ternary; hdr.ask.index: exact; }
        actions = { put; NoAction; }
        default_action = NoAction();
    }
    action loop() {
        bit<8> sum = 0;
        for (bit<8> i = 1; i <= hdr.ask.number; i = i + 1) {
            sum = sum + i;
        }
        hdr.ask.answer = sum;
    }
    action stack() {
        if (hdr.ask.op == 1) {
            hdr.items.push_front(1);
            hdr.items[0].setValid();
            hdr.items[0].value = hdr.ask.number[6:0];
        } else if (hdr.ask.op == 2) {
            hdr.items.push_front(3);
        } else if (hdr.ask.op == 3) {
            hdr.items.pop_front(1);
        } else if (hdr.ask.op == 4) {
            hdr.items.pop_front(3);
        }
    }
    action wide() {
        if (hdr.ask.op == 0x31) {
            hdr.wide.a = hdr.wide.a + hdr.wide.b;
            hdr.wide.unaligned = hdr.wide.unaligned - 1;
        } else if (hdr.ask.op == 0x32) {
            hdr.wide.b = (hdr.wide.a << hdr.ask.index) ^ ~hdr.wide.b;
            hdr.ask.answer = hdr.wide.a[151:144];
        } else if (hdr.ask.op == 0x33) {
            hdr.wide.a = hdr.wide.a |+| hdr.wide.b;
            hdr.wide.b = hdr.wide.a[99:0] ++ hdr.wide.b[199:100];
        } else if (hdr.ask.op == 0x34) {
            hdr.wide.signed = hdr.wide.signed >> hdr.ask.index;
            hdr.wide.unaligned = hdr.wide.unaligned * 3;
        } else if (hdr.ask.op == 0x35) {
            hdr.ask.answer = (hdr.wide.a > hdr.wide.b) ? 8w1 : 8w2;
            if (hdr.wide.signed < 0) { hdr.ask.answer = hdr.ask.answer + 10; }
            if (hdr.wide.a == hdr.wide.b) { hdr.ask.answer = hdr.ask.answer + 20; }
        }
    }
    apply {
        standard.egress_spec = 2;
        if (standard.parser_error == error.PacketTooShort) { hdr.ask.error_code = 1; }
        if (standard.parser_error == error.StackOutOfBounds) { hdr.ask.error_code = 2; }
        if (standard.parser_error == error.HeaderTooShort) { hdr.ask.error_code = 3; }
        if (standard.parser_error == error.ParserInvalidArgument) { hdr.ask.error_code = 4; }
        if (hdr.ask.op == 0x40) {
            loop();
        } else if (hdr.ask.op == 0x41) {
            truncate((bit<32>)hdr.ask.number);
            truncate(200);
            standard.mcast_grp = (bit<16>)hdr.ask.index;
        } else if (hdr.ask.op == 0x42) {
            random(hdr.ask.answer, hdr.ask.number, hdr.ask.index);
        } else if (hdr.ask.op == 5) {
            hdr.ask.answer = hdr.items[hdr.ask.index].tag;
        } else if (hdr.ask.op == 6) {
            hdr.items[hdr.ask.index].tag = hdr.ask.number;
        } else if (hdr.ask.op == 7) {
            hdr.copies = hdr.items;
            hdr.items.pop_front(4);
        } else if (hdr.ask.op[7:4] == 0) {
            stack();
        } else if (hdr.ask.op == 0x11) {
            hdr.either.large.setValid();
            hdr.either.large.kind = 9;
        } else if (hdr.ask.op == 0x12) {
            hdr.either.little.setInvalid();
        } else if (hdr.ask.op == 0x13) {
            hdr.ask.answer = hdr.either.isValid() ? (hdr.either.little.isValid() ? 8w1 : 8w2) : 8w0;
        } else if (hdr.ask.op == 0x21) {
            hdr.spare = hdr.options;
        } else if (hdr.ask.op == 0x22) {
            hdr.options.setInvalid();
        } else if (hdr.ask.op == 0x36) {
            wides.apply();
        } else if (hdr.ask.op == 0x37) {
            cells.write((bit<32>)hdr.ask.index, hdr.wide.a);
        } else if (hdr.ask.op == 0x38) {
            cells.read(hdr.wide.b, (bit<32>)hdr.ask.index);
        } else if (hdr.ask.op[7:4] == 3) {
            wide();
        }
    }
}

control Out(inout headers_t hdr, inout metadata_t meta, inout standard_metadata_t standard) {
    apply {
        hdr.ask.length = (bit<16>)standard.packet_length;
    }
}

control Compute(inout headers_t hdr, inout metadata_t meta) {
    apply {
        update_checksum(hdr.options.isValid(), { hdr.options.four, hdr.options.twelve, hdr.options.content },
            hdr.options.sum, HashAlgorithm.csum16);
    }
}

control Deparse(packet_out packet, in headers_t hdr) {
    apply {
        packet.emit(hdr.ask);
        packet.emit(hdr.items);
        packet.emit(hdr.copies);
        packet.emit(hdr.either);
        packet.emit(hdr.several);
        packet.emit(hdr.options);
        packet.emit(hdr.spare);
        packet.emit(hdr.wide);
    }
}

V1Switch(Parse(), Verify(), In(), Out(), Compute(), Deparse()) main;
