#include "report.h"

#include <sys/socket.h>
#include <unistd.h>

#include "engine.h"

enum {
    GATHER_NS = 5 * BIN_NS, /* bins wait so long for others to share a datagram with */
    BEAT_NS = 1000000000,
    VERSION = 2,
    HARDWARE = 4, /* the part of the switch that reports: the queues themselves */
    SEQUENCE_MASK = 0x3fffff,
    GROUP_BYTES = 8,
    HEAD_BYTES = 28, /* of a report without bins */
    BIN_BYTES = 32,
    MOST_BINS = 31, /* so that a report's words can be counted by 8 bits */
    FIXED_WORDS = 2,
    METADATA_WORDS = 4, /* interfaces, time, how many bins */
    TYPE_INT = 0x10,
    BITS_INTERFACES_AND_TIME = 0x4400,
    DOMAIN = 0x5034,
    BITS_BINS = 0x1000,
    BIT_DROPPED = 0x80,
    BIT_QUEUED = 0x40,
    MOST_DROPS = 0xffffff,
};

static void send_datagram(struct reporter *reporter)
{
    if (!reporter->length)
        return;
    uint32_t head = (uint32_t)VERSION << 28 | HARDWARE << 22 | (reporter->sequence & SEQUENCE_MASK);
    store_bytes(reporter->datagram, head, 4);
    store_bytes(reporter->datagram + 4, reporter->node, 4);
    reporter->sequence++;
    ssize_t sent = send(reporter->fd, reporter->datagram, reporter->length, MSG_DONTWAIT | MSG_NOSIGNAL);
    reporter->datagrams++;
    if (sent < 0) {
        reporter->refused++;
    } else {
        reporter->bytes += reporter->length;
        reporter->bins += reporter->bins_in_datagram;
    }
    reporter->length = reporter->bins_in_datagram = 0;
}

static void put_bin(uint8_t *to, const struct bin *bin, uint32_t flags)
{
    uint32_t drops = bin->drops < MOST_DROPS ? bin->drops : MOST_DROPS;
    store_bytes(to, bin->start_ns, 8);
    store_bytes(to + 8, bin->depth, 4);
    store_bytes(to + 12, bin->depth_ns, 4);
    store_bytes(to + 16, bin->wait_ns, 4);
    store_bytes(to + 20, bin->packets, 4);
    store_bytes(to + 24, bin->bytes, 4);
    store_bytes(to + 28, drops << 8 | (flags & 0xff), 4);
}

/* A report of one queue, with at most `most` of the bins that are to be sent. */
static void put_report(struct reporter *reporter, const struct port *port, uint32_t priority, uint32_t most)
{
    if (reporter->length && reporter->length + HEAD_BYTES + (most ? BIN_BYTES : 0) > LONGEST_REPORT)
        send_datagram(reporter);
    if (!reporter->length)
        reporter->length = GROUP_BYTES;
    struct film *film = &port->watch->films[priority];
    uint8_t *head = reporter->datagram + reporter->length, *to = head + HEAD_BYTES;
    uint32_t room = (LONGEST_REPORT - reporter->length - HEAD_BYTES) / BIN_BYTES, count = 0, bits = 0;
    for (; count < most && count < room && count < MOST_BINS; count++, to += BIN_BYTES) {
        const struct bin *bin = &film->bins[film->sent++ % BINS];
        uint32_t gap = bin->start_ns != film->sent_ns + BIN_NS ? BIN_AFTER_GAP : 0;
        film->sent_ns = bin->start_ns;
        bits |= (bin->drops ? BIT_DROPPED : 0) | (bin->depth ? BIT_QUEUED : 0);
        put_bin(to, bin, bin->flags | gap);
    }
    uint32_t words = METADATA_WORDS + count * (BIN_BYTES / 4);
    store_bytes(head, (uint32_t)TYPE_INT << 24 | (FIXED_WORDS + words) << 16 | words << 8 | bits, 4);
    store_bytes(head + 4, (uint32_t)BITS_INTERFACES_AND_TIME << 16 | DOMAIN, 4);
    store_bytes(head + 8, (uint32_t)BITS_BINS << 16, 4);
    store_bytes(head + 12, port->number, 4); /* no port that packets came in by */
    store_bytes(head + 16, port->watch->certain_ns, 8);
    store_bytes(head + 24, count << 16 | priority << 8, 4);
    reporter->length += HEAD_BYTES + count * BIN_BYTES;
    reporter->bins_in_datagram += count;
}

static void send_bins(struct engine *engine)
{
    struct reporter *reporter = &engine->reporter;
    for (uint32_t i = 0; i < engine->watched_count; i++) {
        const struct port *port = engine->ports[engine->watched[i]];
        for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
            struct film *film = &port->watch->films[priority];
            if (film->closed - film->sent > BINS) /* it came so late that the ring has gone round */
                film->sent = film->closed - BINS < film->send_to ? film->closed - BINS : film->send_to;
            while (film->sent < film->send_to)
                put_report(reporter, port, priority, (uint32_t)(film->send_to - film->sent));
        }
    }
    send_datagram(reporter);
    reporter->due_ns = UINT64_MAX;
}

static void send_beat(struct engine *engine)
{
    for (uint32_t i = 0; i < engine->watched_count; i++)
        put_report(&engine->reporter, engine->ports[engine->watched[i]], 0, 0);
    send_datagram(&engine->reporter);
}

static bool has_bins(const struct engine *engine)
{
    for (uint32_t i = 0; i < engine->watched_count; i++)
        for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
            const struct film *film = &engine->ports[engine->watched[i]]->watch->films[priority];
            if (film->sent < film->send_to)
                return true;
        }
    return false;
}

void reports_run(struct engine *engine, uint64_t now_ns)
{
    struct reporter *reporter = &engine->reporter;
    if (reporter->due_ns == UINT64_MAX && has_bins(engine))
        reporter->due_ns = now_ns - now_ns % BIN_NS + GATHER_NS;
    if (reporter->due_ns <= now_ns)
        send_bins(engine);
    if (reporter->beat_ns <= now_ns) {
        reporter->beat_ns = now_ns - now_ns % BEAT_NS + BEAT_NS;
        send_beat(engine);
    }
}

uint64_t reports_due_ns(const struct reporter *reporter)
{
    return reporter->due_ns < reporter->beat_ns ? reporter->due_ns : reporter->beat_ns;
}

void reports_begin(struct engine *engine, int fd, uint32_t node)
{
    struct reporter *reporter = &engine->reporter;
    if (reporter->fd >= 0)
        close(reporter->fd);
    reporter->fd = fd;
    reporter->node = node;
    reporter->due_ns = UINT64_MAX;
    uint64_t now_ns = engine->now_ns - engine->start_ns;
    reporter->beat_ns = now_ns - now_ns % BEAT_NS + BEAT_NS;
    /* What was there before is not news. */
    for (uint32_t i = 0; i < engine->watched_count; i++)
        for (uint32_t priority = 0; priority < PRIORITIES; priority++) {
            struct film *film = &engine->ports[engine->watched[i]]->watch->films[priority];
            film->sent = film->send_to = film->closed;
        }
}
