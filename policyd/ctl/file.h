/* file.h - small files, whole: read with a cap, replaced atomically. */
#ifndef FILE_H
#define FILE_H

#include <sys/types.h>

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

/* Appends a regular file's contents to out; ERR_TOOBIG over out's cap. */
enum err file_read(const char *path, struct buf *out) CHECKED;

/* Writes contents beside path, syncs, and renames over it. like: the file whose owner and mode it
 * gets (usually path itself; a symbolic link is followed, so it stays one), or NULL: mode 0600. */
enum err file_replace(const char *path, struct span contents, const char *like) CHECKED;

/* A new file below an open directory; ERR_EXISTS when the name is taken. Synced. owner and group
 * (uid_t)-1 stay as they are. */
enum err file_create(int directory, const char *name, struct span contents, mode_t mode,
    uid_t owner, gid_t group) CHECKED;

#endif
