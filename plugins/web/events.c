/* events - clicks and opens on their way to penguin-policyd. Knows the verb and the spool; not what
 * a line says. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "client.h"
#include "clock.h"
#include "control_wire.h"
#include "events.h"
#include "log.h"

#define COLLECT_NS   (50 * NS_PER_MS) /* what comes within it goes together */
#define RETRY_NS     NS_PER_S
#define COMPLAIN_NS  (60 * NS_PER_S)
#define REPLAY_FILES 64 /* in a row, before memory is looked at again */

struct events {
	struct net_address policyd;
	int64_t timeout_s;
	struct spool *spool;
	struct counters *counters;
	pthread_mutex_t lock; /* guards waiting and stopping */
	pthread_cond_t more;
	struct buf waiting;
	bool stopping;
	pthread_t thread;
	/* the thread's own */
	struct buf taken, file, request;
	struct client *client;
	int64_t retry_ns; /* policyd was away: not before then */
	int64_t complained_ns;
};

static void complain(struct events *e, const char *what, const char *why)
{
	int64_t now = clock_mono_ns();

	if (e->complained_ns != 0 && now - e->complained_ns < COMPLAIN_NS)
		return;
	e->complained_ns = now;
	log_text(LOG_LEVEL_WARNING, "%s: %s", what, why);
}

/* ---- to policyd ---- */

/* At most count lines from the front of *rest_io. */
static struct span cut_lines(struct span *rest_io, size_t count)
{
	size_t end = 0;

	for (size_t n = 0; n < count && end < rest_io->n; n++)
		end = span_find(*rest_io, '\n', end) + 1;
	if (end > rest_io->n)
		end = rest_io->n;
	*rest_io = span_from(*rest_io, end);
	return span_make(rest_io->p - end, end);
}

static void put_batch(struct buf *out, struct span lines)
{
	struct span rest = lines, line;
	char name[16];

	client_begin(out, CONTROL_EVENT);
	for (unsigned i = 0; span_next(&rest, '\n', &line); i++) {
		snprintf(name, sizeof name, "event.%u", i);
		attr_put(out, name, line);
	}
}

static enum err exchange(struct events *e, struct span lines, struct attr_request *answer_r)
{
	char error[256];
	enum err result = ERR_OK;

	put_batch(&e->request, lines);
	if (e->client == NULL)
		result = client_open(&e->policyd, &e->client, error, sizeof error);
	if (result == ERR_OK)
		result = client_send(e->client, &e->request);
	if (result == ERR_OK)
		result = client_receive(e->client, e->timeout_s, NULL, answer_r);
	if (result != ERR_OK)
		client_close(&e->client);
	return result;
}

/* ERR_OK: policyd has it, or will never take it. */
static enum err send_batch(struct events *e, struct span lines)
{
	struct attr_request answer;
	struct span error;
	enum err result;

	if (clock_mono_ns() < e->retry_ns)
		return ERR_TIMEOUT;
	result = exchange(e, lines, &answer);
	if (result != ERR_OK) {
		complain(
		    e, "events are spooled, penguin-policyd does not answer", err_text(result));
		e->retry_ns = clock_mono_ns() + RETRY_NS;
		return result;
	}
	if (span_eq(attr_get(&answer, SPAN("status")), SPAN("ok"))) {
		count_add(e->counters, COUNTER_EVENTS_SENT, spool_count_lines(lines));
		return ERR_OK;
	}
	error = attr_get(&answer, SPAN("error"));
	log_record(LOG_LEVEL_WARNING, SPAN(""), "policyd_error",
	    LOG_CSTR("verb", CONTROL_EVENT), LOG_SPAN("error", error),
	    LOG_SPAN("text", attr_get(&answer, SPAN("text"))));
	/* What it calls malformed will not get better; it must not keep the others waiting. */
	if (span_eq(error, SPAN("syntax")) || span_eq(error, SPAN("range"))) {
		count_add(e->counters, COUNTER_EVENTS_DROPPED, spool_count_lines(lines));
		return ERR_OK;
	}
	e->retry_ns = clock_mono_ns() + RETRY_NS;
	return ERR_DENIED;
}

/* ---- the spool ---- */

static void keep(struct events *e, struct span lines)
{
	uint64_t dropped;
	enum err result = spool_add(e->spool, lines, &dropped);

	if (result == ERR_OK) {
		count_add(e->counters, COUNTER_EVENTS_SPOOLED, spool_count_lines(lines));
	} else {
		complain(e, "events are lost, the spool cannot be written", err_text(result));
		dropped += spool_count_lines(lines);
	}
	if (dropped > 0 && result == ERR_OK)
		complain(e, "old events are lost", "the spool is full");
	count_add(e->counters, COUNTER_EVENTS_DROPPED, dropped);
}

