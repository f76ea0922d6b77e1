#include "watch.h"

#include <stdlib.h>

#include "engine.h"

enum {
    LITTLE_NS = 100000,        /* between two looks at queues that cannot be emptied as far as they should be */
    AROUND_NS = 50 * BIN_NS,   /* bins are sent from so long before one that is worth it until so long behind it */
    PATIENCE_NS = 64 * BIN_NS, /* so long bins stay open for packets that are between two passes of the program */
};

struct watch *watch_open(uint64_t now_ns)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (!watch)
        return NULL;
    watch->certain_ns = now_ns;
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        struct film *film = &watch->films[i];
        film->open.start_ns = now_ns - now_ns % BIN_NS;
        film->last_ns = film->sent_ns = UINT64_MAX;
        film->bins = calloc(BINS, sizeof *film->bins);
        if (!film->bins) {
            watch_close(watch);
            return NULL;
        }
    }
    return watch;
}

void watch_close(struct watch *watch)
{
    if (!watch)
        return;
    for (uint32_t i = 0; i < PRIORITIES; i++)
        free(watch->films[i].bins);
    free(watch);
}

static bool is_late(const struct watch *watch, uint64_t start_ns)
{
    return start_ns < watch->late_to_ns && start_ns + BIN_NS > watch->late_from_ns;
}

/* Whether and from where on a bin is to be sent; it has been written to `place`. */
static void choose(const struct watch *watch, struct film *film, const struct bin *bin, uint64_t place)
{
    bool worth = bin->drops || bin->depth >= watch->report_depth || bin->wait_ns >= watch->report_wait_ns;
    if (worth && bin->start_ns >= film->hot_until_ns && film->sent >= film->send_to) {
        uint64_t from = place, oldest = place < BINS_READABLE ? 0 : place - BINS_READABLE + 1;
        if (oldest < film->sent)
            oldest = film->sent;
        while (from > oldest && film->bins[(from - 1) % BINS].start_ns + AROUND_NS >= bin->start_ns)
            from--;
        film->sent = film->send_to = from;
    }
    if (worth)
        film->hot_until_ns = bin->start_ns + BIN_NS + AROUND_NS;
    if (bin->start_ns < film->hot_until_ns)
        film->send_to = place + 1;
}

/* Keep the open bin, if something happened in it or may have. */
static void keep(struct watch *watch, struct film *film)
{
    struct bin *bin = &film->open;
    bool empty = !bin->packets && !bin->drops && !bin->depth;
    if (is_late(watch, bin->start_ns))
        bin->flags |= BIN_LATE;
    if (empty && !(film->used && bin->flags & BIN_LATE))
        return;
    film->used = true;
    if (bin->start_ns != film->last_ns + BIN_NS)
        bin->flags |= BIN_AFTER_GAP;
    film->last_ns = bin->start_ns;
    uint64_t place = film->closed;
    film->bins[place % BINS] = *bin;
    __atomic_store_n(&film->closed, place + 1, __ATOMIC_RELEASE);
    choose(watch, film, bin, place);
}

void film_turn(struct watch *watch, struct film *film, uint64_t ns)
{
    struct bin *open = &film->open;
    if (ns < open->start_ns) {
        /* Ports take turns, so a packet may be behind others' time by a round; by more, the round was late. */
        if (open->start_ns - ns > BIN_NS)
            open->flags |= BIN_LATE;
        return;
    }
    uint64_t to_ns = ns - ns % BIN_NS, start_ns = open->start_ns + BIN_NS;
    keep(watch, film);
    if (film->depth || watch->late_to_ns > start_ns) {
        if (to_ns - start_ns > (uint64_t)BINS * BIN_NS)
            start_ns = to_ns - (uint64_t)BINS * BIN_NS;
        for (; start_ns < to_ns; start_ns += BIN_NS) {
            *open = (struct bin){.start_ns = start_ns, .depth = film->depth};
            keep(watch, film);
        }
    }
    *open = (struct bin){.start_ns = to_ns, .depth = film->depth};
}

void watches_late(struct engine *engine, uint64_t from_ns, uint64_t to_ns)
{
    for (uint32_t i = 0; i < engine->watched_count; i++) {
        struct watch *watch = engine->ports[engine->watched[i]]->watch;
        /* What was late before and is not closed yet stays so, and what lies between becomes it. */
        if (watch->certain_ns >= watch->late_to_ns)
            watch->late_from_ns = from_ns;
        watch->late_to_ns = to_ns;
    }
}

void watches_wake(struct engine *engine)
{
    if (engine->untimed_count && !engine->held && engine->now_ns > engine->planned_ns + BIN_NS)
        watches_late(engine, engine->planned_ns - engine->start_ns, engine->now_ns - engine->start_ns);
}

/* Close the bins of a port that are over, as far as its queues have come; how far that is. */
static uint64_t close_bins(struct watch *watch, const struct scheduler *scheduler, uint64_t start_ns, uint64_t until_ns)
{
    uint64_t certain_ns = until_ns;
    if (scheduler->waiting && scheduler->next_ns < until_ns)
        certain_ns = scheduler->next_ns;
    certain_ns = certain_ns > start_ns ? certain_ns - start_ns : 0;
    bool stirred = false;
    for (uint32_t i = 0; i < PRIORITIES; i++) {
        struct film *film = &watch->films[i];
        if (certain_ns >= film->open.start_ns + BIN_NS)
            film_turn(watch, film, certain_ns);
        stirred |= film->open.packets || film->open.drops || film->depth;
    }
    watch->stirred = stirred;
    if (certain_ns > watch->certain_ns)
        watch->certain_ns = certain_ns;
    return certain_ns;
}

/* When the next bins are over, or the next reports are to be sent. */
static uint64_t due_ns(const struct engine *engine)
{
    uint64_t due_ns = engine->reporter.fd >= 0 ? engine->start_ns + reports_due_ns(&engine->reporter) : UINT64_MAX;
    return engine->bins_due_ns < due_ns ? engine->bins_due_ns : due_ns;
}

void watches_run(struct engine *engine)
{
    uint64_t until_ns = engine->arrived_ns;
    if (until_ns < due_ns(engine))
        return;
    if ((engine->pending_first || engine->ready_first) && until_ns - engine->bins_due_ns < PATIENCE_NS)
        return;
    uint64_t known_ns = until_ns - engine->start_ns;
    for (uint32_t i = 0; i < engine->watched_count; i++) {
        struct port *port = engine->ports[engine->watched[i]];
        uint64_t certain_ns = close_bins(port->watch, &port->scheduler, engine->start_ns, until_ns);
        if (certain_ns < known_ns)
            known_ns = certain_ns;
    }
    engine->bins_due_ns = engine->start_ns + known_ns - known_ns % BIN_NS + BIN_NS;
    if (engine->bins_due_ns <= until_ns)
        engine->bins_due_ns = until_ns + LITTLE_NS;
    if (engine->reporter.fd >= 0)
        reports_run(engine, until_ns - engine->start_ns);
}

uint64_t watches_due_ns(const struct engine *engine)
{
    bool stirred = engine->untimed_count && !engine->held; /* to know when it was not there */
    for (uint32_t i = 0; i < engine->watched_count && !stirred; i++)
        stirred = engine->ports[engine->watched[i]]->watch->stirred;
    if (stirred)
        return due_ns(engine);
    return engine->reporter.fd >= 0 ? engine->start_ns + reports_due_ns(&engine->reporter) : UINT64_MAX;
}
