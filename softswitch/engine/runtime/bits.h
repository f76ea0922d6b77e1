/* Big-endian loads and stores, bit fields, checksums: pure functions that generated code inlines.
 * Callers have checked the bounds. */
#ifndef P4_BITS_H
#define P4_BITS_H

#include "packet.h"

static inline __attribute__((always_inline)) uint64_t load_bytes(const uint8_t *from, unsigned count) /* count: 1..8, a constant */
{
    uint64_t value = 0;
    switch (count) {
    case 1:
        return from[0];
    case 2: {
        uint16_t word;
        memcpy(&word, from, 2);
        return __builtin_bswap16(word);
    }
    case 4: {
        uint32_t word;
        memcpy(&word, from, 4);
        return __builtin_bswap32(word);
    }
    case 8:
        memcpy(&value, from, 8);
        return __builtin_bswap64(value);
    case 6:
        return load_bytes(from, 4) << 16 | load_bytes(from + 4, 2);
    default:
        for (unsigned i = 0; i < count; i++)
            value = value << 8 | from[i];
        return value;
    }
}

static inline __attribute__((always_inline)) void store_bytes(uint8_t *to, uint64_t value, unsigned count)
{
    switch (count) {
    case 1:
        to[0] = (uint8_t)value;
        return;
    case 2: {
        uint16_t word = __builtin_bswap16((uint16_t)value);
        memcpy(to, &word, 2);
        return;
    }
    case 4: {
        uint32_t word = __builtin_bswap32((uint32_t)value);
        memcpy(to, &word, 4);
        return;
    }
    case 8:
        value = __builtin_bswap64(value);
        memcpy(to, &value, 8);
        return;
    case 6:
        store_bytes(to, value >> 16, 4);
        store_bytes(to + 4, value, 2);
        return;
    default:
        for (unsigned i = 0; i < count; i++)
            to[i] = (uint8_t)(value >> (8 * (count - 1 - i)));
    }
}

static inline u128 load_wide(const uint8_t *from)
{
    return (u128)load_bytes(from, 8) << 64 | load_bytes(from + 8, 8);
}

static inline void store_wide(uint8_t *to, u128 value)
{
    store_bytes(to, (uint64_t)(value >> 64), 8);
    store_bytes(to + 8, (uint64_t)value, 8);
}

/* `width` (1..128) bits that begin `offset` bits behind `from`. */
static inline u128 load_bits(const uint8_t *from, unsigned offset, unsigned width)
{
    u128 value = 0;
    for (unsigned done = 0; done < width;) {
        unsigned at = offset + done, in_byte = 8 - at % 8;
        unsigned take = width - done < in_byte ? width - done : in_byte;
        uint8_t part = (uint8_t)(from[at / 8] >> (in_byte - take)) & (uint8_t)((1u << take) - 1);
        value = value << take | part;
        done += take;
    }
    return value;
}

/* The bytes touched must have been cleared, or hold what stays. */
static inline void store_bits(uint8_t *to, unsigned offset, unsigned width, u128 value)
{
    for (unsigned done = 0; done < width;) {
        unsigned at = offset + done, in_byte = 8 - at % 8;
        unsigned take = width - done < in_byte ? width - done : in_byte;
        uint8_t mask = (uint8_t)(((1u << take) - 1) << (in_byte - take));
        uint8_t part = (uint8_t)((value >> (width - done - take)) << (in_byte - take)) & mask;
        to[at / 8] = (uint8_t)((to[at / 8] & ~mask) | part);
        done += take;
    }
}

/* `width` bits from one place to another; those around them stay. */
static inline void copy_bits(uint8_t *to, unsigned to_offset, const uint8_t *from, unsigned from_offset,
                             unsigned width)
{
    if (to_offset % 8 == 0 && from_offset % 8 == 0 && width % 8 == 0) {
        memmove(to + to_offset / 8, from + from_offset / 8, width / 8);
        return;
    }
    for (unsigned done = 0; done < width;) {
        unsigned take = width - done < 64 ? width - done : 64;
        store_bits(to, to_offset + done, take, load_bits(from, from_offset + done, take));
        done += take;
    }
}

