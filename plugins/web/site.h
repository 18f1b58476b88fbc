/* site - what is answered to which request: clicks, opens, unsubscribing, health, metrics. Knows
 * HTTP's words; not sockets, nor the library that speaks it. One thread answers. */
#ifndef SITE_H
#define SITE_H

#include <pthread.h>

#include "asks.h"
#include "counters.h"
#include "edition.h"
#include "events.h"
#include "recent.h"
#include "token.h"

#define SITE_PATH_MAX  (TOKEN_TEXT_MAX + 16)
#define SITE_NONCE_MAX 33

enum site_method { METHOD_GET, METHOD_HEAD, METHOD_POST, METHOD_OTHER };

/* One request. Spans are of the request; empty where a header is missing. */
struct site_request {
	enum site_method method;
	struct span path; /* as it came, without the query */
	struct span host, content_type, accept_language;
	struct span agent, referer, purpose, forwarded_for, forwarded_host;
	struct span privacy; /* Sec-GPC; "1": not to be known */
	bool via_proxy;      /* a header says so */
	uint8_t peer[16];    /* address of the connection */
};

/* What an answer needs until penguin-policyd has answered; for POST and /metrics. Zeroed but for
 * the arrays by site_work_init. */
struct site_work {
	struct ask ask;
	enum form_act act;
	size_t tenant; /* index */
	struct span stream;
	size_t body_n;
	char body[FORM_BODY_MAX];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
};

struct site_answer {
	unsigned status;
	const char *type;           /* Content-Type; NULL: nothing to show */
	const char *location;       /* NULL: none; of the site, until the next request */
	const char *allow;          /* 405: NULL else */
	struct span body;           /* static, or that of text */
	struct buf text;            /* freed by site_answer_free */
	char nonce[SITE_NONCE_MAX]; /* of the page's style; "": no page */
	bool later;                 /* 503: Retry-After */
	bool close;                 /* the connection is not to be used again */
};

struct site {
	struct counters counters;
	struct events *events;
	struct recent *recent;
	pthread_mutex_t lock; /* guards current */
	struct edition *current;
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	char location[TOKEN_PAYLOAD_MAX + 1];
};

/* The configuration in force, with a reference for the caller. */
struct edition *site_edition(struct site *s);
/* Takes over next; what is under way keeps what it has. */
void site_replace(struct site *s, struct edition *next);

void site_work_init(struct site_work *w);
void site_work_free(struct site_work **w); /* NULL is fine */
/* Does a request need work? */
bool site_wants_work(const struct site_request *r);

/* The answer; or true: work->ask is to be asked, then comes site_finish. */
bool site_handle(struct site *s, struct edition *g, const struct site_request *r,
    struct site_work *work, struct site_answer *a);
void site_finish(struct site *s, struct edition *g, const struct site_request *r,
    struct site_work *work, struct site_answer *a);

/* For what was refused before it had a path: status with a word or two. */
void site_refuse(struct site *s, unsigned status, struct site_answer *a);
void site_answer_free(struct site_answer *a);

#endif
