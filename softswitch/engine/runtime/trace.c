/* Records of traced packets: put together in one place, written to the ring whole or not at all. */
#include "trace.h"

#include <stdlib.h>

enum { RING = 1 << 22, MOST_WORDS = 4096, ETHERTYPE_IPV4 = 0x0800, ETHERTYPE_IPV6 = 0x86dd };

bool tracer_open(struct tracer *tracer, uint32_t phv_size)
{
    uint32_t state = (uint32_t)sizeof(struct standard_metadata) + phv_size;
    tracer->room = LONGEST_FRAME + 8 * MOST_WORDS > state ? LONGEST_FRAME + 8 * MOST_WORDS : state;
    tracer->record = calloc(1, sizeof *tracer->record + tracer->room);
    tracer->fields = calloc(1, tracer->room);
    return tracer->record && tracer->fields && (tracer->ring.bytes || ring_open(&tracer->ring, RING));
}

void tracer_close(struct tracer *tracer)
{
    ring_close(&tracer->ring);
    free(tracer->record);
    free(tracer->fields);
}

void trace_put(struct packet *packet, enum trace_kind kind, uint32_t value, const void *bytes, uint32_t length)
{
    struct tracer *tracer = packet->pipeline->tracer;
    if (!tracer->record)
        return;
    if (length > tracer->room)
        length = tracer->room;
    *tracer->record = (struct trace_head){packet->copy, value, *packet->pipeline->now_ns, tracer->sequence++};
    if (length)
        memcpy(tracer->record + 1, bytes, length);
    ring_write(&tracer->ring, kind, packet->trace, tracer->record, (uint32_t)sizeof *tracer->record + length);
}

void trace_fields(struct packet *packet)
{
    struct tracer *tracer = packet->pipeline->tracer;
    uint32_t phv = packet->pipeline->code->phv_size, head = (uint32_t)sizeof packet->standard_metadata;
    if (!tracer->fields || head + phv > tracer->room)
        return;
    bool same = tracer->fields_of == packet->trace && tracer->fields_copy == packet->copy &&
                !memcmp(tracer->fields, &packet->standard_metadata, head) &&
                !memcmp(tracer->fields + head, packet->phv, phv);
    if (same)
        return;
    memcpy(tracer->fields, &packet->standard_metadata, head);
    memcpy(tracer->fields + head, packet->phv, phv);
    tracer->fields_of = packet->trace;
    tracer->fields_copy = packet->copy;
    trace_put(packet, TRACE_FIELDS, 0, tracer->fields, head + phv);
}

void trace_table(struct packet *packet, uint32_t table, struct target target, const uint64_t *key,
                 uint32_t key_words, uint32_t range_words, const struct entry *entry)
{
    uint64_t words[4 + 5 * MOST_KEY_WORDS];
    uint32_t count = 4, entry_words = entry ? 2 * key_words + 2 * range_words : 0;
    words[0] = entry != NULL;
    words[1] = target.kind;
    words[2] = target.ref;
    words[3] = entry ? (uint64_t)((int64_t)entry->priority + INT64_C(0x80000000)) : 0;
    if (key_words + range_words > MOST_KEY_WORDS)
        return;
    if (key_words + range_words)
        memcpy(words + count, key, 8 * (key_words + range_words));
    count += key_words + range_words;
    if (entry_words)
        memcpy(words + count, entry->words, 8 * entry_words);
    trace_put(packet, TRACE_TABLE, table, words, 8 * (count + entry_words));
}

static bool same_bits(const uint8_t *bytes, const uint8_t *wanted, const uint8_t *mask, uint32_t count)
{
    uint8_t difference = 0;
    for (uint32_t i = 0; i < count; i++)
        difference |= (uint8_t)((bytes[i] ^ wanted[i]) & mask[i]);
    return !difference;
}

static bool matches(const struct trace_filter *filter, const struct packet *packet, uint32_t port)
{
    if (filter->port >= 0 && (uint32_t)filter->port != port)
        return false;
    if (!filter->family)
        return true;
    const uint8_t *frame = packet->data;
    uint32_t at = 12, size = filter->family == 4 ? 4 : 16, header = filter->family == 4 ? 20 : 40;
    uint32_t type = 0;
    for (int tags = 0; tags < 3 && packet->length >= at + 2; tags++, at += 4) {
        type = (uint32_t)load_bytes(frame + at, 2);
        if (type != 0x8100 && type != 0x88a8)
            break;
    }
    at += 2;
    if (type != (filter->family == 4 ? ETHERTYPE_IPV4 : ETHERTYPE_IPV6) || packet->length < at ||
        packet->length - at < header)
        return false;
    const uint8_t *ip = frame + at, *source = ip + (size == 4 ? 12 : 8);
    uint32_t protocol = ip[size == 4 ? 9 : 6];
    return (filter->protocol < 0 || (uint32_t)filter->protocol == protocol) &&
           same_bits(source, filter->source, filter->source_mask, size) &&
           same_bits(source + size, filter->destination, filter->destination_mask, size);
}

void trace_begin(struct tracer *tracer, struct packet *packet, uint32_t port)
{
    if (!tracer->left || !matches(&tracer->filter, packet, port))
        return;
    tracer->left--;
    packet->trace = ++tracer->traces;
    packet->copy = ++tracer->copies;
    trace_put(packet, TRACE_RECEIVED, port, packet->data, packet->length);
}

void trace_inherit(struct packet *copy, const struct packet *packet)
{
    if (!packet->trace)
        return;
    copy->trace = packet->trace;
    copy->copy = ++copy->pipeline->tracer->copies;
    trace_put(copy, TRACE_COPIED, packet->copy, NULL, 0);
}
