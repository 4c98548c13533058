/* SPDX-License-Identifier: MIT
 * Classes of Unicode's code points: categories L and N, and the property White_Space. */
#ifndef TP_UNICODE_H
#define TP_UNICODE_H

#include <stdbool.h>
#include <stdint.h>

bool tp__unicode_is_letter(int32_t code);
bool tp__unicode_is_digit(int32_t code);
bool tp__unicode_is_space(int32_t code);

#endif
