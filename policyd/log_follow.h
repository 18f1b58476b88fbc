/* log_follow.h - the lines of a log file that others write, rotate and truncate, from a position
 * that survives a restart. A line is given out once it has its newline. Not thread safe. */
#ifndef LOG_FOLLOW_H
#define LOG_FOLLOW_H

#include "buf.h"
#include "err.h"
#include "span.h"

#define LOG_FOLLOW_CHUNK (256u * 1024) /* octets given out at once; a longer line is skipped */

/* Behind the last line that was given out. All zero: the beginning of whatever is there. */
struct log_position {
	uint64_t device, inode, offset;
};

struct log_follow {
	const char *path; /* not owned */
	int fd;           /* -1: none */
	struct log_position at;
	struct buf chunk;
	bool skipping; /* in a line that is too long */
	uint64_t truncations, skipped;
};

void log_follow_init(struct log_follow *f, const char *path, const struct log_position *at);
void log_follow_deinit(struct log_follow *f);

/* The next lines, whole, with their newlines; none: there are no more yet. f->at is behind them
 * then. They are valid until the next call.
 *
 * A file that was renamed is read to its end before the new one is begun (its inode tells), also
 * when that happened while we were away, as long as it lies in the same directory uncompressed. A
 * file that became shorter is read from its beginning. ERR_NOTFOUND, ERR_DENIED, ERR_IO: nothing is
 * lost; the next call tries again. */
enum err log_follow_read(struct log_follow *f, struct span *lines_r) CHECKED;

#endif
