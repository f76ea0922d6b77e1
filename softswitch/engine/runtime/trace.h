/* What happens to packets that are traced, as records in a ring for the control plane.
 *
 * The worker writes, for packets whose `trace` is not 0. The runtime's share (queues, copies, drops) is always
 * compiled in and costs a look at the packet; the program's share (states, tables, fields) is in code that is
 * generated for tracing only and takes the place of the other while somebody traces. */
#ifndef P4_TRACE_H
#define P4_TRACE_H

#include "pipeline.h"
#include "ring.h"

enum trace_kind {
    TRACE_RECEIVED,  /* value: port; the frame */
    TRACE_STATE,     /* value: parser state */
    TRACE_PARSED,    /* value: parser error */
    TRACE_CONDITION, /* value: twice the conditional's number, and 1 if it is true */
    TRACE_TABLE,     /* value: table; words: hit, target kind, ref, priority + 2^31, key, and of a hit the entry's */
    TRACE_ACTION,    /* value: action; words of its arguments */
    TRACE_FIELDS,    /* standard metadata, then all headers and metadata, when they have changed */
    TRACE_CLONED,    /* value: session */
    TRACE_MULTICAST, /* value: group */
    TRACE_COPIED,    /* of a new copy; value: the copy that it was made of */
    TRACE_DIGEST,    /* value: list */
    TRACE_QUEUED,    /* value: port; words: priority, depth */
    TRACE_EGRESS,    /* value: port; words: depth behind it, microseconds in the queue */
    TRACE_DEPARSED,  /* the frame */
    TRACE_AGAIN,     /* value: instance type */
    TRACE_SENT,      /* value: port */
    TRACE_DROPPED,   /* value: reason */
    TRACE_END,       /* of one copy */
    TRACE_LOG,       /* value: the message's number; values of 128 bits */
    TRACE_ASSERT,    /* value: the number of the assertion that failed */
};

struct trace_head { /* of each record */
    uint32_t copy, value;
    uint64_t time_ns, sequence; /* a gap in the sequence: the ring was full */
};

struct trace_filter { /* which packets; addresses are compared where the masks are 1 */
    int32_t port, protocol; /* -1: any */
    uint32_t family;        /* 4, 6; 0: no look at the frame */
    uint8_t source[16], source_mask[16], destination[16], destination_mask[16];
};

struct tracer {
    struct ring ring;
    struct trace_filter filter;
    uint64_t left; /* packets that may be traced still */
    uint64_t sequence;
    uint32_t traces, copies;
    uint32_t fields_of, fields_copy; /* whose `fields` are */
    uint32_t room;                   /* bytes of `record` behind its head, and of `fields` */
    struct trace_head *record;
    uint8_t *fields;
};

bool tracer_open(struct tracer *tracer, uint32_t phv_size);
void tracer_close(struct tracer *tracer);

/* Traces a packet that has just been received, if it is one that is asked for. */
void trace_begin(struct tracer *tracer, struct packet *packet, uint32_t port);
void trace_inherit(struct packet *copy, const struct packet *packet);

void trace_put(struct packet *packet, enum trace_kind kind, uint32_t value, const void *bytes, uint32_t length);
void trace_fields(struct packet *packet);
/* `key_words` of masked fields and `range_words` values; `entry` NULL: a miss. */
void trace_table(struct packet *packet, uint32_t table, struct target target, const uint64_t *key,
                 uint32_t key_words, uint32_t range_words, const struct entry *entry);

static inline void trace(struct packet *packet, enum trace_kind kind, uint32_t value)
{
    if (__builtin_expect(packet->trace, 0))
        trace_put(packet, kind, value, NULL, 0);
}

static inline bool trace_condition(struct packet *packet, uint32_t number, bool truth)
{
    trace(packet, TRACE_CONDITION, 2 * number + truth);
    return truth;
}

#endif
