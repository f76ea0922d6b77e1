// SPDX-License-Identifier: Apache-2.0
// Whose bytes a queue holds, as ConQuest counts them (Chen et al., CoNEXT 2019): what was in front of a packet
// when it came to a queue is what left the queue while it waited. So bytes that leave are counted by flow in
// windows of time, and a packet that leaves looks at the windows in which it waited.
//
// Eight windows are kept: the current one and the seven before it, each in registers of its own, in turns. A cell
// has the number of its window, and counts nothing in another one: nobody needs to clean it. A flow has
// a cell in each of two rows; what others count there only adds to it, so the smaller one is nearer to the truth.
// Each register is read and written at most once a packet.

#ifndef CULPRITS_P4
#define CULPRITS_P4

// Adds to the current window or reads another one.
#define WINDOW_CELL(REGISTER, CELL, N, BYTES)                                          \
    {                                                                                  \
        bit<64> cell;                                                                  \
        REGISTER##_##N.read(cell, CELL);                                               \
        BYTES = cell[63:32] == this_window ? cell[31:0] : 0;                           \
        if (age == 0) {                                                                \
            BYTES = BYTES + length;                                                    \
            REGISTER##_##N.write(CELL, window ++ BYTES);                               \
        }                                                                              \
    }

#define WINDOW(N)                                                                      \
    age = window[2:0] - N;                                                             \
    if (is_asked || age == 0) {                                                        \
        this_window = window - (bit<32>) age;                                          \
        bit<32> one;                                                                   \
        bit<32> other;                                                                 \
        bit<32> all;                                                                   \
        WINDOW_CELL(row_1, (bit<32>) flow[10:0], N, one)                               \
        WINDOW_CELL(row_2, (bit<32>) flow[26:16], N, other)                            \
        WINDOW_CELL(queue, queue_number, N, all)                                       \
        one = one < other ? one : other;                                               \
        if ((bit<32>) age < waited || age == 0) {                                      \
            flow_bytes = flow_bytes + one;                                             \
            queue_bytes = queue_bytes + all;                                           \
        } else if ((bit<32>) age == waited) {                                          \
            flow_bytes = flow_bytes + one - part_of(one, sixteenths);                    \
            queue_bytes = queue_bytes + all - part_of(all, sixteenths);                  \
        }                                                                              \
        if (age <= (bit<3>) window[1:0]) {                                             \
            flow_left = flow_left + one;                                               \
            queue_left = queue_left + all;                                             \
        } else if (age - 1 - (bit<3>) window[1:0] < 4) {                               \
            flow_before = flow_before + one;                                           \
            queue_before = queue_before + all;                                         \
        }                                                                              \
    }

// What left in so many sixteenths of a window of which all is known.
bit<32> part_of(in bit<32> bytes, in bit<4> sixteenths) {
    return (sixteenths[3:3] == 1 ? bytes >> 1 : 0) + (sixteenths[2:2] == 1 ? bytes >> 2 : 0)
        + (sixteenths[1:1] == 1 ? bytes >> 3 : 0) + (sixteenths[0:0] == 1 ? bytes >> 4 : 0);
}

// Counts a packet that leaves a queue; and, if that is asked for, tells what the queue held in front of it (and
// with it) when it came; what has left in this window of reports, which is four of those here; and what left in the
// one before it. Of each, how much was the flow's.
control Culprits(in bit<32> queue_number,    // of all queues of the switch
                 in bit<32> flow,            // a hash, also of the queue
                 in bit<32> window,          // the number of the current one
                 in bit<32> first,           // and of that in which the packet came,
                 in bit<4> sixteenths,       // when so many of its sixteenths were over
                 in bit<32> length,
                 in bool is_asked,
                 out bit<32> flow_bytes, out bit<32> queue_bytes,
                 out bit<32> flow_left, out bit<32> queue_left,
                 out bit<32> flow_before, out bit<32> queue_before) {
    register<bit<64>>(FLOW_CELLS) row_1_0;
    register<bit<64>>(FLOW_CELLS) row_1_1;
    register<bit<64>>(FLOW_CELLS) row_1_2;
    register<bit<64>>(FLOW_CELLS) row_1_3;
    register<bit<64>>(FLOW_CELLS) row_1_4;
    register<bit<64>>(FLOW_CELLS) row_1_5;
    register<bit<64>>(FLOW_CELLS) row_1_6;
    register<bit<64>>(FLOW_CELLS) row_1_7;
    register<bit<64>>(FLOW_CELLS) row_2_0;
    register<bit<64>>(FLOW_CELLS) row_2_1;
    register<bit<64>>(FLOW_CELLS) row_2_2;
    register<bit<64>>(FLOW_CELLS) row_2_3;
    register<bit<64>>(FLOW_CELLS) row_2_4;
    register<bit<64>>(FLOW_CELLS) row_2_5;
    register<bit<64>>(FLOW_CELLS) row_2_6;
    register<bit<64>>(FLOW_CELLS) row_2_7;
    register<bit<64>>(QUEUE_COUNT) queue_0;
    register<bit<64>>(QUEUE_COUNT) queue_1;
    register<bit<64>>(QUEUE_COUNT) queue_2;
    register<bit<64>>(QUEUE_COUNT) queue_3;
    register<bit<64>>(QUEUE_COUNT) queue_4;
    register<bit<64>>(QUEUE_COUNT) queue_5;
    register<bit<64>>(QUEUE_COUNT) queue_6;
    register<bit<64>>(QUEUE_COUNT) queue_7;

    apply {
        flow_bytes = 0;
        queue_bytes = 0;
        flow_left = 0;
        queue_left = 0;
        flow_before = 0;
        queue_before = 0;
        // Of a longer wait, the end is looked at.
        bit<32> waited = window - first;
        bit<3> age;
        bit<32> this_window;
        WINDOW(0)
        WINDOW(1)
        WINDOW(2)
        WINDOW(3)
        WINDOW(4)
        WINDOW(5)
        WINDOW(6)
        WINDOW(7)
    }
}

#endif
