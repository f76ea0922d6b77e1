/* Captures: a pcap file for what each port receives and one for what it sends, named after its interface as bmv2
 * names them (s1-eth1_in.pcap, s1-eth1_out.pcap; port1_in.pcap where there is no interface).
 *
 * Threads. The worker writes frames into a ring and goes on; a thread of this module's own writes them to the
 * files. Where the files are too slow the ring is full, and frames are missing in them: they are counted, and no
 * packet waits. Files are opened while the worker is parked. */
#ifndef P4_CAPTURE_H
#define P4_CAPTURE_H

#include <stdbool.h>
#include <stdint.h>

struct capture;

enum capture_direction { CAPTURE_IN, CAPTURE_OUT, CAPTURE_DIRECTIONS };

struct capture_report { /* of one port */
    char name[16];
    int32_t errors[CAPTURE_DIRECTIONS]; /* errno of a file that is written no further */
    uint64_t frames[CAPTURE_DIRECTIONS], lost[CAPTURE_DIRECTIONS];
};

/* `held`: the files have the time of the engine's clock, which is not that of the day. */
struct capture *capture_open(const char *folder, bool held, int *error);
void capture_close(struct capture *capture); /* what is in the ring is written first; NULL is nothing */

/* The control thread's. A port that was removed and comes again goes on with its files. */
int capture_add(struct capture *capture, uint16_t number, const char *name); /* errno, 0: done */
uint32_t capture_reports(struct capture *capture, struct capture_report *reports, uint32_t most);

/* The worker's. `at_ns` is the engine's clock. */
void capture_frame(struct capture *capture, uint16_t number, enum capture_direction direction, uint64_t at_ns,
                   const uint8_t *frame, uint32_t length);
void capture_flush(struct capture *capture); /* the end of a round */

#endif
