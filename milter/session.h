/* session.h - one connection from Postfix and the message on it. Events come in from glue.c and
 * pass one door between states; libmilter is not known here. Callbacks of one connection run one
 * after the other, but in different threads: nothing here is per thread. */
#ifndef SESSION_H
#define SESSION_H

#include "base.h"
#include "message.h"
#include "shared.h"
#include "span.h"
#include "verdict.h"

struct session;

/* What is known at MAIL. */
struct envelope {
	struct span sender;      /* with or without angle brackets */
	struct span login;       /* {auth_authen} */
	struct span client;      /* {client_addr}, "IPv6:" allowed in front */
	struct span client_port; /* {client_port}; "0" or empty: no SMTP client */
	struct span daemon;      /* {daemon_name} */
	struct span host;        /* j: the name of this host */
	bool smtputf8;           /* MAIL had this parameter */
	struct span queue_id;    /* i; empty at MAIL unless the queue file is open already */
};

/* NULL when out of memory. */
struct session *session_new(struct shared *shared);
void session_free(struct session **s); /* NULL is fine */

/* A message starts; whatever was before is over. One that is not ours passes untouched. */
void session_begin(struct session *s, const struct envelope *envelope);

void session_recipient(struct session *s, struct span address);
/* queue_id: as far as it is known by then. */
void session_header(
    struct session *s, struct span queue_id, struct span name, struct span value);
void session_end_of_headers(struct session *s, struct span queue_id);
void session_body(struct session *s, struct span chunk);

/* What glue has to do at the end of the message. */
struct outcome {
	const struct verdict *verdict;
	const struct edit *edits;
	size_t edit_count;
};

/* Valid until session_complete. */
void session_end_of_message(struct session *s, struct outcome *outcome_r);
/* The edits were carried out, or not; the message is over. *verdict_r is final. */
void session_complete(struct session *s, bool applied, struct verdict *verdict_r);
/* The message will not come to its end. */
void session_abort(struct session *s);

#endif
