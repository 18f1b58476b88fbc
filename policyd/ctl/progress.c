/* progress - draws a progress line on a terminal. Knows nothing of the work. */
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "progress.h"

#define BAR_COLUMNS 24

void progress_start(struct progress *p, const char *what, bool wanted)
{
	*p = (struct progress){
		.shown = wanted && isatty(STDERR_FILENO) == 1,
		.what = what,
		.started_ns = clock_mono_ns(),
	};
}

void progress_text(struct buf *out, const char *what, uint64_t done, uint64_t total,
    uint64_t count, int64_t elapsed_ns)
{
	int64_t ms = elapsed_ns / NS_PER_MS;

	buf_printf(out, "%s ", what);
	if (total > 0) {
		uint64_t share = done >= total ? 100 : (uint64_t)((double)done * 100 / total);

		buf_add_char(out, '[');
		for (uint64_t i = 0; i < BAR_COLUMNS; i++)
			buf_add_char(out, i * 100 < share * BAR_COLUMNS ? '#' : '.');
		buf_printf(out, "] %3llu %%  ", (unsigned long long)share);
	}
	if (count > 0 && ms > 0)
		buf_printf(out, "%llu rows, %llu/s  ", (unsigned long long)count,
		    (unsigned long long)((double)count * 1000 / (double)ms));
	buf_printf(out, "%lld s", (long long)(ms / 1000));
}

void progress_update(struct progress *p, uint64_t done, uint64_t total, uint64_t count)
{
	struct buf line = BUF_INIT(512);
	int64_t now = clock_mono_ns();

	if (!p->shown || now - p->drawn_ns < 100 * NS_PER_MS)
		return;
	p->drawn_ns = now;
	progress_text(&line, p->what, done, total, count, now - p->started_ns);
	fprintf(stderr, "\r\33[K%s", buf_cstr(&line));
	fflush(stderr);
	buf_free(&line);
}

void progress_clear(struct progress *p)
{
	if (!p->shown || p->drawn_ns == 0)
		return;
	fputs("\r\33[K", stderr);
	fflush(stderr);
	p->drawn_ns = 0;
}

void progress_end(struct progress *p)
{
	progress_clear(p);
	p->shown = false;
}
