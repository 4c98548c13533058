/* SPDX-License-Identifier: MIT
 *
 * Files that are written whole or not at all (file.h).
 *
 * tp__file_begin decides in which of three ways a path is written: to a stream that is open
 * already, directly, or to a new file beside it that replaces it at the end. Errors of the system
 * are kept by number in the tp__file, the first one wins, and nothing is recorded until
 * tp__file_good puts them in words: so the writers need no check after each line.
 */
#include "base/features.h"

#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/numbers.h"
#include "base/system.h"
#include "base/text.h"
#include "tinypytorch/error.h"

enum { FILE_NAMES = 1000 }; /* temporary names to try */

/* The first error is kept. One that the system gave no number for is EIO. */
static void file_fail(tp__file *file, int error)
{
    if (!file->error)
        file->error = error ? error : EIO;
}

/* A system of one process may know neither permissions nor paths' real forms. Then a file that may
 * not be written is found out by writing, and links are written through. */
#if defined(TP_NO_THREADS)

static bool file_allows(const char *path)
{
    (void)path;
    return true;
}

static bool file_permit(int descriptor, mode_t mode)
{
    (void)descriptor, (void)mode;
    return true;
}

static char *file_real(const char *path)
{
    (void)path;
    return NULL;
}

static int file_again(int descriptor)
{
    (void)descriptor;
    return -1;
}

#else

static bool file_allows(const char *path)
{
    return faccessat(AT_FDCWD, path, W_OK, AT_EACCESS) == 0;
}

static bool file_permit(int descriptor, mode_t mode)
{
    return fchmod(descriptor, mode & 07777) == 0;
}

static char *file_real(const char *path)
{
    return realpath(path, NULL);
}

static int file_again(int descriptor)
{
    return dup(descriptor);
}

#endif

/* A stream to what the process has open already, if path is a name for that, /dev/stdout or
 * /dev/fd/5; else NULL. Writing goes on at its place, even in a plain file. */
static FILE *file_open_again(const char *path)
{
    int descriptor = strcmp(path, "/dev/stdout") == 0   ? 1
                     : strcmp(path, "/dev/stderr") == 0 ? 2
                                                        : -1;
    if (strncmp(path, "/dev/fd/", 8) == 0 && path[8] && !path[8 + strspn(path + 8, "0123456789")])
        descriptor = (int)strtol(path + 8, NULL, 10);
    if (descriptor < 0)
        return NULL;
    fflush(descriptor == 1 ? stdout : NULL);
    descriptor = file_again(descriptor);
    FILE *stream = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (descriptor >= 0 && !stream)
        close(descriptor);
    return stream;
}

/* Makes a new file beside file->path, whose name is file->temporary: a hidden one, of this
 * process's number and a count. O_EXCL: a name that is taken is never written to, nor a link
 * followed. Returns its descriptor, or -1, with errno. */
