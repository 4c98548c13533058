/* SPDX-License-Identifier: MIT
 * The check sum of zip: the cyclic redundancy check of 32 bits with the polynomial 0xEDB88320. */
#ifndef TP_CRC_H
#define TP_CRC_H

#include <stddef.h>
#include <stdint.h>

/* That of bytes behind others, whose sum is `before` (0 for none). */
uint32_t tp__crc(uint32_t before, const void *bytes, size_t size);

#endif
