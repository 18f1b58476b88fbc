/* process.h - other programs: started without a shell, fed and read to their end. */
#ifndef PROCESS_H
#define PROCESS_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

/* Runs argv (NULL-terminated; argv[0] is looked up in PATH and the sbin directories, or a path)
 * with input on its stdin. output gets stdout, errors gets stderr; the same buffer may be given
 * twice; octets over a buffer's cap are dropped. Messages are in the C locale. *status_r: exit
 * status, or 128 + signal. ERR_NOTFOUND: no such program. */
enum err process_run(const char *const *argv, struct span input, struct buf *output,
    struct buf *errors, int *status_r) CHECKED;

/* Finds one of our other programs: beside this one, else in the usual sbin directories. False
 * when it is nowhere. */
bool process_find(const char *name, char *path, size_t size);

#endif
