/* Numbers of up to 2176 bits in two's complement: what the few programs need whose fields are wider than any C
 * integer. Pure functions; every operation is modulo 2 to the 2176th. */
#ifndef P4_BIG_H
#define P4_BIG_H

#include "bits.h"

enum { BIG_LIMBS = 34, BIG_BITS = 64 * BIG_LIMBS };

struct big {
    uint64_t limb[BIG_LIMBS]; /* the lowest first */
};

static inline struct big big_unsigned(u128 value)
{
    return (struct big){{(uint64_t)value, (uint64_t)(value >> 64)}};
}

static inline struct big big_signed(i128 value)
{
    struct big result = big_unsigned((u128)value);
    for (unsigned i = 2; value < 0 && i < BIG_LIMBS; i++)
        result.limb[i] = UINT64_MAX;
    return result;
}

static inline struct big big_words(const uint64_t *words, unsigned count) /* count <= BIG_LIMBS */
{
    struct big result = {{0}};
    memcpy(result.limb, words, 8 * count);
    return result;
}

static inline struct big big_bytes(const uint8_t *bytes, unsigned count) /* big-endian, at most BIG_BITS / 8 */
{
    struct big result = {{0}};
    for (unsigned i = 0; i < count; i++)
        result.limb[i / 8] |= (uint64_t)bytes[count - 1 - i] << (i % 8 * 8);
    return result;
}

static inline struct big big_bits(const uint8_t *from, unsigned offset, unsigned width)
{
    uint8_t bytes[BIG_BITS / 8] = {0};
    copy_bits(bytes, (8 - width % 8) % 8, from, offset, width);
    return big_bytes(bytes, (width + 7) / 8);
}

static inline void big_store(uint8_t *to, unsigned width, struct big value) /* right-aligned bytes */
{
    unsigned count = (width + 7) / 8;
    for (unsigned i = 0; i < count; i++)
        to[count - 1 - i] = (uint8_t)(value.limb[i / 8] >> (i % 8 * 8));
    if (width % 8)
        to[0] &= (uint8_t)((1u << width % 8) - 1);
}

static inline u128 big_low(struct big value)
{
    return (u128)value.limb[1] << 64 | value.limb[0];
}

static inline struct big big_not(struct big value)
{
    for (unsigned i = 0; i < BIG_LIMBS; i++)
        value.limb[i] = ~value.limb[i];
    return value;
}

static inline struct big big_and(struct big a, struct big b)
{
    for (unsigned i = 0; i < BIG_LIMBS; i++)
        a.limb[i] &= b.limb[i];
    return a;
}

static inline struct big big_or(struct big a, struct big b)
{
    for (unsigned i = 0; i < BIG_LIMBS; i++)
        a.limb[i] |= b.limb[i];
    return a;
}

static inline struct big big_xor(struct big a, struct big b)
{
    for (unsigned i = 0; i < BIG_LIMBS; i++)
        a.limb[i] ^= b.limb[i];
    return a;
}

static inline struct big big_add(struct big a, struct big b)
{
    u128 sum = 0;
    for (unsigned i = 0; i < BIG_LIMBS; i++) {
        sum += (u128)a.limb[i] + b.limb[i];
        a.limb[i] = (uint64_t)sum;
        sum >>= 64;
    }
    return a;
}

static inline struct big big_subtract(struct big a, struct big b)
{
    return big_add(big_add(a, big_not(b)), big_unsigned(1));
}

static inline struct big big_multiply(struct big a, struct big b)
{
    struct big result = {{0}};
    for (unsigned i = 0; i < BIG_LIMBS; i++) {
        u128 carry = 0;
        for (unsigned j = 0; i + j < BIG_LIMBS; j++) {
            carry += (u128)a.limb[i] * b.limb[j] + result.limb[i + j];
            result.limb[i + j] = (uint64_t)carry;
            carry >>= 64;
        }
    }
    return result;
}

static inline bool big_negative(struct big value)
{
    return value.limb[BIG_LIMBS - 1] >> 63;
}

static inline unsigned shift_amount(u128 by)
{
    return by < BIG_BITS ? (unsigned)by : (unsigned)BIG_BITS;
}

static inline unsigned big_amount(struct big by)
{
    for (unsigned i = 2; i < BIG_LIMBS; i++)
        if (by.limb[i])
            return BIG_BITS;
    return shift_amount(big_low(by));
}

static inline struct big big_left(struct big value, unsigned by)
{
    struct big result = {{0}};
    unsigned limbs = by / 64, bits = by % 64;
    for (unsigned i = limbs; i < BIG_LIMBS; i++) {
        result.limb[i] = value.limb[i - limbs] << bits;
        if (bits && i > limbs)
            result.limb[i] |= value.limb[i - limbs - 1] >> (64 - bits);
    }
    return result;
}

static inline struct big big_right(struct big value, unsigned by) /* keeps the sign */
{
    uint64_t sign = big_negative(value) ? UINT64_MAX : 0;
    unsigned limbs = by / 64, bits = by % 64;
    struct big result;
    for (unsigned i = 0; i < BIG_LIMBS; i++) {
        uint64_t low = i + limbs < BIG_LIMBS ? value.limb[i + limbs] : sign;
        uint64_t high = i + limbs + 1 < BIG_LIMBS ? value.limb[i + limbs + 1] : sign;
        result.limb[i] = bits ? low >> bits | high << (64 - bits) : low;
    }
    return result;
}

static inline struct big big_extend(struct big value, unsigned width) /* the low bits as a signed number */
{
    return big_right(big_left(value, BIG_BITS - width), BIG_BITS - width);
}

static inline int big_compare(struct big a, struct big b)
{
    if (big_negative(a) != big_negative(b))
        return big_negative(a) ? -1 : 1;
    for (unsigned i = BIG_LIMBS; i-- > 0;)
        if (a.limb[i] != b.limb[i])
            return a.limb[i] < b.limb[i] ? -1 : 1;
    return 0;
}

static inline struct big big_clamp(struct big value, struct big low, struct big high)
{
    return big_compare(value, low) < 0 ? low : big_compare(value, high) > 0 ? high : value;
}

static inline bool big_truth(struct big value)
{
    uint64_t any = 0;
    for (unsigned i = 0; i < BIG_LIMBS; i++)
        any |= value.limb[i];
    return any;
}

#endif
