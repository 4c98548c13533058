/* SPDX-License-Identifier: MIT
 *
 * Reads the DOT text of a graph line by line and holds it to its form: every node once, every edge
 * between nodes, variables and functions with their colours.
 */
#ifndef TP_DOT_PARSE_H
#define TP_DOT_PARSE_H

#include <stdio.h>

#include "harness.h"

enum { DOT_MOST = 400, DOT_LABEL = 200 };

typedef struct dot_node {
    unsigned long id;
    bool function;
    char label[DOT_LABEL]; /* as written, with its escapes */
} dot_node;

typedef struct dot_graph {
    int n_nodes, n_variables, n_functions, n_edges;
    dot_node nodes[DOT_MOST];
    unsigned long edges[DOT_MOST][2];
} dot_graph;

static inline dot_node *dot_node_of(dot_graph *g, unsigned long id)
{
    for (int i = 0; i < g->n_nodes; i++)
        if (g->nodes[i].id == id)
            return &g->nodes[i];
    return NULL;
}

static inline bool dot_ends(const char *line, const char *end)
{
    size_t n = strlen(line), m = strlen(end);
    return n >= m && !strcmp(line + n - m, end);
}

static inline bool dot_parse_node(dot_graph *g, const char *line)
{
    static const char *const kinds[] = {"\", color=orange, style=filled]",
                                        "\", color=lightblue, style=filled, shape=box]"};
    dot_node *node = &g->nodes[g->n_nodes];
    int start = 0;
    if (sscanf(line, "%lu [label=\"%n", &node->id, &start) != 1 || !start ||
        g->n_nodes == DOT_MOST || dot_node_of(g, node->id))
        return false;
    node->function = dot_ends(line, kinds[1]);
    if (!node->function && !dot_ends(line, kinds[0]))
        return false;
    snprintf(node->label, sizeof node->label, "%.*s",
             (int)(strlen(line + start) - strlen(kinds[node->function])), line + start);
    g->n_functions += node->function;
    g->n_variables += !node->function;
    g->n_nodes++;
    return true;
}

static inline bool dot_parse_line(dot_graph *g, const char *line)
{
    unsigned long from, to;
    int end = 0;
    if (sscanf(line, "%lu -> %lu%n", &from, &to, &end) == 2 && !line[end]) {
        if (g->n_edges == DOT_MOST)
            return false;
        g->edges[g->n_edges][0] = from;
        g->edges[g->n_edges++][1] = to;
        return true;
    }
    return dot_parse_node(g, line);
}

static inline bool dot_edges_join_kinds(dot_graph *g)
{
    for (int i = 0; i < g->n_edges; i++) {
        const dot_node *a = dot_node_of(g, g->edges[i][0]), *b = dot_node_of(g, g->edges[i][1]);
        if (!a || !b || a->function == b->function)
            return false;
    }
    return true;
}

/* False, and the line in bad, if text is not such a graph. */
static inline bool dot_parse(dot_graph *g, const char *text, char *bad, size_t bad_size)
{
    static char line[40000];
    bool open = false, closed = false;
    memset(g, 0, sizeof *g);
    while (*text) {
        size_t n = strcspn(text, "\n");
        if (n >= sizeof line || text[n] != '\n')
            return false;
        snprintf(line, sizeof line, "%.*s", (int)n, text);
        text += n + 1;
        snprintf(bad, bad_size, "%.150s", line);
        if (closed || (!open && strcmp(line, "digraph g {") != 0))
            return false;
        if (open && !strcmp(line, "}"))
            closed = true;
        else if (open && !dot_parse_line(g, line))
            return false;
        open = true;
    }
    snprintf(bad, bad_size, "an edge or the end");
    return closed && dot_edges_join_kinds(g);
}

/* How many nodes of a kind have this label. */
static inline int dot_count(const dot_graph *g, bool function, const char *label)
{
    int n = 0;
    for (int i = 0; i < g->n_nodes; i++)
        n += g->nodes[i].function == function && !strcmp(g->nodes[i].label, label);
    return n;
}

static inline bool dot_labelled(dot_graph *g, unsigned long id, const char *label)
{
    const dot_node *node = dot_node_of(g, id);
    return node && !strcmp(node->label, label);
}

/* How many edges lead from a node with one label to one with another. */
static inline int dot_edges(dot_graph *g, const char *from, const char *to)
{
    int n = 0;
    for (int i = 0; i < g->n_edges; i++)
        n += dot_labelled(g, g->edges[i][0], from) && dot_labelled(g, g->edges[i][1], to);
    return n;
}

#endif