static inline i128 sign_extend(u128 value, unsigned width) /* width: 1..128 */
{
    unsigned spare = 128 - width;
    return (i128)(value << spare) >> spare;
}

static inline uint64_t shift_left(uint64_t value, u128 by)
{
    return by < 64 ? value << (unsigned)by : 0;
}

static inline u128 shift_left_wide(u128 value, u128 by)
{
    return by < 128 ? value << (unsigned)by : 0;
}

static inline u128 shift_right(u128 value, u128 by)
{
    return by < 128 ? value >> (unsigned)by : 0;
}

static inline i128 shift_right_signed(i128 value, u128 by)
{
    return value >> (by < 128 ? (unsigned)by : 127);
}

static inline u128 divide(u128 value, u128 by)
{
    return by ? value / by : 0;
}

static inline u128 remainder_of(u128 value, u128 by)
{
    return by ? value % by : 0;
}

static inline i128 clamp(i128 value, i128 low, i128 high)
{
    return value < low ? low : value > high ? high : value;
}

/* --- hashes and checksums over bytes: hash.c holds the tables --- */

extern uint16_t crc16_table[256];
extern uint32_t crc32_tables[4][256];

static inline uint64_t hash_crc16(const uint8_t *bytes, size_t length)
{
    uint16_t crc = 0;
    for (size_t i = 0; i < length; i++)
        crc = (uint16_t)(crc >> 8 ^ crc16_table[(crc ^ bytes[i]) & 0xff]);
    return crc;
}

static inline uint64_t hash_crc32(const uint8_t *bytes, size_t length)
{
    uint32_t crc = 0xffffffff;
    for (; length >= 4; length -= 4, bytes += 4) {
        uint32_t word;
        memcpy(&word, bytes, 4);
        crc ^= word;
        crc = crc32_tables[3][crc & 0xff] ^ crc32_tables[2][crc >> 8 & 0xff] ^ crc32_tables[1][crc >> 16 & 0xff] ^
              crc32_tables[0][crc >> 24];
    }
    for (; length; length--, bytes++)
        crc = crc >> 8 ^ crc32_tables[0][(crc ^ *bytes) & 0xff];
    return ~crc;
}

static inline uint64_t hash_crc_ccitt(const uint8_t *bytes, size_t length)
{
    uint16_t crc = 0xffff;
    for (size_t i = 0; i < length; i++) {
        crc ^= (uint16_t)(bytes[i] << 8);
        for (int bit = 0; bit < 8; bit++)
            crc = (uint16_t)(crc << 1 ^ (crc & 0x8000 ? 0x1021 : 0));
    }
    return crc;
}

/* The one's complement sum of RFC 1071 over bytes, to be folded. */
static inline uint64_t sum_bytes(uint64_t sum, const uint8_t *bytes, size_t length)
{
    for (; length >= 4; length -= 4, bytes += 4)
        sum += load_bytes(bytes, 4);
    if (length >= 2) {
        sum += load_bytes(bytes, 2);
        length -= 2;
        bytes += 2;
    }
    if (length)
        sum += (uint64_t)bytes[0] << 8;
    return sum;
}

static inline uint16_t fold_sum(uint64_t sum)
{
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

static inline uint64_t hash_csum16(const uint8_t *bytes, size_t length)
{
    return (uint16_t)~fold_sum(sum_bytes(0, bytes, length));
}

static inline uint64_t hash_xor16(const uint8_t *bytes, size_t length)
{
    uint16_t value = 0;
    for (; length >= 2; length -= 2, bytes += 2)
        value ^= (uint16_t)load_bytes(bytes, 2);
    return length ? (uint16_t)(value ^ bytes[0] << 8) : value;
}

static inline uint64_t hash_identity(const uint8_t *bytes, size_t length)
{
    uint64_t value = 0;
    for (size_t i = 0; i < length && i < 8; i++)
        value = value << 8 | bytes[i];
    return value;
}

#endif
