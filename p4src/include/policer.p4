// SPDX-License-Identifier: Apache-2.0
// How often something may happen: the virtual scheduling form of the generic cell rate algorithm
// (ITU-T I.371), one register cell a source, read and written once a packet. It needs no entries, so
// that nothing is unlimited before a controller has come.

#ifndef POLICER_P4
#define POLICER_P4

// Conforms once every `interval` microseconds on average, and up to `tolerance` microseconds early:
// a burst of tolerance / interval + 1 at once.
control Policer(in bit<32> cell, in bit<48> now, in bit<48> interval, in bit<48> tolerance,
                out bool conforms)(bit<32> cells) {
    // When each source's next event is due, in microseconds since the switch started.
    register<bit<48>>(cells) due;

    apply {
        bit<48> next;
        due.read(next, cell);
        if (next < now) {
            next = now;
        }
        conforms = next - now <= tolerance;
        if (conforms) {
            due.write(cell, next + interval);
        }
    }
}

#endif
