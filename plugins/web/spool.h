/* spool - events on disk while penguin-policyd is away: numbered files of up to SPOOL_LINES lines,
 * so that a file is what is sent at once. The oldest goes when all of them would take more than
 * they may. Lines are whole or not there. Not thread safe. */
#ifndef SPOOL_H
#define SPOOL_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define SPOOL_LINES    100
#define SPOOL_FILE_MAX (256 * 1024) /* octets of one file */
#define SPOOL_BLOCK    4096         /* a file takes whole blocks */

struct spool;

/* Takes up what is left of an earlier run. The directory must exist, be ours and closed to others;
 * a sentence in error if not. max: octets on the disk, at least one file. */
enum err spool_open(const char *directory, uint64_t max, struct spool **spool_r, char *error,
    size_t size) CHECKED;
void spool_close(struct spool **s); /* NULL is fine; files stay */

bool spool_empty(const struct spool *s);
uint64_t spool_octets(const struct spool *s);

/* Adds lines (each with its newline; at most SPOOL_LINES). *dropped_r: how many of the oldest went
 * for them. After an error none of the lines is there. */
enum err spool_add(struct spool *s, struct span lines, uint64_t *dropped_r) CHECKED;

/* The lines of the oldest file into out; a part of a line at its end, left by a crash, is not
 * given. Files that are gone or empty are passed over; ERR_NOTFOUND when there is none. */
enum err spool_oldest(struct spool *s, struct buf *out) CHECKED;
/* That file has done its duty. */
void spool_remove_oldest(struct spool *s);

/* Lines in text. */
size_t spool_count_lines(struct span text);

#endif
