/* What the control plane asks of queues: their figures and bins, and what is reported of them. */
#include <errno.h>
#include <unistd.h>

#include "exports.h"

static struct port *port_of(const struct engine *engine, uint32_t number)
{
    return number < PORTS ? engine->ports[number] : NULL;
}

/* Nanoseconds since the engine's start: what bins and reports go by. */
EXPORT uint64_t engine_now(struct engine *engine)
{
    return engine_time(engine) - engine->start_ns;
}

EXPORT int engine_watch(struct engine *engine, uint32_t number, int on, uint32_t report_depth, uint32_t report_wait_ns)
{
    engine_park(engine);
    engine_clock(engine);
    struct port *port = port_of(engine, number);
    int error = !port ? ENOENT : on && !port_watch(engine, port) ? ENOMEM : 0;
    if (!error && on) {
        port->watch->report_depth = report_depth;
        port->watch->report_wait_ns = report_wait_ns;
    } else if (!error) {
        port_unwatch(engine, port);
    }
    engine_release(engine);
    return error;
}

/* The queues of a port, by priority: PRIORITIES of them, or 0 where there is no such port. */
EXPORT uint32_t engine_queues(struct engine *engine, uint32_t number, struct queue_report *reports)
{
    pthread_mutex_lock(&engine->control);
    const struct port *port = port_of(engine, number);
    uint32_t count = port ? PRIORITIES : 0;
    for (uint32_t priority = 0; priority < count; priority++) {
        const struct queue_counts *counts = &port->counts[priority];
        struct queue_report *report = &reports[priority];
        report->waiting = port->scheduler.queues[priority].depth;
        report->most = counts->most;
        report->packets = counts->packets;
        report->bytes = counts->bytes;
        report->deflected = counts->deflected;
        memcpy(report->drops, counts->drops, sizeof report->drops);
    }
    pthread_mutex_unlock(&engine->control);
    return count;
}

/* Bins from the `from`-th on that are still there, at most `most`; `next` is the number behind the last. -1: the port is not
 * watched. */
EXPORT int64_t engine_bins(struct engine *engine, uint32_t number, uint32_t priority, uint64_t from, struct bin *to,
                           uint64_t most, uint64_t *next)
{
    pthread_mutex_lock(&engine->control);
    const struct port *port = port_of(engine, number);
    int64_t count = -1;
    if (port && port->watch && priority < PRIORITIES) {
        const struct film *film = &port->watch->films[priority];
        uint64_t closed = __atomic_load_n(&film->closed, __ATOMIC_ACQUIRE);
        if (from > closed)
            from = 0; /* of a watch that was ended meanwhile */
        if (closed - from > BINS_READABLE)
            from = closed - BINS_READABLE;
        count = (int64_t)(closed - from < most ? closed - from : most);
        for (int64_t i = 0; i < count; i++)
            to[i] = film->bins[(from + (uint64_t)i) % BINS];
        *next = from + (uint64_t)count;
        /* The worker goes on meanwhile: what it may have written over is left out. */
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
        closed = __atomic_load_n(&film->closed, __ATOMIC_RELAXED);
        uint64_t gone = closed - from > BINS_READABLE ? closed - from - BINS_READABLE : 0;
        if (gone >= (uint64_t)count)
            gone = (uint64_t)count;
        memmove(to, to + gone, (size_t)(count - (int64_t)gone) * sizeof *to);
        count -= (int64_t)gone;
    }
    pthread_mutex_unlock(&engine->control);
    return count;
}

/* Copies of packets that find their queue full go to the ports of a clone session; 0: none do. */
EXPORT int engine_deflect(struct engine *engine, uint32_t session, uint32_t rate, uint32_t burst)
{
    if (session >= CLONE_SESSIONS || (session && (!rate || !burst)))
        return EINVAL;
    engine_park(engine);
    engine->deflection = (struct deflection){session, rate, burst};
    engine_release(engine);
    return 0;
}

/* Reports go to a connected socket, which is the engine's from now on; -1: they end. */
EXPORT void engine_report_to(struct engine *engine, int fd, uint32_t node)
{
    engine_park(engine);
    engine_clock(engine);
    reports_begin(engine, fd, node);
    engine_release(engine);
}

EXPORT void engine_reports(struct engine *engine, struct reporter_report *report)
{
    pthread_mutex_lock(&engine->control);
    const struct reporter *reporter = &engine->reporter;
    *report = (struct reporter_report){reporter->datagrams, reporter->refused, reporter->bytes, reporter->bins};
    pthread_mutex_unlock(&engine->control);
}
