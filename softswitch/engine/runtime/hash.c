/* Tables for the CRCs that `bits.h` computes, made once when the library is loaded. */
#include "bits.h"

/* Written by the constructor only, before any packet. */
uint16_t crc16_table[256];
uint32_t crc32_tables[4][256];

__attribute__((constructor)) static void make_tables(void)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t crc16 = i, crc32 = i;
        for (int bit = 0; bit < 8; bit++) {
            crc16 = crc16 >> 1 ^ (crc16 & 1 ? 0xa001 : 0);
            crc32 = crc32 >> 1 ^ (crc32 & 1 ? 0xedb88320 : 0);
        }
        crc16_table[i] = (uint16_t)crc16;
        crc32_tables[0][i] = crc32;
    }
    for (uint32_t i = 0; i < 256; i++)
        for (int slice = 1; slice < 4; slice++) {
            uint32_t crc = crc32_tables[slice - 1][i];
            crc32_tables[slice][i] = crc >> 8 ^ crc32_tables[0][crc & 0xff];
        }
}
