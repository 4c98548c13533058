/* SPDX-License-Identifier: MIT
 *
 * Lines of half types to float32 and back, a vector at a time, as base/dtype.c does single ones.
 * Part of vector_body.h, whose file may define
 *
 *     VECTOR_WORDS(x)       half words, each widened by zeros
 *     VECTOR_HALVES(x)      words, of each the lower half
 *     VECTOR_WIDE_F16(x)    the bits of float32 for those of float16
 *     VECTOR_NARROW_F16(x)  the reverse, rounded
 */
typedef uint32_t VECTOR(words) __attribute__((vector_size(VECTOR_BYTES)));
typedef float VECTOR(singles) __attribute__((vector_size(VECTOR_BYTES)));
typedef uint16_t VECTOR(halves) __attribute__((vector_size(VECTOR_BYTES / 2)));

#define VECTOR_CHOOSE(condition, a, b) (((a) & (condition)) | ((b) & ~(condition)))

/* A comparison of vectors gives 0 or all bits. */
#define VECTOR_IF(condition) ((VECTOR(words))(condition))

#if !defined(VECTOR_WORDS)
#define VECTOR_WORDS(x) __builtin_convertvector(x, VECTOR(words))
#define VECTOR_HALVES(x) __builtin_convertvector(x, VECTOR(halves))
#endif

TP_INLINE VECTOR(words) VECTOR(wide_bf16)(VECTOR(halves) x)
{
    return VECTOR_WORDS(x) << 16;
}

TP_INLINE VECTOR(words) VECTOR(wide_f16)(VECTOR(halves) half)
{
#if defined(VECTOR_WIDE_F16)
    return VECTOR_WIDE_F16(half);
#else
    const VECTOR(words) x = VECTOR_WORDS(half), rest = (x & 0x7fff) << 13;
    const VECTOR(words) finite = (VECTOR(words))((VECTOR(singles))rest * 0x1p112f);
    return VECTOR_CHOOSE(VECTOR_IF(rest < 0xf800000), finite, rest | 0x7f800000) | (x & 0x8000)
                                                                                       << 16;
#endif
}

TP_INLINE VECTOR(halves) VECTOR(narrow_bf16)(VECTOR(words) x)
{
    const VECTOR(words) nan = VECTOR_IF((x & 0x7fffffff) > 0x7f800000);
    return VECTOR_HALVES(VECTOR_CHOOSE(nan, x >> 16 | 0x40, (x + 0x7fff + (x >> 16 & 1)) >> 16));
}

TP_INLINE VECTOR(halves) VECTOR(narrow_f16)(VECTOR(words) x)
{
    const VECTOR(words) size = x & 0x7fffffff;
#if defined(VECTOR_NARROW_F16)
    const VECTOR(words) quiet = (x & 0x80000000) | 0x7fc00000; /* any NaN */
    return VECTOR_NARROW_F16(VECTOR_CHOOSE(VECTOR_IF(size > 0x7f800000), quiet, x));
#else
    const VECTOR(words) small = (VECTOR(words))((VECTOR(singles))size + 0.5f) & 0x7ff;
    const VECTOR(words) middle = (size + 0xfff + (size >> 13 & 1) - 0x38000000) >> 13;
    const VECTOR(words) large = 0x7c00 + (VECTOR_IF(size > 0x7f800000) & 0x200);
    const VECTOR(words) finite = VECTOR_CHOOSE(VECTOR_IF(size < 0x38800000), small, middle);
    return VECTOR_HALVES(VECTOR_CHOOSE(VECTOR_IF(size >= 0x477ff000), large, finite) |
                         (x >> 16 & 0x8000));
#endif
}

/* The last vector of a line may begin before the one in front of it ends: both write the same. */
#define VECTOR_HALF(name, To, From, convert)                                                       \
    static void VECTOR(name)(int64_t lines, int64_t n, const char *from, int64_t from_step,        \
                             char *to, int64_t to_step)                                            \
    {                                                                                              \
        enum { LANES = VECTOR_BYTES / sizeof(uint32_t) };                                          \
        const int64_t last = n < LANES ? 0 : n - LANES;                                            \
        VECTOR(From) x, few = {0};                                                                 \
        VECTOR(To) y;                                                                              \
        for (; lines > 0; lines--, from += from_step, to += to_step) {                             \
            const char *in = from;                                                                 \
            char *out = to;                                                                        \
            if (n < LANES) {                                                                       \
                memcpy(&few, from, (size_t)n * sizeof few[0]);                                     \
                in = (const char *)&few;                                                           \
                out = (char *)&y;                                                                  \
            }                                                                                      \
            for (int64_t i = 0; i < n; i += LANES) {                                               \
                const int64_t j = i < last ? i : last;                                             \
                memcpy(&x, in + j * (int64_t)sizeof x[0], sizeof x);                               \
                const VECTOR(To) z = convert(x);                                                   \
                memcpy(out + j * (int64_t)sizeof y[0], &z, sizeof z);                              \
            }                                                                                      \
            if (n < LANES)                                                                         \
                memcpy(to, &y, (size_t)n * sizeof y[0]);                                           \
        }                                                                                          \
    }

VECTOR_HALF(f32_of_f16, words, halves, VECTOR(wide_f16))
VECTOR_HALF(f32_of_bf16, words, halves, VECTOR(wide_bf16))
VECTOR_HALF(f16_of_f32, halves, words, VECTOR(narrow_f16))
VECTOR_HALF(bf16_of_f32, halves, words, VECTOR(narrow_bf16))
