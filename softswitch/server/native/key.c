#include "key.h"

#include <string.h>

enum { PRIORITY_BYTES = 4 }; /* as softswitch/server/keys.py packs keys */
enum { MATCH = 2 };          /* field of a TableEntry */

/* Into bytes that are 0, right-aligned. */
static void put_bytes(struct span raw, uint8_t *to, uint32_t width)
{
    memcpy(to + (width + 7) / 8 - size_of(raw), raw.at, size_of(raw));
}

static void put_prefix(uint64_t *mask, uint32_t width, uint32_t length)
{
    uint32_t low = width - length;
    for (uint32_t i = 0; i < words_of(width); i++) {
        uint64_t bits = whole(width - 64 * i < 64 ? width - 64 * i : 64);
        if (low >= 64 * (i + 1))
            bits = 0;
        else if (low > 64 * i)
            bits &= UINT64_MAX << (low - 64 * i);
        mask[i] = bits;
    }
}

struct match {
    uint32_t field_id, kind;
    struct span value, other; /* a mask, the high end of a range */
    uint64_t length;
};

static const struct span nothing = {(const uint8_t *)"", (const uint8_t *)""};

/* The content of an Exact, Ternary, LPM, Range or Optional. */
static bool read_kind(struct span rest, struct match *match)
{
    struct record record;
    uint32_t seen = 0;
    bool prefix = match->kind == MATCH_LPM, pair = match->kind == MATCH_TERNARY || match->kind == MATCH_RANGE;
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, 0))
            return false;
        if (is(&record, 1, true))
            match->value = record.content;
        else if (pair && is(&record, 2, true))
            match->other = record.content;
        else if (prefix && is(&record, 2, false))
            match->length = record.number;
        else
            return false;
    }
    return true;
}

static bool read_match(struct span rest, struct match *match)
{
    struct record record;
    uint32_t seen = 0;
    while (rest.at < rest.end) {
        if (!next_single(&rest, &record, &seen, 0))
            return false;
        if (is(&record, 1, false) && record.number <= UINT32_MAX) {
            match->field_id = (uint32_t)record.number;
        } else if (record.nested && record.field != 1 && !match->kind) {
            match->kind = (uint32_t)record.field;
            if (!read_kind(record.content, match))
                return false;
        } else {
            return false;
        }
    }
    return true;
}

static bool put_range(const struct field *field, const struct match *match, struct place place)
{
    uint64_t *ends = place.ranges + 2 * field->word;
    if (!fits(match->value, field->width) || !fits(match->other, field->width))
        return false;
    put_value(match->value, &ends[0]);
    put_value(match->other, &ends[1]);
    put_bytes(match->value, place.bytes, field->width);
    put_bytes(match->other, place.bytes + (field->width + 7) / 8, field->width);
    return ends[0] <= ends[1] && (ends[0] || ends[1] != whole(field->width));
}

static bool put_masked(const struct field *field, const struct match *match, struct place place)
{
    uint64_t value[MOST_FIELD_WORDS] = {0}, mask[MOST_FIELD_WORDS] = {0}, any = 0;
    uint32_t count = words_of(field->width), size = (field->width + 7) / 8;
    if (!fits(match->value, field->width))
        return false;
    put_value(match->value, value);
    if (field->kind == MATCH_TERNARY) {
        if (!fits(match->other, field->width))
            return false;
        put_value(match->other, mask);
        put_bytes(match->other, place.bytes + size, field->width);
    } else if (field->kind == MATCH_LPM) {
        if (match->length < 1 || match->length > field->width)
            return false;
        put_prefix(mask, field->width, (uint32_t)match->length);
        place.bytes[size] = (uint8_t)(match->length >> 8);
        place.bytes[size + 1] = (uint8_t)match->length;
    } else {
        put_prefix(mask, field->width, field->width);
    }
    if (field->kind == MATCH_OPTIONAL)
        *place.bytes++ = 1;
    put_bytes(match->value, place.bytes, field->width);
    for (uint32_t i = 0; i < count; i++) {
        if (value[i] & ~mask[i])
            return false;
        any |= mask[i];
        /* Several narrow fields share a word; wide ones are not shifted. */
        place.key[field->word + i] |= value[i] << field->shift;
        place.mask[field->word + i] |= mask[i] << field->shift;
    }
    return any;
}

static bool put_nothing(const struct field *field, struct place place)
{
    if (field->kind == MATCH_EXACT)
        return false;
    if (field->kind == MATCH_RANGE) {
        uint32_t size = (field->width + 7) / 8;
        uint64_t all = whole(field->width);
        place.ranges[2 * field->word + 1] = all;
        for (uint32_t i = 0; i < size; i++)
            place.bytes[size + i] = (uint8_t)(all >> 8 * (size - 1 - i));
    }
    return true;
}

static bool put_field(const struct field *field, const struct match *match, struct place place)
{
    place.bytes += field->key_at;
    if (!match)
        return put_nothing(field, place);
    if (match->kind != field->kind)
        return false;
    return field->kind == MATCH_RANGE ? put_range(field, match, place) : put_masked(field, match, place);
}

bool put_key(const struct schema *schema, const struct table *table, struct span entry, uint64_t priority,
             struct place place)
{
    const struct field *fields = schema->fields + table->first_field;
    struct span rest = entry;
    struct record record;
    uint64_t seen = 0;
    while (rest.at < rest.end) {
        if (!next_record(&rest, &record))
            return false;
        if (record.field != MATCH)
            continue;
        struct match match = {.value = nothing, .other = nothing};
        if (!read_match(record.content, &match))
            return false;
        uint32_t at = 0;
        while (at < table->field_count && fields[at].id != match.field_id)
            at++;
        if (at == table->field_count || at >= MOST_FIELDS || seen >> at & 1)
            return false;
        seen |= UINT64_C(1) << at;
        if (!put_field(&fields[at], &match, place))
            return false;
    }
    for (uint32_t at = 0; at < table->field_count; at++)
        if (!(seen >> at & 1) && !put_field(&fields[at], NULL, place))
            return false;
    if (!table->has_priority)
        return !priority;
    for (uint32_t i = 0; i < PRIORITY_BYTES; i++)
        place.bytes[table->key_size - 1 - i] = (uint8_t)(priority >> 8 * i);
    return priority >= 1 && priority <= INT32_MAX;
}
