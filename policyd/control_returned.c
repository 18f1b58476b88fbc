/* control_returned - the verb of "penguinctl ingest": what a report says of a message of ours. The
 * return path tells whose message it was, and whether it had just one recipient; without that, what
 * is said of an address is counted, and nobody is suppressed by it. */
#include <stdio.h>

#include "addr.h"
#include "clock.h"
#include "control_handlers.h"
#include "log.h"
#include "replies.h"
#include "returned.h"

/* What is known of the message, all of it from the return path. */
struct origin {
	const struct tenant *tenant;
	const struct stream *stream;
	const struct tenant_domain *domain; /* may be NULL */
	const struct source *source;        /* may be NULL */
	struct token_return token;
};

struct report {
	enum returned_kind kind;
	enum reply_class class;
	struct span address; /* of whom it is about, as the return path confirms; or empty */
	struct span provider;
	uint8_t digest[DIGEST_SIZE]; /* where there is an address */
	int64_t now_s;
};

/* ---- counting ---- */

static void count_subject(struct server *s, enum count_scope scope, struct span name,
    const struct report *r, enum count what)
{
	const struct count_subject subject = { scope, name, r->provider };

	if (name.n > 0)
		feedback_count(s->feedback, &subject, r->now_s, what);
}

static void count(
    struct server *s, const struct origin *o, const struct report *r, enum count what)
{
	char space[2 * EVENT_NAME_MAX + 2];
	struct buf stream = { .p = space, .size = sizeof space, .max = sizeof space };

	buf_printf(&stream, "%s/%s", o->tenant->name, o->stream->name);
	count_subject(s, COUNT_TENANT, span_cstr(o->tenant->name), r, what);
	if (buf_ok(&stream))
		count_subject(s, COUNT_STREAM, buf_span(&stream), r, what);
	if (o->domain != NULL)
		count_subject(s, COUNT_DOMAIN, span_cstr(o->domain->name), r, what);
	if (o->source != NULL)
		count_subject(s, COUNT_SOURCE, span_cstr(o->source->name), r, what);
}

static void count_all(struct server *s, const struct origin *o, const struct report *r)
{
	struct counts counts = { .at = { 0 } };

	if (r->kind == RETURNED_COMPLAINT)
		count(s, o, r, COUNT_COMPLAINED);
	if (r->kind != RETURNED_BOUNCE)
		return;
	counts_of_attempt(DELIVERY_BOUNCED, false, r->class, &counts);
	for (size_t i = 0; i < COUNTS; i++)
		if (counts.at[i] > 0)
			count(s, o, r, (enum count)i);
}

/* ---- telling ---- */

static void put_event(struct server *s, const struct control_call *call, const struct origin *o,
    const struct report *r)
{
	static const char *const kinds[RETURNED_KINDS] = {
		[RETURNED_OTHER] = "returned",
		[RETURNED_BOUNCE] = "bounced",
		[RETURNED_DELAY] = "delayed",
		[RETURNED_COMPLAINT] = "complained",
		[RETURNED_NOT_SPAM] = "not-spam",
		[RETURNED_AUTOMATIC] = "auto-reply",
	};
	char class[EVENT_WORD_MAX + 1], space[EVENT_AGENT_MAX];
	struct buf detail = { .p = space, .size = sizeof space, .max = sizeof space };
	struct event e = { .kind = span_cstr(kinds[r->kind]),
		.tenant = span_cstr(o->tenant->name),
		.stream = span_cstr(o->stream->name),
		.message = o->token.message,
		.time_s = r->now_s };

	for (size_t i = 0; i < 8 && r->address.n > 0; i++)
		e.recipient = e.recipient << 8 | r->digest[i];
	if (r->kind == RETURNED_BOUNCE) {
		/* Words of events have no underscore. */
		(void)snprintf(class, sizeof class, "%s", reply_class_row(r->class)->name);
		for (char *p = class; *p != '\0'; p++)
			*p = *p == '_' ? '-' : *p;
		e.class = span_cstr(class);
	}
	buf_printf(&detail, "%.*s %s report ", SPAN_ARG(r->provider),
	    o->source != NULL ? o->source->name : "-");
	for (struct span rest = span_head(control_get(call, "status"), 16); rest.n > 0;
	     rest = span_from(rest, 1))
		buf_add_char(
		    &detail, ascii_digit(rest.p[0]) || rest.p[0] == '.' ? rest.p[0] : '?');
	e.agent = buf_ok(&detail) ? buf_span(&detail) : SPAN("report");
	(void)events_add(s->events, &e);
}

