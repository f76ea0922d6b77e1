/* Deflection of packets that find their queue full, as Tofino's deflect-on-drop: instead of a dropped packet, a copy
 * of at most DEFLECTED_BYTES of it (and at least its parsed headers) goes through egress to the ports of a clone
 * session, so that the program can report it.
 *
 * The program sees instance_type 8, in egress_port the session's port, and of the packet that was dropped: egress_spec
 * (its port), priority, enq_qdepth (how many waited), enq_timestamp (when it was dropped), packet_length, and all
 * headers and metadata as ingress left them. deq_timedelta is how many were dropped at the queue since the last
 * one that was deflected. Copies are not deflected again. */
#ifndef P4_DEFLECT_H
#define P4_DEFLECT_H

#include "packet.h"

enum { DEFLECTED_BYTES = 128 };

struct deflection {
    uint32_t session;     /* 0: off */
    uint32_t rate, burst; /* of each queue's token bucket: copies a second, and at once */
};

struct engine;
struct port;

/* A packet is about to be dropped, at a time by the engine's clock. It stays the caller's. */
void deflect(struct engine *engine, struct port *port, struct packet *packet, uint64_t ns);

#endif
