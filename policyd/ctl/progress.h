/* progress.h - one line on stderr that says how far a long command is. Shown only on a terminal;
 * silent otherwise. */
#ifndef PROGRESS_H
#define PROGRESS_H

#include "base.h"
#include "buf.h"

struct progress {
	bool shown;
	const char *what;
	int64_t started_ns, drawn_ns; /* clock_mono_ns */
};

/* wanted: neither -q nor --no-progress. */
void progress_start(struct progress *p, const char *what, bool wanted);
/* At most ten lines a second are drawn. total 0: not known. count: rows done, for the text. */
void progress_update(struct progress *p, uint64_t done, uint64_t total, uint64_t count);
/* Takes the line away until the next update: something else is to be said. */
void progress_clear(struct progress *p);
/* Takes it away for good. */
void progress_end(struct progress *p);

/* The line itself, without terminal control. For tests. */
void progress_text(struct buf *out, const char *what, uint64_t done, uint64_t total,
    uint64_t count, int64_t elapsed_ns);

#endif