static void log_report(
    const struct control_call *call, const struct origin *o, const struct report *r, bool stops)
{
	log_record(LOG_LEVEL_INFO, SPAN(""), "returned",
	    LOG_CSTR("kind", returned_kind_text(r->kind)), LOG_CSTR("tenant", o->tenant->name),
	    LOG_CSTR("stream", o->stream->name), LOG_NUMBER("message", o->token.message),
	    LOG_SPAN("provider", r->provider),
	    LOG_CSTR(
		"class", r->kind == RETURNED_BOUNCE ? reply_class_row(r->class)->name : ""),
	    LOG_SPAN("status", span_head(control_get(call, "status"), 16)),
	    LOG_CSTR("confirmed", r->address.n > 0 ? "yes" : "no"),
	    LOG_CSTR("suppressed", stops ? "yes" : "no"));
}

/* ---- suppressing ---- */

static void on_suppressed(void *context, enum err e, size_t added, size_t present)
{
	struct control_session *s = context;

	(void)added;
	(void)present;
	if (e != ERR_OK)
		control_error_value(&s->reply, e);
	control_finish(s);
}

/* One of several; the last one's end is the answer. */
static void on_one(void *context, enum err e, size_t added, size_t present)
{
	(void)context;
	(void)added;
	(void)present;
	if (e != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "store: a complaint: %s", err_text(e));
}

/* stream NULL: of the whole tenant. */
static enum err suppress_one(struct control_session *s, const struct origin *o,
    const struct report *r, const char *reason, const struct stream *stream,
    suppress_done *done)
{
	const struct suppress_key key = {
		.scope = stream != NULL ? SUPPRESS_STREAM : SUPPRESS_TENANT,
		.tenant = span_cstr(o->tenant->name),
		.stream = span_cstr(stream != NULL ? stream->name : ""),
	};
	struct suppress_row row = {
		.reason = span_cstr(reason), .source = SPAN("report"), .added_s = r->now_s
	};

	memcpy(row.digest, r->digest, sizeof row.digest);
	return suppress_add(s->server->suppress, &key, &row, 1, done, s);
}

/* NULL: no stream is bulk. *all_r: every one is. */
static const struct stream *last_bulk(const struct tenant *t, bool *all_r)
{
	const struct stream *last = NULL;

	*all_r = true;
	for (size_t i = 0; i < t->stream_count; i++) {
		bool bulk = t->streams[i].class == CLASS_BULK;

		*all_r = *all_r && bulk;
		if (bulk)
			last = &t->streams[i];
	}
	return last;
}

/* A complaint stops the tenant's bulk mail to the address, whatever it was about, and not what it
 * needs to know; where every stream is bulk, all of it. */
static enum err suppress(struct control_session *s, const struct origin *o,
    const struct report *r, const char *reason)
{
	const struct tenant *t = o->tenant;
	enum err e = ERR_OK;
	bool all;
	const struct stream *last = last_bulk(t, &all);

	if (r->kind != RETURNED_COMPLAINT || all)
		return suppress_one(s, o, r, reason, NULL, on_suppressed);
	for (size_t i = 0; i < t->stream_count && e == ERR_OK; i++)
		if (&t->streams[i] != last && t->streams[i].class == CLASS_BULK)
			e = suppress_one(s, o, r, reason, &t->streams[i], on_one);
	return e == ERR_OK ? suppress_one(s, o, r, reason, last, on_suppressed) : e;
}

