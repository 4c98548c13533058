/* SPDX-License-Identifier: MIT
 *
 * Eight bytes a step: table[k] tells what a byte does to the sum with k bytes behind it.
 */
#include "base/features.h"

#include "io/crc.h"

#include "base/system.h"

static uint32_t crc_table[8][256];
static tp__once crc_once = TP__ONCE_START;

static void crc_start(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t sum = byte;
        for (int bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ (sum & 1 ? UINT32_C(0xEDB88320) : 0);
        crc_table[0][byte] = sum;
    }
    for (int k = 1; k < 8; k++)
        for (int byte = 0; byte < 256; byte++)
            crc_table[k][byte] =
                crc_table[k - 1][byte] >> 8 ^ crc_table[0][crc_table[k - 1][byte] & 255];
}

uint32_t tp__crc(uint32_t before, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;
    uint32_t sum = ~before;
    tp__call_once(&crc_once, crc_start);
    for (; size >= 8; at += 8, size -= 8) {
        uint32_t next = 0;
        for (int k = 0; k < 4; k++) {
            next ^= crc_table[7 - k][(at[k] ^ sum >> 8 * k) & 255];
            next ^= crc_table[3 - k][at[4 + k]];
        }
        sum = next;
    }
    for (; size; at++, size--)
        sum = sum >> 8 ^ crc_table[0][(*at ^ sum) & 255];
    return ~sum;
}
