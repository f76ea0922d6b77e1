/* What a watched port's queues were like, millisecond by millisecond: for each priority a ring of bins.
 *
 * A bin that nothing happened in (none came, none waited) is not kept. Bins go by the queues' time, in which a worker
 * that comes late does no harm as long as frames bring the time at which they came. Where they do not (AF_XDP,
 * memory ports), what the worker has not seen is not made up: such bins have the depth that stood, and are late.
 *
 * Ownership: a port has its watch (port.c frees it), the worker writes, and whoever reads bins holds `control`, so that
 * the watch stays, but does not stop the worker. All times are nanoseconds since the engine's start. */
#ifndef P4_WATCH_H
#define P4_WATCH_H

#include "packet.h"

enum { BIN_NS = 1000000, BINS = 2048, BINS_READABLE = BINS - 1 };
enum bin_flags { BIN_LATE = 1, BIN_AFTER_GAP = 2 };

struct bin {
    uint64_t start_ns;
    uint32_t depth, depth_ns; /* the most packets that waited at once, and how long after the start it was reached */
    uint32_t wait_ns;         /* the longest that a packet had waited which left the queue */
    uint32_t packets, bytes;  /* that came and found room */
    uint32_t drops;           /* packets that found none */
    uint32_t flags;
};

struct film { /* of one queue */
    struct bin open;
    struct bin *bins;  /* the n-th to be closed stands at n % BINS */
    uint64_t closed;   /* how many ever were; readers look at it, too */
    uint64_t last_ns;  /* the start of the last one */
    uint32_t depth;    /* packets that wait now */
    bool used;
    /* report.c: bins `sent` to `send_to` are to be sent; those that begin before `hot_until_ns` will be */
    uint64_t sent, send_to, sent_ns, hot_until_ns;
};

struct watch { /* of one port */
    struct film films[PRIORITIES];
    uint32_t report_depth, report_wait_ns; /* from where on a bin is worth being sent */
    uint64_t late_from_ns, late_to_ns;     /* when the worker last did not see what came */
    uint64_t certain_ns;                   /* what happened before is known, and in closed bins */
    bool stirred;                          /* bins have something in them, or will */
};

struct engine;
struct port;

struct watch *watch_open(uint64_t now_ns); /* NULL: out of memory */
void watch_close(struct watch *watch);
/* The bin that holds a time is the open one from now on, or stays it if the time is earlier. */
void film_turn(struct watch *watch, struct film *film, uint64_t ns);

/* At the beginning of a round: what came since the last one may have come at any time. */
void watches_wake(struct engine *engine);
/* At the end of a round: close what is over, and send reports. */
void watches_run(struct engine *engine);
uint64_t watches_due_ns(const struct engine *engine); /* when to be run, by the engine's clock; UINT64_MAX: never */
void watches_late(struct engine *engine, uint64_t from_ns, uint64_t to_ns);

static inline struct bin *film_at(struct watch *watch, struct film *film, uint64_t ns)
{
    /* The difference wraps for a time before the open bin. */
    if (__builtin_expect(ns - film->open.start_ns >= BIN_NS, 0))
        film_turn(watch, film, ns);
    watch->stirred = true;
    return &film->open;
}

/* A packet has come, after which so many wait: 0 where it leaves at once. */
static inline void watch_put(struct watch *watch, uint32_t priority, uint64_t ns, uint32_t depth, uint32_t bytes)
{
    struct film *film = &watch->films[priority];
    struct bin *bin = film_at(watch, film, ns);
    bin->packets++;
    bin->bytes += bytes;
    film->depth = depth;
    if (depth > bin->depth) {
        bin->depth = depth;
        bin->depth_ns = ns > bin->start_ns ? (uint32_t)(ns - bin->start_ns) : 0;
    }
}

/* A packet leaves that has waited so long; so many are left. */
static inline void watch_take(struct watch *watch, uint32_t priority, uint64_t ns, uint32_t depth, uint64_t wait_ns)
{
    struct film *film = &watch->films[priority];
    struct bin *bin = film_at(watch, film, ns);
    film->depth = depth;
    if (wait_ns > bin->wait_ns)
        bin->wait_ns = wait_ns < UINT32_MAX ? (uint32_t)wait_ns : UINT32_MAX;
}

static inline void watch_drop(struct watch *watch, uint32_t priority, uint64_t ns)
{
    film_at(watch, &watch->films[priority], ns)->drops++;
}

#endif
