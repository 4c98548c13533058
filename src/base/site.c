/* SPDX-License-Identifier: MIT
 *
 * An address belongs to the file that /proc/self/maps shows there; addr2line turns it into a line.
 * The library's own frames are those in its shared file or, where it is linked into the program,
 * those whose source lies beside this one, or is unknown.
 */
#include "base/features.h"

#include "base/site.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(__GLIBC__)

#include <execinfo.h>

enum { SITE_PATH = 512 };

typedef struct site_module {
    char path[SITE_PATH];
    uintptr_t base; /* of what the file shows as address 0 */
} site_module;

void tp__site_take(tp__site *site)
{
    site->n = backtrace(site->frames, TP__SITE_FRAMES);
}

/* Programs at fixed addresses (ET_EXEC) show these in their files too. */
static uintptr_t site_base(uintptr_t start)
{
    return *(const unsigned char *)(start + 16) == 3 ? start : 0;
}

static bool site_find(uintptr_t address, site_module *module)
{
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[SITE_PATH + 128], first[SITE_PATH] = "";
    bool found = false;
    module->base = 0;
    while (maps && !found && fgets(line, sizeof line, maps)) {
        unsigned long start, end, offset;
        char path[SITE_PATH] = "";
        if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %511[^\n]", &start, &end, &offset, path) < 4 ||
            path[0] != '/')
            continue;
        if (strcmp(path, first) != 0) {
            snprintf(first, sizeof first, "%s", path);
            module->base = site_base(start);
        }
        found = address >= start && address < end;
        if (found)
            snprintf(module->path, sizeof module->path, "%s", path);
    }
    if (maps)
        fclose(maps);
    return found && !strchr(module->path, '\'');
}

/* What addr2line says of the call that returns to address: "file:line", or false. */
static bool site_line(const site_module *module, uintptr_t address, char text[TP__SITE_TEXT])
{
    char command[SITE_PATH + 128];
    snprintf(command, sizeof command, "addr2line -e '%s' 0x%lx 2>/dev/null", module->path,
             (unsigned long)(address - module->base - 1));
    FILE *pipe = popen(command, "r");
    bool good = pipe && fgets(text, TP__SITE_TEXT, pipe);
    if (pipe)
        pclose(pipe);
    if (good)
        text[strcspn(text, "\n ")] = 0;
    return good && text[0] != '?' && !strstr(text, ":?") && !strstr(text, ":0");
}

/* The folder of the library's sources, from the line of a frame in this file; its length. */
static size_t site_sources(const char *line)
{
    const char *tail = strstr(line, "/base/site.c");
    return tail ? (size_t)(tail + 1 - line) : 0;
}

/* The name of an address, by the symbols that the program exports. */
static void site_symbol(void *address, char text[TP__SITE_TEXT])
{
    char **names = backtrace_symbols(&address, 1);
    if (names) {
        const char *slash = strrchr(names[0], '/');
        snprintf(text, TP__SITE_TEXT, "%s", slash ? slash + 1 : names[0]);
        text[strcspn(text, " ")] = 0;
    }
    free(names);
}

const char *tp__site_text(char text[TP__SITE_TEXT], const tp__site *site)
{
    char own[TP__SITE_TEXT] = "", line[TP__SITE_TEXT] = "";
    site_module library = {0}, module = {0};
    size_t sources = 0;
    text[0] = 0;
    for (int i = 0; i < site->n; i++) {
        uintptr_t address = (uintptr_t)site->frames[i];
        if (!site_find(address, &module))
            continue;
        bool known = site_line(&module, address, line);
        if (i == 0) {
            library = module;
            snprintf(own, sizeof own, "%s", known ? line : "");
            sources = site_sources(own);
            continue;
        }
        bool same = strcmp(module.path, library.path) == 0;
        if (same && (!known || (sources && strncmp(line, own, sources) == 0)))
            continue;
        if (known)
            snprintf(text, TP__SITE_TEXT, "%s", line);
        else
            site_symbol(site->frames[i], text);
        break;
    }
    return text;
}

#else

void tp__site_take(tp__site *site)
{
    site->n = 0;
}

const char *tp__site_text(char text[TP__SITE_TEXT], const tp__site *site)
{
    (void)site;
    text[0] = 0;
    return text;
}

#endif
