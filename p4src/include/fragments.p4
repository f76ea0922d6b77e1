// SPDX-License-Identifier: Apache-2.0
// Later fragments, which show no ports: they follow the first fragment of their datagram if policies let it pass, in
// the half minute after it (RFC 1122, section 3.3.2, lets receivers wait about as long). One that comes before
// it is dropped, as is one whose datagram lost its cell to another.

#ifndef FRAGMENTS_P4
#define FRAGMENTS_P4

control Fragments(in headers_t hdr, in metadata_t meta, in bit<32> now, inout drop_reason_t reason) {
    const bit<32> LIFE = 458;                         // 30 s in units of 65,536 us

    // Of the last datagram with this hash: until when its fragments may pass, VRF, protocol, identification; sender;
    // receiver.
    register<bit<128>>(FRAGMENT_CELLS) datagrams;
    register<bit<128>>(FRAGMENT_CELLS) senders;
    register<bit<128>>(FRAGMENT_CELLS) receivers;

    apply {
        bit<128> src = (bit<128>) (bit<32>) hdr.ipv4.src_addr;
        bit<128> dst = (bit<128>) (bit<32>) hdr.ipv4.dst_addr;
        bit<32> identification = (bit<32>) hdr.ipv4.identification;
        bit<1> is_ipv6 = 0;
        if (hdr.ipv6.isValid()) {
            src = (bit<128>) hdr.ipv6.src_addr;
            dst = (bit<128>) hdr.ipv6.dst_addr;
            identification = meta.ip.fragment_id;
            is_ipv6 = 1;
        }
        bit<64> datagram = (bit<16>) meta.vrf ++ (bit<8>) meta.ip.protocol ++ is_ipv6 ++ 7w0 ++ identification;
        bit<32> hashed;
        hash(hashed, HashAlgorithm.crc32, (bit<32>) 0, { datagram, src, dst }, (bit<64>) 0x100000000);
        bit<32> cell = (bit<32>) hashed[11:0];
        if (meta.flow.later_fragment == 0) {
            datagrams.write(cell, 32w0 ++ (now + LIFE) ++ datagram);
            senders.write(cell, src);
            receivers.write(cell, dst);
        } else {
            bit<128> known;
            bit<128> sender;
            bit<128> receiver;
            datagrams.read(known, cell);
            senders.read(sender, cell);
            receivers.read(receiver, cell);
            // Unsigned: what is over is far ahead.
            if (known[63:0] != datagram || known[95:64] - now > LIFE || sender != src || receiver != dst) {
                reason = DROP_POLICY_FRAGMENT;
            }
        }
    }
}

#endif
