/* asks - questions to penguin-policyd that somebody waits for: unsubscribing, its metrics. A few
 * threads with a connection each ask them, so that whoever answers HTTP never waits. */
#ifndef ASKS_H
#define ASKS_H

#include "buf.h"
#include "err.h"
#include "form.h"
#include "net.h"
#include "span.h"

#define ASKS_THREADS   4
#define ASKS_QUEUE_MAX 1024 /* more than this many waiting: no */

enum ask_kind { ASK_UNSUBSCRIBE, ASK_METRICS };

struct ask {
	enum ask_kind kind;
	/* UNSUBSCRIBE; spans of whoever asks, until done was called */
	struct span tenant, address, source;
	struct span streams[FORM_STREAMS_MAX]; /* one request each */
	size_t stream_count;
	bool
	    whole_tenant; /* scope=tenant instead of stream; one stream stands in the request */
	uint64_t message;
	/* the answer */
	enum err result; /* UNSUBSCRIBE: ERR_OK: all of it is committed */
	struct buf text; /* METRICS: for /metrics; freed by whoever asks */
	/* called in one of our threads; the ask is its owner's again */
	void (*done)(struct ask *ask, void *context);
	void *context;
	struct ask *next; /* ours */
};

struct asks;

/* Starts the threads; NULL when that fails. */
struct asks *asks_start(const struct net_address *policyd, int64_t timeout_s);
/* Answers what is waiting, then ends the threads. */
void asks_stop(struct asks **a); /* NULL is fine */

/* False: too many are waiting, done will not be called. Thread safe. */
bool asks_put(struct asks *a, struct ask *ask) CHECKED;

#endif