/* NULL: it suppresses nobody. What text alone says does not, nor what may pass. */
static const char *reason_of(const struct origin *o, const struct report *r)
{
	bool all;

	if (r->address.n == 0)
		return NULL;
	if (r->kind == RETURNED_COMPLAINT)
		return last_bulk(o->tenant, &all) != NULL ? "complaint" : NULL;
	return r->kind == RETURNED_BOUNCE && r->class == REPLY_INVALID_RECIPIENT ? "invalid"
										 : NULL;
}

/* Our own Postfix's reports say what its log says, and the log was read. */
static bool is_known(const struct control_call *call)
{
	struct feedback_statistics f;

	feedback_statistics(call->session->server->feedback, &f);
	return f.configured && span_eq(control_get(call, "local"), SPAN("yes"));
}

/* ---- the verb ---- */

static enum sender_kind find_origin(struct server *s, struct span path, struct origin *o_r)
{
	size_t tenant;
	enum sender_kind kind = senders_open(&s->senders, path, &tenant, &o_r->token);

	if (kind != SENDER_OURS)
		return kind;
	o_r->tenant = snapshot_tenant(s->snapshot, tenant);
	o_r->stream = senders_stream(o_r->tenant, o_r->token.stream);
	o_r->domain = senders_domain(o_r->tenant, path);
	o_r->source = snapshot_find_source_id(s->snapshot, o_r->token.source);
	return kind;
}

/* The one of the two addresses that the message went to, if the return path says so. */
static struct span confirmed(const struct control_call *call, const struct origin *o)
{
	static const char *const names[] = { "original", "address" };

	for (size_t i = 0; i < ARRAY_SIZE(names) && o->token.recipient != 0; i++) {
		struct span address = control_get(call, names[i]);

		if (address.n > 0 && recipient_check_of(address) == o->token.recipient)
			return address;
	}
	return SPAN("");
}

static struct span provider_of(const struct server *s, const struct control_call *call,
    const struct report *r, char space[DOMAIN_MAX])
{
	struct span address = r->address.n > 0 ? r->address : control_get(call, "address");
	struct span place = place_of(s->providers, address, space);
	struct span group = place_group(place, space);

	return group.n > 0 ? group : SPAN(TRACK_OTHER);
}

enum control_progress control_returned(struct control_call *call)
{
	struct control_session *s = call->session;
	struct origin o = { .tenant = NULL };
	struct report r = { .class = REPLY_UNKNOWN, .now_s = clock_wall_ns() / NS_PER_S };
	char space[DOMAIN_MAX];
	const char *reason;
	enum err e;

	switch (find_origin(s->server, control_get(call, "path"), &o)) {
	case SENDER_FOREIGN:
		control_error(call->reply, "notfound", "not a return path of ours");
		return CONTROL_DONE;
	case SENDER_UNKNOWN:
		control_error(call->reply, "unavailable", "keys of return paths cannot be had");
		return CONTROL_DONE;
	case SENDER_OURS: break;
	}
	if (!returned_kind_of(control_get(call, "kind"), &r.kind)) {
		control_error(call->reply, "syntax", "kind: not one");
		return CONTROL_DONE;
	}
	if (is_known(call)) {
		attr_put(call->reply, "suppressed", SPAN("no"));
		return CONTROL_DONE;
	}
	(void)reply_class_of(control_get(call, "class"), &r.class);
	r.address = confirmed(call, &o);
	r.provider = provider_of(s->server, call, &r, space);
	e = r.address.n > 0 ? suppress_digest(s->server->suppress, r.address, r.digest)
			    : ERR_OK;
	reason = reason_of(&o, &r);
	control_ok(&s->reply);
	attr_put(&s->reply, "suppressed", reason != NULL ? SPAN("yes") : SPAN("no"));
	/* First what may fail: a report that could not be taken comes again, and counts then. */
	if (e == ERR_OK && reason != NULL)
		e = suppress(s, &o, &r, reason);
	if (e != ERR_OK) {
		control_error_value(call->reply, e);
		return CONTROL_DONE;
	}
	count_all(s->server, &o, &r);
	put_event(s->server, call, &o, &r);
	log_report(call, &o, &r, reason != NULL);
	return reason != NULL ? CONTROL_LATER : CONTROL_DONE;
}
