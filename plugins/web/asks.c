/* asks - questions to penguin-policyd that somebody waits for. Knows the wire (control_wire.h); not
 * HTTP, nor tokens. */
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "asks.h"
#include "client.h"
#include "control_wire.h"
#include "counters.h"
#include "log.h"

struct asks {
	struct net_address policyd;
	int64_t timeout_s;
	pthread_mutex_t lock; /* guards the queue */
	pthread_cond_t more;
	struct ask *head, **tail;
	size_t count;
	bool stopping;
	pthread_t threads[ASKS_THREADS];
	size_t thread_count;
};

/* What one thread has. */
struct line {
	const struct asks *asks;
	struct client *client; /* NULL: not connected */
	struct buf request;
};

/* ---- one question ---- */

static enum err exchange(struct line *l, struct attr_request *answer_r)
{
	char error[256];
	enum err e = ERR_OK;

	if (l->client == NULL)
		e = client_open(&l->asks->policyd, &l->client, error, sizeof error);
	if (e == ERR_OK)
		e = client_send(l->client, &l->request);
	if (e == ERR_OK)
		e = client_receive(l->client, l->asks->timeout_s, NULL, answer_r);
	if (e != ERR_OK)
		client_close(&l->client);
	return e;
}

/* put writes the request anew for a second try: policyd may have been started again since the last
 * one, and all that is asked here may be asked twice. */
static enum err converse(struct line *l, const struct ask *ask, size_t index,
    void (*put)(struct buf *out, const struct ask *ask, size_t index),
    struct attr_request *answer_r)
{
	bool was_open = l->client != NULL;
	enum err e;

	put(&l->request, ask, index);
	e = exchange(l, answer_r);
	if (e != ERR_OK && e != ERR_TIMEOUT && was_open) {
		put(&l->request, ask, index);
		e = exchange(l, answer_r);
	}
	if (e == ERR_OK && !span_eq(attr_get(answer_r, SPAN("status")), SPAN("ok"))) {
		log_record(LOG_LEVEL_WARNING, SPAN(""), "policyd_error",
		    LOG_SPAN("error", attr_get(answer_r, SPAN("error"))),
		    LOG_SPAN("text", attr_get(answer_r, SPAN("text"))));
		e = ERR_DENIED;
	}
	return e;
}

static void put_unsubscribe(struct buf *out, const struct ask *ask, size_t index)
{
	char message[17];

	client_begin(out, CONTROL_UNSUBSCRIBE);
	snprintf(message, sizeof message, "%016" PRIx64, ask->message);
	attr_put(out, "tenant", ask->tenant);
	attr_put(out, "stream", ask->streams[index]);
	attr_put(out, "address", ask->address);
	attr_put(out, "scope", ask->whole_tenant ? SPAN("tenant") : SPAN("stream"));
	attr_put(out, "source", ask->source);
	attr_put(out, "message", span_cstr(message));
}

static void put_metrics(struct buf *out, const struct ask *ask, size_t index)
{
	(void)ask;
	(void)index;
	client_begin(out, CONTROL_METRICS);
}

static void answer(struct line *l, struct ask *ask)
{
	struct attr_request answer;

	if (ask->kind == ASK_METRICS) {
		ask->result = converse(l, ask, 0, put_metrics, &answer);
		if (ask->result == ERR_OK)
			counters_put_foreign(&ask->text, &answer);
		return;
	}
	ask->result = ask->stream_count > 0 ? ERR_OK : ERR_NOTFOUND;
	for (size_t i = 0; ask->result == ERR_OK && i < ask->stream_count; i++)
		ask->result = converse(l, ask, i, put_unsubscribe, &answer);
}

/* ---- threads ---- */

/* The next one, or NULL at the end. */
static struct ask *take(struct asks *a)
{
	struct ask *ask;

	pthread_mutex_lock(&a->lock);
	while (a->head == NULL && !a->stopping)
		pthread_cond_wait(&a->more, &a->lock);
	ask = a->head;
	if (ask != NULL) {
		a->head = ask->next;
		if (a->head == NULL)
			a->tail = &a->head;
		a->count--;
	}
	pthread_mutex_unlock(&a->lock);
	return ask;
}

static void *work(void *context)
{
	struct line l = { .asks = context };
	struct ask *ask;

	buf_init(&l.request, attr_limits_control.request);
	while ((ask = take(context)) != NULL) {
		answer(&l, ask);
		ask->done(ask, ask->context);
	}
	client_close(&l.client);
	buf_free(&l.request);
	return NULL;
}

bool asks_put(struct asks *a, struct ask *ask)
{
	bool room;

	ask->next = NULL;
	pthread_mutex_lock(&a->lock);
	room = a->count < ASKS_QUEUE_MAX && !a->stopping;
	if (room) {
		*a->tail = ask;
		a->tail = &ask->next;
		a->count++;
		pthread_cond_signal(&a->more);
	}
	pthread_mutex_unlock(&a->lock);
	return room;
}

struct asks *asks_start(const struct net_address *policyd, int64_t timeout_s)
{
	struct asks *a = calloc(1, sizeof *a);

	if (a == NULL)
		return NULL;
	a->policyd = *policyd;
	a->timeout_s = timeout_s;
	a->tail = &a->head;
	pthread_mutex_init(&a->lock, NULL);
	pthread_cond_init(&a->more, NULL);
	while (a->thread_count < ASKS_THREADS &&
	       pthread_create(&a->threads[a->thread_count], NULL, work, a) == 0)
		a->thread_count++;
	if (a->thread_count < ASKS_THREADS)
		asks_stop(&a);
	return a;
}

void asks_stop(struct asks **asks)
{
	struct asks *a = *asks;

	*asks = NULL;
	if (a == NULL)
		return;
	pthread_mutex_lock(&a->lock);
	a->stopping = true;
	pthread_cond_broadcast(&a->more);
	pthread_mutex_unlock(&a->lock);
	for (size_t i = 0; i < a->thread_count; i++)
		pthread_join(a->threads[i], NULL);
	pthread_cond_destroy(&a->more);
	pthread_mutex_destroy(&a->lock);
	free(a);
}
