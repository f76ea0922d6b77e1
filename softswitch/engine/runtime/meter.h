/* Meters: cells of RFC 2698 (two rates) and RFC 2697 (one rate), coloured by the worker. All is counted from one
 * moment, when the cell was configured, so that nothing is lost by rounding. */
#ifndef P4_METER_H
#define P4_METER_H

#include "pipeline.h"

enum meter_kind { METER_OFF, METER_TWO_RATES, METER_ONE_RATE };
enum colour { GREEN, YELLOW, RED };

struct bucket {
    uint64_t rate, burst, tokens, counted; /* counted: what has come in since the cell was configured */
};

struct meter {
    uint64_t kind, since_ns;
    struct bucket committed, other; /* other: the peak rate's, or of one rate the excess burst's */
};

_Static_assert(sizeof(struct meter) == 8 * METER_WORDS, "the layout of meters");

enum { METER_CONFIG = 5 }; /* words of a configuration: kind, then rate and burst of both buckets */

static inline void meter_config(const struct meter *meter, uint64_t *words)
{
    words[0] = meter->kind;
    words[1] = meter->committed.rate;
    words[2] = meter->committed.burst;
    words[3] = meter->other.rate;
    words[4] = meter->other.burst;
}

static inline struct meter meter_new(const uint64_t *words, uint64_t now_ns) /* with full buckets */
{
    return (struct meter){words[0], now_ns, {words[1], words[2], words[2], 0}, {words[3], words[4], words[4], 0}};
}

/* Fills a bucket up to its burst; what is too much is left over. */
static inline uint64_t meter_fill(struct bucket *bucket, uint64_t fresh)
{
    uint64_t room = bucket->burst - bucket->tokens, taken = fresh < room ? fresh : room;
    bucket->tokens += taken;
    return fresh - taken;
}

static inline uint64_t meter_fresh(struct bucket *bucket, uint64_t elapsed_ns)
{
    uint64_t counted = (uint64_t)((u128)elapsed_ns * bucket->rate / 1000000000), fresh = counted - bucket->counted;
    bucket->counted = counted;
    return fresh;
}

static inline enum colour meter_run(struct pipeline *pipeline, struct meter *meter, uint64_t amount)
{
    if (meter->kind == METER_OFF)
        return GREEN;
    uint64_t elapsed_ns = *pipeline->now_ns - meter->since_ns;
    struct bucket *committed = &meter->committed, *other = &meter->other;
    uint64_t left = meter_fill(committed, meter_fresh(committed, elapsed_ns));
    if (meter->kind == METER_ONE_RATE) {
        meter_fill(other, left);
        if (committed->tokens >= amount) {
            committed->tokens -= amount;
            return GREEN;
        }
        if (other->tokens < amount)
            return RED;
        other->tokens -= amount;
        return YELLOW;
    }
    meter_fill(other, meter_fresh(other, elapsed_ns));
    if (other->tokens < amount)
        return RED;
    other->tokens -= amount;
    if (committed->tokens < amount)
        return YELLOW;
    committed->tokens -= amount;
    return GREEN;
}

#endif
