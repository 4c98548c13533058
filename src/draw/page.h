/* SPDX-License-Identifier: MIT
 * The page around the data of a graph, as lines that end with NULL: see scripts/embed. */
#ifndef TP_PAGE_H
#define TP_PAGE_H

extern const char *const tp__page_head[], *const tp__page_tail[];

#endif
