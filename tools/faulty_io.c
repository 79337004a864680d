/* Makes system calls on some files fail, to see what a program makes of it.
 *
 * cc -shared -fPIC -o faulty_io.so faulty_io.c -ldl
 * LD_PRELOAD=./faulty_io.so FAULTY_FILES=values.sqlite FAULTY_AT=17 FAULTY_ERRNO=28 program
 *
 * FAULTY_FILES: a part of the paths of the files that are meant.
 * FAULTY_AT: which call on them fails: writes, truncations, flushes to disk, and openings for writing
 *     are counted from 1.
 * FAULTY_ERRNO: what it fails with, such as 28 (ENOSPC), 5 (EIO) or 30 (EROFS).
 * FAULTY_COUNT: how many calls in a row fail, by default 1; 0 for all from there on.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static long calls;

static int fails(const char *path) {
    const char *files = getenv("FAULTY_FILES"), *at = getenv("FAULTY_AT");
    const char *count = getenv("FAULTY_COUNT"), *error = getenv("FAULTY_ERRNO");
    if (!files || !at || !error || !strstr(path, files)) return 0;
    long call = __sync_add_and_fetch(&calls, 1), first = atol(at), many = count ? atol(count) : 1;
    if (call < first || (many && call >= first + many)) return 0;
    errno = atoi(error);
    return 1;
}

static int fails_at(int file) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return fails(path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int f, const void *b, size_t n) { return fails_at(f) ? -1 : REAL(write)(f, b, n); }
ssize_t pwrite(int f, const void *b, size_t n, off_t o) {
    return fails_at(f) ? -1 : REAL(pwrite)(f, b, n, o);
}
ssize_t pwrite64(int f, const void *b, size_t n, off64_t o) {
    return fails_at(f) ? -1 : REAL(pwrite64)(f, b, n, o);
}
int fsync(int f) { return fails_at(f) ? -1 : REAL(fsync)(f); }
int fdatasync(int f) { return fails_at(f) ? -1 : REAL(fdatasync)(f); }
int ftruncate(int f, off_t n) { return fails_at(f) ? -1 : REAL(ftruncate)(f, n); }
int ftruncate64(int f, off64_t n) { return fails_at(f) ? -1 : REAL(ftruncate64)(f, n); }

static mode_t mode_of(int flags, va_list rest) {
    return flags & (O_CREAT | __O_TMPFILE) ? (mode_t)va_arg(rest, int) : 0;
}
#define OPENS(name)                                                          \
    int name(const char *path, int flags, ...) {                             \
        va_list rest;                                                        \
        va_start(rest, flags);                                               \
        mode_t mode = mode_of(flags, rest);                                  \
        va_end(rest);                                                        \
        if ((flags & O_ACCMODE) != O_RDONLY && fails(path)) return -1;       \
        return REAL(name)(path, flags, mode);                                \
    }
OPENS(open)
OPENS(open64)
