// SPDX-License-Identifier: Apache-2.0
// Connections: which of two ends began. That decides in which direction a packet is judged, never whether it may
// pass: an answer is judged as what it answers, so that a change of policies holds from the next packet on, and a
// connection that is still allowed does not notice. A VRF without an entry of `tracking` has nothing of this.
//
//   tracking ─► key ─► four ways to find it ─► direction ─► peers, policies ─► the way is written
//
// Judged at the leaf where a packet enters. Other leaves learn from it: the fabric's tag says whether it is an answer,
// so that both ends' leaves agree, and one that has lost its registers learns who began from the next packet.
// A way is read once and written once at most. It is over when its time is; what is over is written upon.

#ifndef CONNECTIONS_P4
#define CONNECTIONS_P4

typedef bit<3> connection_state_t;
const connection_state_t STATE_NONE        = 0;
const connection_state_t STATE_OPENING     = 1;       // TCP's SYN, SCTP's INIT
const connection_state_t STATE_ESTABLISHED = 2;       // and answered
const connection_state_t STATE_CLOSING     = 3;       // a FIN, a RST; data takes it back
const connection_state_t STATE_GUESSED     = 4;       // a stream whose beginning was not seen
const connection_state_t STATE_UNANSWERED  = 5;       // of other protocols
const connection_state_t STATE_ANSWERED    = 6;
const connection_state_t STATE_ASKED       = 7;       // an echo

// One of the four places where a connection may be: its cell, if it is there; the first free one, if it is not.
// `head` is the flow (64 bits), until when (32), state (3), whether the lower end began (1), and 28 bits for services.
#define CONNECTION_WAY(N)                                                                 \
    register<bit<128>>(CONNECTION_CELLS) head_##N;                                        \
    register<bit<128>>(CONNECTION_CELLS) ends_##N;                                        \
    register<bit<128>>(CONNECTION_CELLS) higher_end_##N;

#define FIND_CONNECTION(N, CELL)                                                          \
    if (!found) {                                                                         \
        bit<128> head;                                                                    \
        head_##N.read(head, CELL);                                                        \
        bool live = head[31:29] != STATE_NONE && head[63:32] - now <= LONGEST_LIFE;       \
        if (head[127:64] == connection.flow) {                                            \
            bit<128> ends;                                                                \
            bit<128> higher_end = 0;                                                      \
            ends_##N.read(ends, CELL);                                                    \
            if (hdr.ipv6.isValid()) {                                                     \
                higher_end_##N.read(higher_end, CELL);                                    \
            }                                                                             \
            found = ends == connection.ends && higher_end == connection.higher_end;       \
        }                                                                                 \
        if (found) {                                                                      \
            way = N;                                                                      \
            state = live ? head[31:29] : STATE_NONE;                                      \
            lower_began = head[28:28];                                                    \
        } else if (!live && way == NO_WAY) {                                              \
            way = N;                                                                      \
        }                                                                                 \
    }

#define WRITE_CONNECTION(N, CELL)                                                         \
    head_##N.write(CELL, head);                                                           \
    if (!found) {                                                                         \
        ends_##N.write(CELL, connection.ends);                                            \
        if (hdr.ipv6.isValid()) {                                                         \
            higher_end_##N.write(CELL, connection.higher_end);                            \
        }                                                                                 \
    }

