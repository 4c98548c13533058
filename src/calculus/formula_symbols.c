/* SPDX-License-Identifier: MIT
 *
 * Words and numbers of formulas. Beyond ASCII there are letters, which names are made of, and signs
 * as people and editors write them. A sign without a meaning here is an error that shows it, never
 * part of a name.
 */
#include "base/features.h"

#include <math.h>
#include <string.h>

#include "base/escape.h"
#include "base/numbers.h"
#include "calculus/formula.h"

/* The character at s, which is `length` bytes long; 0 if that is no UTF-8. */
static uint32_t symbols_code(const char *s, size_t *length)
{
    const unsigned char *u = (const unsigned char *)s;
    *length = u[0] < 0x80 ? 1 : tp__escape_utf8(s);
    static const unsigned char lead[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    uint32_t code = *length ? u[0] & lead[*length] : 0;
    for (size_t i = 1; i < *length; i++)
        code = code << 6 | (u[i] & 0x3F);
    return code;
}

/* Controls, punctuation, operators, arrows, spaces, raised digits: what is in no name. ∞ is one. */
static bool symbols_is_sign(uint32_t code)
{
    static const uint32_t ranges[][2] = {
        {0x80, 0xA9},     {0xAB, 0xB4},     {0xB6, 0xB9},     {0xBB, 0xBF},     {0xD7, 0xD7},
        {0xF7, 0xF7},     {0x2000, 0x207E}, {0x20A0, 0x20CF}, {0x2190, 0x221D}, {0x221F, 0x245F},
        {0x2500, 0x2BFF}, {0x3000, 0x3004}, {0x3008, 0x3020}, {0xFE10, 0xFE1F}, {0xFE30, 0xFE6F},
        {0xFEFF, 0xFEFF}, {0xFF00, 0xFF0F}, {0xFF1A, 0xFF20}, {0xFF3B, 0xFF40}, {0xFF5B, 0xFF65},
        {0xFFE0, 0xFFFF},
    };
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        if (code >= ranges[i][0] && code <= ranges[i][1])
            return true;
    return false;
}

static bool symbols_is_letter(uint32_t code)
{
    return (code >= 'a' && code <= 'z') || (code >= 'A' && code <= 'Z') || code == '_' ||
           (code >= 0x80 && !symbols_is_sign(code));
}

size_t tp__formula_name(const char *s)
{
    size_t n = 0, length;
    while (symbols_is_letter(symbols_code(s + n, &length)) || (n > 0 && s[n] >= '0' && s[n] <= '9'))
        n += length;
    return n;
}

const char *tp__formula_skip_spaces(const char *s)
{
    size_t length;
    for (;; s += length) {
        uint32_t code = symbols_code(s, &length);
        bool space = code == ' ' || code == '\t' || code == '\r' || code == '\n' || code == 0xA0 ||
                     (code >= 0x2000 && code <= 0x200A) || code == 0x202F || code == 0x205F ||
                     code == 0x3000;
        if (!space)
            return s;
    }
}

size_t tp__formula_minus(const char *s)
{
    return *s == '-' ? 1 : strncmp(s, "−", strlen("−")) ? 0 : strlen("−");
}

size_t tp__formula_digits(const char *s)
{
    return strspn(s, "0123456789");
}

static size_t symbols_number_length(const char *s)
{
    size_t whole = tp__formula_digits(s), n = whole;
    if (s[n] == '.')
        n += 1 + tp__formula_digits(s + n + 1);
    if (n == 0 || (whole == 0 && n == 1))
        return 0;
    if (s[n] == 'e' || s[n] == 'E') {
        size_t sign = s[n + 1] == '+' ? 1 : tp__formula_minus(s + n + 1);
        size_t exponent = tp__formula_digits(s + n + 1 + sign);
        n += exponent ? 1 + sign + exponent : 0;
    }
    return n;
}

size_t tp__formula_number_at(const char *s, double *number)
{
    char copy[TP__FORMULA_DIGITS + 1];
    size_t length = symbols_number_length(s), n = 0;
    for (size_t i = 0, minus; i < length && length < sizeof copy; i += minus ? minus : 1) {
        minus = tp__formula_minus(s + i);
        copy[n++] = minus ? '-' : s[i];
    }
    copy[n] = 0;
    *number = tp__read_number(copy, NULL);
    return length;
}

/* The length of a raised digit at s, 0 if there is none. 10 is a raised minus, 11 a raised plus. */
static size_t symbols_raised(const char *s, int *digit)
{
    static const char *const raised[] = {"⁰", "¹", "²", "³", "⁴", "⁵",
                                         "⁶", "⁷", "⁸", "⁹", "⁻", "⁺"};
    for (*digit = 0; *digit < 12; ++*digit)
        if (!strncmp(s, raised[*digit], strlen(raised[*digit])))
            return strlen(raised[*digit]);
    return 0;
}

size_t tp__formula_raised(const char *s, double *number)
{
    size_t n = 0, digits = 0, length;
    int digit;
    double sign = 1, sum = 0;
    for (; (length = symbols_raised(s + n, &digit)) && (digit < 10 || n == 0); n += length) {
        sign = digit == 10 ? -1 : sign;
        sum = digit < 10 ? 10 * sum + digit : sum;
        digits += digit < 10;
    }
    *number = digits > 0 && digits <= 15 ? sign * sum : (double)NAN;
    return n;
}

static bool symbols_is_invisible(uint32_t code)
{
    return (code >= 0x200B && code <= 0x200F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2060 && code <= 0x206F) || code == 0xFEFF;
}

bool tp__formula_odd(const char *s, char text[80])
{
    size_t length;
    uint32_t code = symbols_code(s, &length);
    if ((unsigned char)*s < 0x80 || symbols_is_letter(code))
        return false;
    if (!length)
        snprintf(text, 80, "a byte that is no UTF-8, 0x%02X", (unsigned)(unsigned char)*s);
    else if (tp__escape_character(s) && !symbols_is_invisible(code))
        snprintf(text, 80, "the character \"%.*s\" (U+%04X) has no meaning here", (int)length, s,
                 (unsigned)code);
    else
        snprintf(text, 80, "an invisible character, U+%04X", (unsigned)code);
    return true;
}
