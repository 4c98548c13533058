/* SPDX-License-Identifier: MIT
 *
 * Colors: names, the cycle for curves, and palettes, which are interpolated between anchors at
 * equal distances.
 */
#include "base/features.h"

#include "plot/plot.h"

#include <string.h>

#include "tinypytorch/error.h"

#define PLOT_COUNT(array) (sizeof(array) / sizeof *(array))

/* Toned for a white page. */
static const struct {
    const char *name;
    uint32_t rgb;
} plot_color_names[] = {
    {"black", 0x000000},  {"gray", 0x7f7f7f},   {"white", 0xffffff},   {"red", 0xe60000},
    {"orange", 0xff8c00}, {"yellow", 0xffeb00}, {"green", 0x1a9641},   {"blue", 0x1f4fd8},
    {"cyan", 0x17becf},   {"purple", 0x7b3294}, {"magenta", 0xe000e0}, {"pink", 0xf77fbe},
    {"brown", 0x8c564b},
};

/* Okabe & Ito's eight, neighbours far apart. */
static const uint32_t plot_color_cycle[] = {
    0x0072b2, 0xd55e00, 0x009e73, 0xcc79a7, 0xe69f00, 0x56b4e9, 0x000000, 0xf0e442,
};

static const uint32_t plot_color_viridis[] = {
    0x440154, 0x472d7b, 0x3b528b, 0x2c728e, 0x21918c, 0x28ae80, 0x5ec962, 0xaddc30, 0xfde725,
};

static const uint32_t plot_color_rainbow[] = {
    0x30309c, 0x2f60e0, 0x1fa4f0, 0x18cfc4, 0x3ecf6a,
    0x9ed330, 0xf2c018, 0xf5791f, 0xd9301a, 0x9a0c14,
};

static const uint32_t plot_color_cividis[] = {
    0x00204d, 0x00336f, 0x39486b, 0x575c6d, 0x707173,
    0x8a8779, 0xa69d75, 0xc4b56c, 0xe4cf5b, 0xffea46,
};

static const uint32_t plot_color_gray[] = {0x000000, 0xffffff};

/* ColorBrewer's RdBu (Harrower & Brewer 2003), blue first. */
static const uint32_t plot_color_diverging[] = {
    0x2166ac, 0x67a9cf, 0xd1e5f0, 0xf7f7f7, 0xfddbc7, 0xef8a62, 0xb2182b,
};

static const struct {
    const uint32_t *anchors;
    size_t n;
} plot_color_palettes[] = {
    [TP_PALETTE_VIRIDIS] = {plot_color_viridis, PLOT_COUNT(plot_color_viridis)},
    [TP_PALETTE_RAINBOW] = {plot_color_rainbow, PLOT_COUNT(plot_color_rainbow)},
    [TP_PALETTE_CIVIDIS] = {plot_color_cividis, PLOT_COUNT(plot_color_cividis)},
    [TP_PALETTE_GRAY] = {plot_color_gray, PLOT_COUNT(plot_color_gray)},
    [TP_PALETTE_DIVERGING] = {plot_color_diverging, PLOT_COUNT(plot_color_diverging)},
};

static void plot_color_unpack(uint32_t rgb, tp__plot_rgb *color)
{
    color->r = (rgb >> 16 & 255) / 255.0;
    color->g = (rgb >> 8 & 255) / 255.0;
    color->b = (rgb & 255) / 255.0;
}

static int plot_color_digit(char c)
{
    static const char digits[] = "0123456789abcdef0123456789ABCDEF";
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)((at - digits) % 16) : -1;
}

static bool plot_color_hex(const char *text, uint32_t *rgb)
{
    *rgb = 0;
    for (int i = 0; i < 6; i++) {
        int digit = plot_color_digit(text[i]);
        if (digit < 0)
            return false;
        *rgb = *rgb << 4 | (uint32_t)digit;
    }
    return !text[6];
}

bool tp__plot_color(const char *text, tp__plot_rgb *color)
{
    uint32_t rgb;
    if (text[0] == '#') {
        if (!plot_color_hex(text + 1, &rgb))
            return false;
        plot_color_unpack(rgb, color);
        return true;
    }
    for (size_t i = 0; i < PLOT_COUNT(plot_color_names); i++) {
        if (!strcmp(text, plot_color_names[i].name)) {
            plot_color_unpack(plot_color_names[i].rgb, color);
            return true;
        }
    }
    return false;
}

void tp__plot_cycle(size_t index, tp__plot_rgb *color)
{
    plot_color_unpack(plot_color_cycle[index % PLOT_COUNT(plot_color_cycle)], color);
}

static void plot_color_between(const uint32_t *anchors, size_t n, double t, tp__plot_rgb *color)
{
    double place = (t < 0 ? 0 : t > 1 ? 1 : t) * (double)(n - 1);
    size_t k = (size_t)place < n - 2 ? (size_t)place : n - 2;
    tp__plot_rgb a, b;
    plot_color_unpack(anchors[k], &a);
    plot_color_unpack(anchors[k + 1], &b);
    double f = place - (double)k;
    color->r = a.r + f * (b.r - a.r);
    color->g = a.g + f * (b.g - a.g);
    color->b = a.b + f * (b.b - a.b);
}

void tp__plot_palette(tp_palette palette, double t, tp__plot_rgb *color)
{
    plot_color_between(plot_color_palettes[palette].anchors, plot_color_palettes[palette].n, t,
                       color);
}

bool tp__plot_is_palette(const char *call, tp_palette palette)
{
    if ((size_t)palette < PLOT_COUNT(plot_color_palettes))
        return true;
    tp_fail(TP_ERROR_ARGUMENT, "%s: there is no palette %d", call, (int)palette);
    return false;
}