static int file_open_beside(tp__file *file, mode_t mode)
{
    static _Atomic unsigned count;
    const char *slash = strrchr(file->path, '/');
    int directory = slash ? (int)(slash + 1 - file->path) : 0, descriptor = -1;
    for (int i = 0; i < FILE_NAMES && descriptor < 0; i++) {
        tp__text name = {0};
        tp__text_format(&name, "%.*s.tinypytorch-%ld-%u", directory, file->path, tp__process(),
                        atomic_fetch_add(&count, 1));
        file->temporary = tp__text_take(&name);
        if (!file->temporary) {
            errno = ENOMEM;
            return -1;
        }
        descriptor = open(file->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
        if (descriptor >= 0)
            break;
        int error = errno;
        tp__free(file->temporary);
        file->temporary = NULL;
        errno = error;
        if (error != EEXIST)
            return -1;
    }
    return descriptor;
}

/* The stream of a new file, with the permissions of the one it is to replace, if there is one. The
 * path has no real form where a folder above may not be searched; a link that leads nowhere, or
 * into such a folder, is written through. */
static FILE *file_open(tp__file *file, const char *path)
{
    struct stat old, link;
    FILE *again = file_open_again(path);
    if (again)
        return again;
    char *real = file_real(path);
    bool there = stat(path, &old) == 0;
    bool linked = !real && lstat(path, &link) == 0 && S_ISLNK(link.st_mode);
    file->path = tp__copy_text(real ? real : path);
    free(real);
    if (!file->path) {
        errno = ENOMEM;
        return NULL;
    }
    if (linked || (there && !S_ISREG(old.st_mode)))
        return fopen(path, "wb");
    if (there && !file_allows(file->path))
        return NULL;
    int descriptor = file_open_beside(file, 0666);
    if (descriptor >= 0 && there && !file_permit(descriptor, old.st_mode))
        file_fail(file, errno);
    FILE *stream = descriptor >= 0 ? fdopen(descriptor, "wb") : NULL;
    if (descriptor >= 0 && !stream)
        close(descriptor);
    return stream;
}

void tp__file_begin(tp__file *file, const char *path)
{
    *file = (tp__file){0};
    errno = 0;
    file->stream = file_open(file, path);
    if (!file->stream)
        file_fail(file, errno);
}

void tp__file_write(tp__file *file, const void *bytes, size_t length)
{
    errno = 0;
    if (!file->error && fwrite(bytes, 1, length, file->stream) != length)
        file_fail(file, errno);
}

/* Brings what was written to the disk before the file takes its name: a rename may otherwise get
 * there first, and a crash leave an empty file. Some file systems cannot flush one file; they say
 * so, and it is no failure. */
static bool file_flush(const tp__file *file)
{
    return fflush(file->stream) == 0 && !ferror(file->stream) &&
           (!file->temporary || fsync(fileno(file->stream)) == 0 || errno == EINVAL ||
            errno == ENOTSUP);
}

/* A name, too, is on the disk only when its directory is. Where that cannot be asked for, the
 * system does what it does. */
static void file_flush_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *directory = slash ? strndup(path, (size_t)(slash + 1 - path)) : NULL;
    int descriptor = open(directory ? directory : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor >= 0) {
        (void)fsync(descriptor);
        close(descriptor);
    }
    free(directory);
}

int tp__file_end(tp__file *file, bool keep)
{
    errno = 0;
    if (file->stream && keep && !file->error && !file_flush(file))
        file_fail(file, errno);
    if (file->stream && fclose(file->stream) != 0 && keep)
        file_fail(file, errno);
    if (file->temporary) {
        if (keep && !file->error && rename(file->temporary, file->path) != 0)
            file_fail(file, errno);
        if (!keep || file->error)
            unlink(file->temporary);
        else
            file_flush_directory(file->path);
    }
    tp__free(file->temporary);
    tp__free(file->path);
    file->stream = NULL;
    file->path = file->temporary = NULL;
    return file->error;
}

/* True if it is the directory of path that does not allow a new file in it; its name is put in
 * `to`. */
static bool file_directory_refuses(const char *path, char *to, size_t size)
{
    char *real = file_real(path);
    const char *slash = strrchr(real ? real : path, '/');
    int length = slash ? (int)(slash - (real ? real : path)) : 0;
    snprintf(to, size, "%.*s", slash && length ? length : 1,
             slash && length ? (real ? real : path)
             : slash         ? "/"
                             : ".");
    bool there = access(path, F_OK) == 0;
    bool refuses = (!there || file_allows(path)) && access(to, F_OK) == 0 && !file_allows(to);
    free(real);
    return refuses;
}

bool tp__file_good(const char *call, const char *path, int error)
{
    char reason[120], directory[400];
    tp__error_text(reason, sizeof reason, error);
    if ((error == EACCES || error == EROFS || error == EPERM) &&
        file_directory_refuses(path, directory, sizeof directory)) {
        tp_fail(TP_ERROR_FILE,
                "%s: cannot write %s: no new file can be made in the directory %s, where files are "
                "put together: %s",
                call, path, directory, reason);
        return false;
    }
    if (error == ENOMEM)
        tp_fail(TP_ERROR_MEMORY, "%s: out of memory writing %s", call, path);
    else if (error)
        tp_fail(TP_ERROR_FILE, "%s: cannot write %s: %s", call, path, reason);
    return !error;
}

bool tp__file_save(const char *call, const char *path, const void *bytes, size_t length)
{
    tp__file file;
    tp__file_begin(&file, path);
    tp__file_write(&file, bytes, length);
    return tp__file_good(call, path, tp__file_end(&file, true));
}
