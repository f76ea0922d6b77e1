/* Protobuf's wire format, as far as plain updates need it, and P4Runtime's byte strings. Every read is bounded by
 * its span; what is legal but nobody writes (numbers longer than needed, groups) counts as wrong. */
#ifndef P4_WIRE_H
#define P4_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct span {
    const uint8_t *at, *end;
};

struct record { /* a field of a message */
    uint64_t field;
    bool nested; /* it has content, else a number */
    uint64_t number; /* or the content's size */
    struct span content;
};

static inline size_t size_of(struct span span)
{
    return (size_t)(span.end - span.at);
}

/* A varint in its shortest form. */
static inline bool next_number(struct span *rest, uint64_t *number)
{
    uint64_t value = 0;
    if (rest->at < rest->end && *rest->at < 128) {
        *number = *rest->at++;
        return true;
    }
    for (unsigned shift = 0; shift < 64 && rest->at < rest->end; shift += 7) {
        uint8_t byte = *rest->at++;
        if (shift == 63 && byte > 1)
            return false;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *number = value;
            return byte || !shift;
        }
    }
    return false;
}

static inline bool next_record(struct span *rest, struct record *record)
{
    uint64_t key = 0, number = 0;
    if (!next_number(rest, &key) || !next_number(rest, &number))
        return false;
    bool nested = (key & 7) == 2;
    *record = (struct record){key >> 3, nested, number, {rest->at, rest->at}};
    if (!nested)
        return (key & 7) == 0;
    if (number > size_of(*rest))
        return false;
    record->content.end = rest->at += number;
    return true;
}

/* The next record of a message whose fields are all below 32 and come at most once, but for `repeated`. */
static inline bool next_single(struct span *rest, struct record *record, uint32_t *seen, uint32_t repeated)
{
    if (!next_record(rest, record) || record->field >= 32)
        return false;
    uint32_t bit = UINT32_C(1) << record->field;
    if (*seen & bit & ~repeated)
        return false;
    *seen |= bit;
    return true;
}

static inline bool is(const struct record *record, uint32_t field, bool nested)
{
    return record->field == field && record->nested == nested;
}

/* --- byte strings --- */

static inline uint64_t whole(uint32_t width) /* 1..64 */
{
    return UINT64_MAX >> (64 - width);
}

static inline uint32_t words_of(uint32_t width)
{
    return (width + 63) / 64;
}

/* Whether a byte string is canonical and of at most so many bits. */
static inline bool fits(struct span raw, uint32_t width)
{
    size_t size = size_of(raw), most = (width + 7) / 8;
    if (!size || size > most || (size > 1 && !raw.at[0]))
        return false;
    return size < most || width % 8 == 0 || raw.at[0] >> width % 8 == 0;
}

/* Into words that are 0, the lowest first; it fits. */
static inline void put_value(struct span raw, uint64_t *words)
{
    size_t size = size_of(raw);
    for (size_t i = 0; i < size; i++)
        words[i / 8] |= (uint64_t)raw.at[size - 1 - i] << 8 * (i % 8);
}

#endif
