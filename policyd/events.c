/* events - the queue between the loop and the disk, and the thread behind it. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "clock.h"
#include "events.h"
#include "log.h"

#define GATHER_NS   (500 * NS_PER_MS) /* events of so long are written and synced together */
#define GATHER_MOST (256u << 10)      /* octets that are written at once */
#define RETRY_NS    NS_PER_S          /* after a failure */
#define EXPIRE_NS   (60 * NS_PER_S)   /* between looks at age and size */
#define READ_REPLY  (1u << 20)

struct reading {
	struct reading *next;
	struct events_query query;
	struct buf lines;
	enum err result;
	bool more;
	uint64_t damaged;
	events_read_done *done;
	events_sync_done *synced; /* instead: nothing is read, but all written first */
	void *context;
};

struct events {
	pthread_t thread;
	struct event_segments segments; /* the thread's */
	struct buf writing;             /* the thread's: not on the disk yet */
	uint64_t writing_count;
	int wake_fd;
	char *directory;

	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t work;
	struct events_limits limits;
	struct buf queue;
	uint64_t queue_count;
	int64_t queued_ns; /* monotonic, of the oldest in the queue */
	struct reading *readings, *finished;
	struct events_statistics statistics;
	bool stop;
};

/* ---- the thread ---- */

static void wake(struct events *e)
{
	uint64_t one = 1;

	/* The counter cannot overflow: the loop reads it. */
	if (write(e->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: write failed");
}

/* Writes what there is; called and returns with the lock held. */
static void flush(struct events *e)
{
	struct events_limits limits = e->limits;
	struct buf queue = e->queue;
	bool was_healthy;
	enum err error;

	/* After a failure the old ones go first; the queue holds what came since. */
	if (e->writing.n == 0) {
		e->queue = e->writing;
		e->writing = queue;
		e->writing_count = e->queue_count;
		e->queue_count = 0;
	}
	pthread_mutex_unlock(&e->lock);
	error = segments_append(
	    &e->segments, buf_span(&e->writing), &limits, clock_wall_ns() / NS_PER_S);
	pthread_mutex_lock(&e->lock);
	was_healthy = e->statistics.healthy;
	e->statistics.healthy = error == ERR_OK;
	if (error == ERR_OK) {
		e->statistics.written += e->writing_count;
		e->writing_count = 0;
		buf_reset(&e->writing);
		if (!was_healthy)
			log_text(LOG_LEVEL_INFO, "event log: written again; %llu lost so far",
			    (unsigned long long)e->statistics.dropped);
		return;
	}
	e->statistics.failures++;
	if (was_healthy)
		log_text(LOG_LEVEL_ERROR,
		    "event log %s: %s; events wait in memory, then are lost; mail goes on",
		    e->directory, err_text(error));
}

/* As flush. */
static void expire(struct events *e)
{
	struct events_limits limits = e->limits;
	struct segments_usage usage;

	pthread_mutex_unlock(&e->lock);
	segments_expire(&e->segments, &limits, clock_wall_ns() / NS_PER_S, &usage);
	pthread_mutex_lock(&e->lock);
	e->statistics.usage = usage;
}

static void put_line(void *context, const struct event *event)
{
	event_put(context, event);
}

/* As flush. */
static void read_one(struct events *e)
{
	struct reading *r = e->readings;

	e->readings = r->next;
	if (r->synced == NULL) {
		pthread_mutex_unlock(&e->lock);
		r->result = segments_read(
		    e->directory, &r->query, put_line, &r->lines, &r->more, &r->damaged);
		if (!buf_ok(&r->lines))
			r->result = ERR_NOMEM;
		pthread_mutex_lock(&e->lock);
	}
	r->next = e->finished;
	e->finished = r;
	wake(e);
}

/* Until then there is nothing to do, unless something is asked. */
static void wait_until_ns(struct events *e, int64_t mono_ns)
{
	const struct timespec at = { .tv_sec = (time_t)(mono_ns / NS_PER_S),
		.tv_nsec = (long)(mono_ns % NS_PER_S) };

	(void)pthread_cond_timedwait(&e->work, &e->lock, &at);
}

static void *run(void *argument)
{
	struct events *e = argument;
	int64_t expire_ns = 0, retry_ns = 0;

	pthread_mutex_lock(&e->lock);
	for (;;) {
		int64_t now_ns = clock_mono_ns(), due_ns = expire_ns;
		bool waiting = e->queue.n > 0 || e->writing.n > 0;

		if (waiting) {
			due_ns = e->writing.n > 0 ? retry_ns : e->queued_ns + GATHER_NS;
			if (e->stop || (e->queue.n >= GATHER_MOST && e->writing.n == 0) ||
			    (e->readings != NULL && e->readings->synced != NULL &&
				e->writing.n == 0))
				due_ns = now_ns;
		}
		if (waiting && due_ns <= now_ns) {
			flush(e);
			retry_ns = clock_mono_ns() + RETRY_NS;
			if (e->stop && e->writing.n > 0)
				break; /* the disk takes them no more */
		} else if (e->readings != NULL) {
			read_one(e);
		} else if (e->stop) {
			break;
		} else if (expire_ns <= now_ns) {
			expire(e);
			expire_ns = now_ns + EXPIRE_NS;
		} else {
			wait_until_ns(e, due_ns < expire_ns ? due_ns : expire_ns);
		}
	}
	pthread_mutex_unlock(&e->lock);
	return NULL;
}

/* ---- life ---- */

static void dispose(struct events *e)
{
	segments_deinit(&e->segments);
	buf_free(&e->writing);
	buf_free(&e->queue);
	if (e->wake_fd >= 0)
		close(e->wake_fd);
	pthread_cond_destroy(&e->work);
	pthread_mutex_destroy(&e->lock);
	free(e->directory);
	free(e);
}

enum err events_open(
    const char *directory, const struct events_limits *limits, struct events **e_r)
{
	struct events *e = calloc(1, sizeof *e);
	pthread_condattr_t attributes;
	sigset_t all, before;
	int status = -1;

	if (e == NULL)
		return ERR_NOMEM;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->work, &attributes);
	pthread_condattr_destroy(&attributes);
	buf_init(&e->queue, EVENTS_QUEUE_OCTETS);
	buf_init(&e->writing, EVENTS_QUEUE_OCTETS);
	e->limits = *limits;
	e->statistics.healthy = true;
	e->directory = strdup(directory);
	segments_init(&e->segments, e->directory);
	e->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	if (e->directory != NULL && e->wake_fd >= 0)
		status = pthread_create(&e->thread, NULL, run, e);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (status != 0) {
		dispose(e);
		return ERR_NOMEM;
	}
	*e_r = e;
	return ERR_OK;
}

static void readings_end(struct reading *r, bool answer)
{
	while (r != NULL) {
		struct reading *next = r->next;

		if (answer && r->synced != NULL)
			r->synced(r->context);
		else if (answer)
			r->done(r->context, r->result, buf_span(&r->lines), &r->query, r->more,
			    r->damaged);
		buf_free(&r->lines);
		free(r);
		r = next;
	}
}

void events_close(struct events **e)
{
	if (*e == NULL)
		return;
	pthread_mutex_lock(&(*e)->lock);
	(*e)->stop = true;
	pthread_cond_signal(&(*e)->work);
	pthread_mutex_unlock(&(*e)->lock);
	pthread_join((*e)->thread, NULL);
	if ((*e)->writing_count + (*e)->queue_count > 0)
		log_text(LOG_LEVEL_ERROR, "event log: %llu events are lost",
		    (unsigned long long)((*e)->writing_count + (*e)->queue_count));
	readings_end((*e)->finished, false);
	readings_end((*e)->readings, false);
	dispose(*e);
	*e = NULL;
}

/* ---- the loop's side ---- */

void events_set_limits(struct events *e, const struct events_limits *limits)
{
	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->limits = *limits;
	pthread_mutex_unlock(&e->lock);
}

bool events_add(struct events *e, const struct event *event)
{
	char space[EVENT_LINE_MAX];
	struct buf line = { .p = space, .size = sizeof space, .max = sizeof space };
	bool fits;

	event_put(&line, event);
	pthread_mutex_lock(&e->lock);
	fits = buf_ok(&line) && e->queue.n + line.n <= EVENTS_QUEUE_OCTETS;
	if (fits) {
		if (e->queue.n == 0) {
			e->queued_ns = clock_mono_ns();
			pthread_cond_signal(&e->work);
		}
		buf_add_span(&e->queue, buf_span(&line));
		fits = buf_ok(&e->queue);
	}
	if (fits) {
		e->queue_count++;
		e->statistics.taken++;
	} else {
		e->queue.failed = false; /* what was there before is whole */
		e->statistics.dropped++;
	}
	if (e->queue.n >= GATHER_MOST)
		pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	return fits;
}

enum err events_read(
    struct events *e, const struct events_query *query, events_read_done *done, void *context)
{
	struct reading *r = calloc(1, sizeof *r);

	if (r == NULL)
		return ERR_NOMEM;
	*r = (struct reading){ .query = *query, .done = done, .context = context };
	buf_init(&r->lines, READ_REPLY);
	pthread_mutex_lock(&e->lock);
	r->next = e->readings;
	e->readings = r;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	return ERR_OK;
}

bool events_add_lines(struct events *e, struct span lines, uint64_t count)
{
	bool fits;

	pthread_mutex_lock(&e->lock);
	fits = e->queue.n + lines.n <= EVENTS_QUEUE_OCTETS;
	if (fits && e->queue.n == 0)
		e->queued_ns = clock_mono_ns();
	if (fits)
		buf_add_span(&e->queue, lines);
	fits = fits && buf_ok(&e->queue);
	e->queue.failed = false; /* what was there before is whole */
	e->queue_count += fits ? count : 0;
	e->statistics.taken += fits ? count : 0;
	e->statistics.dropped += fits ? 0 : count;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	return fits;
}

enum err events_sync(struct events *e, events_sync_done *done, void *context)
{
	struct reading *r = calloc(1, sizeof *r), **last;

	if (r == NULL)
		return ERR_NOMEM;
	*r = (struct reading){ .synced = done, .context = context };
	buf_init(&r->lines, 1);
	pthread_mutex_lock(&e->lock);
	for (last = &e->readings; *last != NULL;)
		last = &(*last)->next;
	*last = r;
	pthread_cond_signal(&e->work);
	pthread_mutex_unlock(&e->lock);
	return ERR_OK;
}

int events_wake_fd(const struct events *e)
{
	return e->wake_fd;
}

void events_complete(struct events *e)
{
	struct reading *finished;
	uint64_t count;

	if (read(e->wake_fd, &count, sizeof count) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: read failed");
	pthread_mutex_lock(&e->lock);
	finished = e->finished;
	e->finished = NULL;
	pthread_mutex_unlock(&e->lock);
	readings_end(finished, true);
}

void events_statistics(struct events *e, struct events_statistics *statistics_r)
{
	pthread_mutex_lock(&e->lock);
	*statistics_r = e->statistics;
	pthread_mutex_unlock(&e->lock);
}
