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

#if defined(__GLIBC__) && !defined(TP_NO_THREADS)

#include <execinfo.h>

#include "base/system.h"

enum { SITE_PATH = 512 };

typedef struct site_module {
    char path[SITE_PATH];
    uintptr_t base; /* of what the file shows as address 0 */
} site_module;

void tp__site_take(tp__site *site)
{
    site->n = backtrace(site->frames, TP__SITE_FRAMES);
}

/* Byte 16 of an ELF file is its type. A program at a fixed address (2, ET_EXEC) has these addresses
 * in its file too; what is loaded anywhere (3, ET_DYN) counts from its start. */
static uintptr_t site_base(uintptr_t start)
{
    return *(const unsigned char *)(start + 16) == 3 ? start : 0;
}

/* The file whose code is at that address. A file has several lines in a row, of which the first
 * tells where it begins. A path with a quote would not do in a command, and is not asked about. */
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

/* The file's name without "..", if the file is there; the line number stays. */
static void site_clean(char text[TP__SITE_TEXT])
{
    char line[16], *colon = strrchr(text, ':');
    if (!colon)
        return;
    snprintf(line, sizeof line, "%.15s", colon);
    *colon = 0;
    char *path = realpath(text, NULL);
    *colon = ':';
    if (path)
        snprintf(text, TP__SITE_TEXT, "%.*s%s", TP__SITE_TEXT - 17, path, line);
    free(path);
}

/* True for the functions of public headers that run when a scope closes. */
static bool site_is_header(const char *line)
{
    return strstr(line, "tinypytorch/scope.h:") || strstr(line, "tinypytorch/draw.h:");
}

/* What addr2line says of the call that returns to address: "file:line", or false. The call is
 * before the address, hence the byte less. Of functions compiled into one another the innermost
 * comes first. */
static bool site_ask(const site_module *module, uintptr_t address, char text[TP__SITE_TEXT])
{
    char command[SITE_PATH + 128];
    snprintf(command, sizeof command, "addr2line -i -e '%s' 0x%lx 2>/dev/null", module->path,
             (unsigned long)(address - module->base - 1));
    FILE *pipe = popen(command, "r");
    bool good = pipe && fgets(text, TP__SITE_TEXT, pipe);
    while (good && site_is_header(text) && fgets(text, TP__SITE_TEXT, pipe))
        ;
    if (pipe)
        pclose(pipe);
    if (!good)
        return false;
    text[strcspn(text, "\n ")] = 0;
    if (text[0] == '?' || strstr(text, ":?") || strstr(text, ":0"))
        return false;
    site_clean(text);
    return true;
}

/* The same, remembered: a program that meets one error often asks once. */
static bool site_line(const site_module *module, uintptr_t address, char text[TP__SITE_TEXT])
{
    static tp__mutex lock = TP__MUTEX_START;
    static struct {
        uintptr_t address;
        bool known;
        char text[TP__SITE_TEXT];
    } lines[64], *line;
    tp__lock(&lock);
    line = &lines[address % 61];
    if (line->address != address) {
        line->known = site_ask(module, address, line->text);
        line->address = address;
    }
    bool known = line->known;
    snprintf(text, TP__SITE_TEXT, "%s", line->text);
    tp__unlock(&lock);
    return known;
}

/* Where the library's code lies, and its sources if they are known: the length of their folder's
 * path in line. */
static size_t site_library(site_module *library, char line[TP__SITE_TEXT])
{
    uintptr_t here = (uintptr_t)tp__site_take;
    line[0] = 0;
    if (!site_find(here, library) || !site_line(library, here + 1, line))
        return 0;
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

/* Frames before the first of the library's are those of a memory checker that takes the stack;
 * those from the C library's on called main. */
const char *tp__site_text(char text[TP__SITE_TEXT], const tp__site *site)
{
    char own[TP__SITE_TEXT], line[TP__SITE_TEXT] = "";
    site_module library = {0}, module = {0};
    size_t sources = site_library(&library, own);
    bool entered = false;
    text[0] = 0;
    for (int i = 0; i < site->n && !text[0]; i++) {
        uintptr_t address = (uintptr_t)site->frames[i];
        if (!site_find(address, &module))
            continue;
        if (strstr(module.path, "/libc.so"))
            break;
        bool known = site_line(&module, address, line);
        bool ours = strcmp(module.path, library.path) == 0 &&
                    (!known || (sources && strncmp(line, own, sources) == 0));
        ours = ours || (known && site_is_header(line));
        if (entered && !ours && known)
            snprintf(text, TP__SITE_TEXT, "%s", line);
        else if (entered && !ours)
            site_symbol(site->frames[i], text);
        entered = entered || ours;
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
