/* A packet on its way through the switch.
 *
 * Ownership: one packet belongs to one list or function at a time; packet_free gives it back to the pool
 * of the pipeline that parsed it. Only the worker thread touches packets.
 * Layout: struct packet | parsed headers and metadata (struct phv, the generated code's) | room | frame. */
#ifndef P4_PACKET_H
#define P4_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef unsigned __int128 u128;
typedef __int128 i128;

struct phv;
struct pipeline;

enum { LONGEST_FRAME = 9216, NO_TRUNCATION = 0xffffffff, PRIORITIES = 8 };

/* Values of standard_metadata.instance_type, as bmv2's simple_switch has them, and one that it never makes. */
enum instance_type {
    INSTANCE_NORMAL = 0,
    INSTANCE_INGRESS_CLONE = 1,
    INSTANCE_EGRESS_CLONE = 2,
    INSTANCE_RECIRCULATED = 4,
    INSTANCE_REPLICATION = 5,
    INSTANCE_RESUBMITTED = 6,
    INSTANCE_DEFLECTED = 8, /* deflect.h */
};

struct standard_metadata {
    uint16_t ingress_port, egress_spec, egress_port, mcast_grp, egress_rid;
    uint8_t checksum_error, priority, _padding;
    uint32_t instance_type, packet_length, parser_error;
    uint32_t enq_timestamp, enq_qdepth, deq_timedelta, deq_qdepth;
    uint64_t ingress_global_timestamp, egress_global_timestamp;
};

/* What actions asked for; done at the end of ingress or egress. */
struct requests {
    uint32_t clone_session, truncate;
    uint16_t clone_list, resubmit_list, recirculate_list, digest_list;
    bool clone, resubmit, recirculate, digest, exited;
};

struct packet {
    struct packet *next;
    struct pipeline *pipeline;
    uint8_t *data;           /* the frame's first byte */
    uint32_t length;         /* the frame's bytes */
    uint32_t parsed;         /* of these, how many the parser has consumed */
    uint32_t ingress_length; /* as it arrived */
    uint32_t counted_length; /* what counters and meters count: as it arrived, unless the program has set packet_length */
    uint32_t wire_length;    /* bmv2's packet length: grows and shrinks with setValid and setInvalid */
    uint32_t limit;          /* a clone session's longest copy, NO_TRUNCATION without */
    uint16_t queue_port;
    uint8_t queue_priority;
    bool deflected; /* a copy of a packet that found its queue full; its queueing metadata is that packet's */
    uint64_t at_ns;          /* when it came to where it is, had the worker never been kept waiting */
    uint64_t enqueued_ns;    /* the same, when it came to its queue */
    uint32_t trace, copy;    /* the trace that it belongs to (0: none), and which copy of its packet it is */
    struct requests requests;
    struct standard_metadata standard_metadata;
    _Alignas(64) uint8_t phv[];
};

static inline struct phv *packet_phv(struct packet *packet)
{
    return (struct phv *)packet->phv;
}

#endif