static void replay(struct events *e)
{
	for (unsigned n = 0; n < REPLAY_FILES && !spool_empty(e->spool); n++) {
		if (clock_mono_ns() < e->retry_ns)
			break;
		if (spool_oldest(e->spool, &e->file) != ERR_OK ||
		    send_batch(e, buf_span(&e->file)) != ERR_OK)
			break;
		spool_remove_oldest(e->spool);
	}
}

/* What waits in the spool is older, and goes first. */
static void handle(struct events *e)
{
	struct span rest = buf_span(&e->taken);

	while (rest.n > 0) {
		struct span lines = cut_lines(&rest, EVENTS_BATCH);

		if (!spool_empty(e->spool) || send_batch(e, lines) != ERR_OK)
			keep(e, lines);
	}
	replay(e);
	count_set(e->counters, GAUGE_SPOOL_OCTETS, spool_octets(e->spool));
}

/* ---- the thread ---- */

/* Moves what waits to taken; false at the end, when nothing is left. */
static bool take(struct events *e)
{
	struct timespec until;
	int64_t pause = spool_empty(e->spool)           ? NS_PER_S
			: clock_mono_ns() < e->retry_ns ? RETRY_NS
							: 0;
	struct buf swap;
	bool go_on;

	pthread_mutex_lock(&e->lock);
	while (e->waiting.n == 0 && !e->stopping && pause > 0) {
		int64_t at = clock_mono_ns() + pause;

		until = (struct timespec){ at / NS_PER_S, at % NS_PER_S };
		if (pthread_cond_timedwait(&e->more, &e->lock, &until) != 0)
			break;
	}
	if (e->waiting.n > 0 && !e->stopping) {
		int64_t at = clock_mono_ns() + COLLECT_NS;

		until = (struct timespec){ at / NS_PER_S, at % NS_PER_S };
		while (!e->stopping && e->waiting.n < EVENTS_MEMORY_MAX / 8 &&
		       pthread_cond_timedwait(&e->more, &e->lock, &until) == 0)
			;
	}
	swap = e->waiting;
	e->waiting = e->taken;
	buf_reset(&e->waiting);
	e->taken = swap;
	go_on = !e->stopping || e->taken.n > 0;
	pthread_mutex_unlock(&e->lock);
	return go_on;
}

static void *run(void *context)
{
	struct events *e = context;

	while (take(e))
		handle(e);
	return NULL;
}

void events_put(struct events *e, struct span line)
{
	size_t before;

	pthread_mutex_lock(&e->lock);
	before = e->waiting.n;
	if (before + line.n <= EVENTS_MEMORY_MAX)
		buf_add_span(&e->waiting, line);
	/* A buffer that could not grow drops this line only. */
	if (e->waiting.n == before || !buf_ok(&e->waiting)) {
		e->waiting.failed = false;
		e->waiting.n = before;
		count_add(e->counters, COUNTER_EVENTS_DROPPED, 1);
	}
	if (before == 0 ||
	    before / (EVENTS_MEMORY_MAX / 8) != e->waiting.n / (EVENTS_MEMORY_MAX / 8))
		pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
}

static void release(struct events **events)
{
	struct events *e = *events;

	*events = NULL;
	client_close(&e->client);
	buf_free(&e->request);
	buf_free(&e->file);
	buf_free(&e->taken);
	buf_free(&e->waiting);
	pthread_cond_destroy(&e->more);
	pthread_mutex_destroy(&e->lock);
	spool_close(&e->spool);
	free(e);
}

struct events *events_start(const struct net_address *policyd, int64_t timeout_s,
    struct spool *spool, struct counters *counters)
{
	struct events *e = calloc(1, sizeof *e);
	pthread_condattr_t attributes;

	if (e == NULL) {
		spool_close(&spool);
		return NULL;
	}
	e->policyd = *policyd;
	e->timeout_s = timeout_s;
	e->spool = spool;
	e->counters = counters;
	pthread_mutex_init(&e->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&e->more, &attributes);
	pthread_condattr_destroy(&attributes);
	buf_init(&e->waiting, EVENTS_MEMORY_MAX);
	buf_init(&e->taken, EVENTS_MEMORY_MAX);
	buf_init(&e->file, 2 * SPOOL_FILE_MAX);
	buf_init(&e->request, attr_limits_control.request);
	if (pthread_create(&e->thread, NULL, run, e) != 0)
		release(&e);
	return e;
}

void events_stop(struct events **events)
{
	struct events *e = *events;

	if (e == NULL)
		return;
	pthread_mutex_lock(&e->lock);
	e->stopping = true;
	pthread_cond_signal(&e->more);
	pthread_mutex_unlock(&e->lock);
	pthread_join(e->thread, NULL);
	release(events);
}
