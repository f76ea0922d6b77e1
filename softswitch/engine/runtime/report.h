/* Bins to a collector: Telemetry Report 2.0 in UDP datagrams, by a socket of the switch itself.
 *
 * The worker sends and never waits: what the socket does not take is counted, and shows as a gap in the sequence. Sent
 * are the bins around those that are worth it (watch.h), every few milliseconds, and once a second for each
 * watched port a report without bins, so that silence is not taken for calm. */
#ifndef P4_REPORT_H
#define P4_REPORT_H

#include <stdbool.h>
#include <stdint.h>

enum { LONGEST_REPORT = 1400 }; /* bytes of a datagram */

struct engine;

struct reporter {
    int fd; /* connected; -1: there is no collector */
    uint32_t node, sequence;
    uint64_t due_ns, beat_ns; /* since the engine's start; `due_ns` UINT64_MAX: nothing waits to be sent */
    uint32_t length;
    uint8_t datagram[LONGEST_REPORT];
    uint64_t datagrams, refused, bytes, bins; /* refused: of the datagrams, by the socket; bytes and bins that were not */
    uint32_t bins_in_datagram;
};

void reports_begin(struct engine *engine, int fd, uint32_t node); /* fd -1: end; takes the descriptor */
void reports_run(struct engine *engine, uint64_t now_ns);
uint64_t reports_due_ns(const struct reporter *reporter);

#endif