control Connections(in headers_t hdr, inout metadata_t meta, in standard_metadata_t standard_metadata,
                    out drop_reason_t reason) {
    // Lives, in units of 65,536 us.
    const bit<32> LONGEST_LIFE = 109864;              // 2 h
    const bit<32> LIFE_ANSWERED = 2747;               // 180 s
    const bit<32> LIFE_UNANSWERED = 458;              // 30 s
    const bit<32> LIFE_OPENING = 153;                 // 10 s
    const bit<3> NO_WAY = 4;

    ConnectionKey() connection_key;
    Judgement() judgement;
    Fragments() fragments;
    // By port: packets of connections that found no free way, and are not remembered.
    counter(PORT_COUNT, CounterType.packets) connection_overflows;
    CONNECTION_WAY(0)
    CONNECTION_WAY(1)
    CONNECTION_WAY(2)
    CONNECTION_WAY(3)

    bool tracked;
    bit<1> generation;
    connection_packet_t connection;
    bit<32> now;
    bool found;
    bit<3> way;
    connection_state_t state;
    bit<1> lower_began;

    action track(bit<1> of_policies) {
        tracked = true;
        generation = of_policies;
    }

    // Tenants whose connections are known and whose policies hold, and which generation of these.
    table tracking {
        key = { meta.vrf : exact @name("vrf"); }
        actions = { track; @defaultonly NoAction; }
        const default_action = NoAction;
        size = TRACKING_TABLE_SIZE;
    }

    apply {
        reason = DROP_NONE;
        tracked = false;
        generation = 0;
        if ((hdr.ipv4.isValid() || hdr.ipv6.isValid()) && !meta.flow.link_control) {
            tracking.apply();
        }
        if (!tracked) {
            return;
        }
        now = standard_metadata.ingress_global_timestamp[47:16];
        if (meta.flow.later_fragment == 0) {
            connection_key.apply(hdr, meta, connection);
            found = false;
            way = NO_WAY;
            state = STATE_NONE;
            lower_began = connection.from_lower;
            if (connection.known) {
                FIND_CONNECTION(0, (bit<32>) connection.hash[15:0])
                FIND_CONNECTION(1, (bit<32>) connection.hash[31:16])
                FIND_CONNECTION(2, (bit<32>) connection.other_hash[15:0])
                FIND_CONNECTION(3, (bit<32>) connection.other_hash[31:16])
            }
            bool live = state != STATE_NONE;
            bool against = live && lower_began != connection.from_lower;
            bool answers = against;
            bool fresh = !live;
            bool remember = connection.known && !connection.is_error;
            if (meta.from_edge) {
                // Whoever opens a stream answers nothing; only of one that is established it is not believed.
                if (against && connection.opens) {
                    answers = false;
                    fresh = true;
                    remember = remember && state != STATE_ESTABLISHED;
                }
                meta.reply = answers ? 1w1 : 1w0;
                judgement.apply(hdr, meta, connection, live, answers, generation, reason);
                remember = remember && reason == DROP_NONE;
            } else if (meta.reply == 1) {
                // It would be an answer at both ends, if both began at once: the lower end did, then.
                if (live && !against) {
                    lower_began = 1;
                }
                remember = remember && live;
            } else if (against) {
                // The sender began, if nobody knows better: its leaf may be the only one that saw the beginning.
                answers = false;
                fresh = (connection.opens && state != STATE_ESTABLISHED) || state == STATE_GUESSED
                    || state == STATE_UNANSWERED;
                remember = remember && fresh;
            }
            // An echo's originator is who asks: nobody, as long as it was not seen to.
            if (connection.is_echo && !connection.opens && !live) {
                remember = false;
            }
            if (fresh) {
                lower_began = connection.from_lower;
            }
            bit<32> life = LIFE_UNANSWERED;
            if (connection.is_echo) {
                state = STATE_ASKED;
            } else if (!connection.is_stream) {
                if (answers) {
                    state = STATE_ANSWERED;
                } else if (fresh) {
                    state = STATE_UNANSWERED;
                }
                if (state == STATE_ANSWERED) {
                    life = LIFE_ANSWERED;
                }
            } else {
                if (connection.closes) {
                    state = STATE_CLOSING;
                } else if (fresh) {
                    state = connection.opens ? STATE_OPENING : STATE_GUESSED;
                } else if (state == STATE_CLOSING) {
                    if (connection.opens) {
                        state = STATE_OPENING;
                    } else if (connection.carries) {
                        state = STATE_ESTABLISHED;
                    }
                } else if (answers) {
                    state = STATE_ESTABLISHED;
                } else if (connection.opens && state == STATE_GUESSED) {
                    state = STATE_OPENING;
                }
                if (state == STATE_ESTABLISHED) {
                    life = LONGEST_LIFE;
                } else if (state != STATE_GUESSED) {
                    life = LIFE_OPENING;
                }
            }
            if (remember) {
                bit<128> head = connection.flow ++ (now + life) ++ state ++ lower_began ++ 28w0;
                if (way == 0) {
                    WRITE_CONNECTION(0, (bit<32>) connection.hash[15:0])
                } else if (way == 1) {
                    WRITE_CONNECTION(1, (bit<32>) connection.hash[31:16])
                } else if (way == 2) {
                    WRITE_CONNECTION(2, (bit<32>) connection.other_hash[15:0])
                } else if (way == 3) {
                    WRITE_CONNECTION(3, (bit<32>) connection.other_hash[31:16])
                } else {
                    connection_overflows.count((bit<32>) standard_metadata.ingress_port);
                }
            }
        }
        if (meta.from_edge && reason == DROP_NONE && (meta.ip.fragmented || meta.flow.later_fragment == 1)) {
            fragments.apply(hdr, meta, now, reason);
        }
    }
}

#endif
