/* track - queue ids and what is known of each. Knows no file, no store and no thread. */
#include <endian.h>
#include <stdlib.h>

#include "addr.h"
#include "table.h"
#include "track.h"

#define RECORD_VERSION 1
#define NAMES          4 /* tenant, stream, domain, source */

struct tracked {
	UT_hash_handle hh; /* in order of their first line */
	int64_t touched_s;
	uint64_t message;
	uint32_t activations; /* times that the queue manager took it up */
	bool ours, split;     /* split: its copies are the deliveries */
	bool stored;          /* track_changes told of it */
	bool changed;         /* and has to again: it is in tracker.changed */
	struct span name[NAMES];
	char *names; /* owned; what the spans point into */
	char queue_id[33];
};

enum { NAME_TENANT, NAME_STREAM, NAME_DOMAIN, NAME_SOURCE };

struct tracker {
	struct tracked *entries;
	struct buf subject;
	struct buf changed, removed; /* queue ids, NUL behind each; removed: of stored ones */
};

struct tracker *tracker_new(void)
{
	struct tracker *t = calloc(1, sizeof *t);

	if (t != NULL) {
		buf_init(&t->subject, (size_t)2 * REPLY_TEXT_MAX);
		buf_init(&t->changed, (size_t)TRACK_MAX * 34);
		buf_init(&t->removed, (size_t)TRACK_MAX * 34);
	}
	return t;
}

static void drop(struct tracker *t, struct tracked *e)
{
	if (e->stored)
		buf_add(&t->removed, e->queue_id, strlen(e->queue_id) + 1);
	HASH_DEL(t->entries, e);
	free(e->names);
	free(e);
}

void tracker_free(struct tracker **t)
{
	struct tracked *e, *next;

	if (*t == NULL)
		return;
	HASH_ITER(hh, (*t)->entries, e, next)
	drop(*t, e);
	buf_free(&(*t)->subject);
	buf_free(&(*t)->changed);
	buf_free(&(*t)->removed);
	free(*t);
	*t = NULL;
}

size_t track_count(const struct tracker *t)
{
	return HASH_COUNT(t->entries);
}

static struct tracked *find(struct tracker *t, struct span queue_id)
{
	struct tracked *e = NULL;

	HASH_FIND(hh, t->entries, queue_id.p, queue_id.n, e);
	return e;
}

/* The entry, made when there is none; NULL: no memory. */
static struct tracked *obtain(struct tracker *t, struct span queue_id, int64_t now_s)
{
	struct tracked *e = find(t, queue_id);

	if (e == NULL && HASH_COUNT(t->entries) >= TRACK_MAX)
		drop(t, t->entries);
	if (e == NULL) {
		e = calloc(1, sizeof *e);
		if (e == NULL || !span_copy(queue_id, e->queue_id, sizeof e->queue_id)) {
			free(e);
			return NULL;
		}
		HASH_ADD_KEYPTR(hh, t->entries, e->queue_id, queue_id.n, e);
	}
	e->touched_s = now_s;
	return e;
}

static void note_change(struct tracker *t, struct tracked *e)
{
	if (!e->changed)
		buf_add(&t->changed, e->queue_id, strlen(e->queue_id) + 1);
	e->changed = true;
}

/* names may point into the entry's own. */
static void set_names(struct tracker *t, struct tracked *e, const struct span names[NAMES])
{
	char *space, *old = e->names;
	size_t n = 0;

	for (size_t i = 0; i < NAMES; i++)
		n += names[i].n;
	space = malloc(n + 1);
	e->ours = space != NULL;
	if (space == NULL)
		return;
	e->names = space;
	for (size_t i = 0; i < NAMES; i++) {
		if (names[i].n > 0)
			memcpy(space, names[i].p, names[i].n);
		e->name[i] = span_make(space, names[i].n);
		space += names[i].n;
	}
	free(old);
	note_change(t, e);
}

/* ---- whose it is ---- */

static const char *sending_domain(const struct tenant *tenant, struct span sender)
{
	const struct tenant_domain *d = senders_domain(tenant, sender);

	return d != NULL ? d->name : "";
}

static void claim(struct tracker *t, struct tracked *e, const struct tenant *tenant,
    const struct stream *stream, struct span sender, const struct source *source)
{
	const struct span names[NAMES] = { span_cstr(tenant->name), span_cstr(stream->name),
		span_cstr(sending_domain(tenant, sender)),
		span_cstr(source != NULL ? source->name : "") };

	set_names(t, e, names);
}

/* smtpd: by login, else by network, as policyd itself would. */
static void on_client(struct tracker *t, const struct track_world *w, const struct log_line *l)
{
	const struct snapshot *snapshot = w->senders->snapshot;
	size_t index = l->login.n > 0 ? snapshot_find_login(snapshot, l->login)
				      : snapshot_find_client(snapshot, l->client_address);
	struct tracked *e;
	const struct tenant *tenant;

	if (index == TENANT_NONE)
		return;
	e = obtain(t, l->queue_id, l->time_s);
	if (e == NULL)
		return;
	tenant = snapshot_tenant(snapshot, index);
	claim(t, e, tenant, tenant_stream(tenant, l->login, SPAN(""), 0), SPAN(""), NULL);
}

/* postsuper -r gives a message a new queue id; it is the same message. */
static void on_pickup(struct tracker *t, const struct log_line *l)
{
	struct tracked *old = l->previous.n > 0 ? find(t, l->previous) : NULL, *e;

	if (old == NULL || !old->ours)
		return;
	e = obtain(t, l->queue_id, l->time_s);
	if (e == NULL || e == old)
		return;
	set_names(t, e, old->name);
	e->message = old->message;
	e->activations = old->activations;
	e->split = old->split;
	drop(t, old);
}

static void on_sender(struct tracker *t, const struct track_world *w, const struct log_line *l)
{
	struct tracked *e = find(t, l->queue_id);
	struct token_return token = { .flags = 0 };
	size_t index = TENANT_NONE;
	bool genuine = senders_open(w->senders, l->sender, &index, &token) == SENDER_OURS;
	const struct tenant *tenant;

	if (genuine) {
		e = obtain(t, l->queue_id, l->time_s);
		if (e == NULL)
			return;
		tenant = snapshot_tenant(w->senders->snapshot, index);
		claim(t, e, tenant, senders_stream(tenant, token.stream), l->sender,
		    snapshot_find_source_id(w->senders->snapshot, token.source));
		e->message = token.message;
		e->split = (token.flags & TOKEN_SPLIT) != 0;
	} else if (e != NULL && e->ours && e->name[NAME_DOMAIN].n == 0) {
		index = snapshot_find_tenant(w->senders->snapshot, e->name[NAME_TENANT]);
		if (index != TENANT_NONE) {
			struct span names[NAMES];

			memcpy(names, e->name, sizeof names);
			names[NAME_DOMAIN] = span_cstr(sending_domain(
			    snapshot_tenant(w->senders->snapshot, index), l->sender));
			if (names[NAME_DOMAIN].n > 0)
				set_names(t, e, names);
		}
	}
	if (e == NULL)
		return;
	e->touched_s = l->time_s;
	e->activations++;
	note_change(t, e);
}

/* ---- deliveries ---- */

/* By the host that took or refused it, which is what a provider is; by the domain when there was
 * none, or when it was a relay of ours. */
static struct span provider_of(
    const struct track_world *w, const struct tracked *e, const struct log_line *l)
{
	const struct source *source =
	    snapshot_find_source(w->senders->snapshot, e->name[NAME_SOURCE]);
	char space[DOMAIN_MAX], word[PROVIDERS_SITE_MAX + DOMAIN_MAX];
	struct buf group = { .p = word, .size = sizeof word, .max = sizeof word };
	const char *known = NULL;
	struct addr a;

	if ((source == NULL || source->relay == NULL) && l->relay_address.n > 0 &&
	    domain_canonical(l->relay_host, space) == ERR_OK) {
		const struct span host = span_cstr(space);

		providers_of_hosts(w->providers, &host, 1, &group);
		known = providers_name(w->providers, buf_span(&group));
	}
	if (known == NULL && addr_split(l->recipient, &a) == ERR_OK &&
	    domain_canonical(a.domain, space) == ERR_OK)
		known = providers_of_domain(w->providers, span_cstr(space));
	return span_cstr(known != NULL ? known : TRACK_OTHER);
}

static void judge(struct tracker *t, const struct track_world *w, const struct log_line *l,
    struct delivery *d)
{
	buf_reset(&t->subject);
	reply_subject(l->text, l->dsn, &t->subject);
	d->subject = buf_span(&t->subject);
	d->rule = replies_match(w->replies, d->provider, d->subject);
	d->class = d->rule != NULL ? d->rule->class : REPLY_UNKNOWN;
}

static enum track_result on_delivery(struct tracker *t, const struct track_world *w,
    const struct log_line *l, struct delivery *d)
{
	struct tracked *e = find(t, l->queue_id);

	if (e == NULL || !e->ours)
		return TRACK_FOREIGN;
	e->touched_s = l->time_s;
	/* A message that is only handed on to become copies has gone nowhere yet. */
	if (e->split && (l->status == DELIVERY_SENT || l->status == DELIVERY_DEFERRED))
		return TRACK_NOTHING;
	*d = (struct delivery){ .tenant = e->name[NAME_TENANT],
		.stream = e->name[NAME_STREAM],
		.domain = e->name[NAME_DOMAIN],
		.source = e->name[NAME_SOURCE],
		.provider = provider_of(w, e, l),
		.queue_id = l->queue_id,
		.recipient = l->recipient,
		.relay_address = l->relay_address,
		.message = e->message != 0 ? e->message : message_id_of(l->queue_id),
		.time_s = l->time_s,
		.status = l->status,
		.first = e->activations <= 1,
		.subject = SPAN("") };
	if (l->status != DELIVERY_SENT)
		judge(t, w, l, d);
	return TRACK_DELIVERY;
}

enum track_result track_line(struct tracker *t, const struct track_world *world,
    const struct log_line *line, struct delivery *delivery_r)
{
	struct tracked *e;

	switch (line->kind) {
	case LOG_LINE_CLIENT: on_client(t, world, line); break;
	case LOG_LINE_PICKUP: on_pickup(t, line); break;
	case LOG_LINE_SENDER: on_sender(t, world, line); break;
	case LOG_LINE_DELIVERY: return on_delivery(t, world, line, delivery_r);
	case LOG_LINE_REMOVED:
		e = find(t, line->queue_id);
		if (e != NULL)
			drop(t, e);
		break;
	case LOG_LINE_OTHER: break;
	}
	return TRACK_NOTHING;
}

/* ---- over a restart ----
 *
 * version u8, flags u8, activations u32, message u64, touched i64, then each name: u8 + octets,
 * then a checksum u64 over the queue id and all before it */

static void put_number(struct buf *out, uint64_t value, size_t octets)
{
	value = htole64(value);
	buf_add(out, &value, octets);
}

static uint64_t checksum(struct span queue_id, struct span body)
{
	return hash64(body, hash64(queue_id, RECORD_VERSION));
}

static void put_record(struct buf *out, const struct tracked *e)
{
	size_t from = out->n;

	put_number(out, RECORD_VERSION, 1);
	put_number(out, e->split, 1);
	put_number(out, e->activations, 4);
	put_number(out, e->message, 8);
	put_number(out, (uint64_t)e->touched_s, 8);
	for (size_t i = 0; i < NAMES; i++) {
		struct span name = span_head(e->name[i], UINT8_MAX);

		put_number(out, name.n, 1);
		buf_add_span(out, name);
	}
	put_number(
	    out, checksum(span_cstr(e->queue_id), span_make(out->p + from, out->n - from)), 8);
}

void track_changes(struct tracker *t, track_visit *visit, void *context)
{
	struct span rest = buf_span(&t->removed), id;
	struct buf record = BUF_INIT(2048);

	while (span_next(&rest, '\0', &id))
		if (find(t, id) == NULL)
			visit(context, id, SPAN(""));
	rest = buf_span(&t->changed);
	while (span_next(&rest, '\0', &id)) {
		struct tracked *e = find(t, id);

		if (e == NULL || !e->changed)
			continue;
		e->changed = false;
		buf_reset(&record);
		put_record(&record, e);
		if (!e->ours || !buf_ok(&record))
			continue;
		visit(context, span_cstr(e->queue_id), buf_span(&record));
		e->stored = true;
	}
	buf_reset(&t->removed);
	buf_reset(&t->changed);
	buf_free(&record);
}

static bool take_number(struct span *s, uint64_t *value_r, size_t octets)
{
	uint64_t value = 0;

	if (s->n < octets)
		return false;
	memcpy(&value, s->p, octets);
	*value_r = le64toh(value);
	*s = span_from(*s, octets);
	return true;
}

enum err track_restore(struct tracker *t, struct span queue_id, struct span record)
{
	struct span body, names[NAMES], rest;
	uint64_t sum, version, split, activations, message, touched, n;
	struct tracked *e;

	if (record.n < 8)
		return ERR_CORRUPT;
	body = span_head(record, record.n - 8);
	rest = span_from(record, body.n);
	if (!take_number(&rest, &sum, 8) || sum != checksum(queue_id, body))
		return ERR_CORRUPT;
	if (!take_number(&body, &version, 1) || version != RECORD_VERSION)
		return ERR_VERSION;
	if (!take_number(&body, &split, 1) || !take_number(&body, &activations, 4) ||
	    !take_number(&body, &message, 8) || !take_number(&body, &touched, 8))
		return ERR_CORRUPT;
	for (size_t i = 0; i < NAMES; i++) {
		if (!take_number(&body, &n, 1) || n > body.n)
			return ERR_CORRUPT;
		names[i] = span_head(body, (size_t)n);
		body = span_from(body, (size_t)n);
	}
	e = body.n == 0 ? obtain(t, queue_id, (int64_t)touched) : NULL;
	if (e == NULL)
		return body.n == 0 ? ERR_NOMEM : ERR_CORRUPT;
	set_names(t, e, names);
	e->split = split != 0;
	e->activations = (uint32_t)activations;
	e->message = message;
	e->stored = true;
	e->changed = false; /* and what tracker.changed says of it is passed over */
	return ERR_OK;
}

void track_expire(struct tracker *t, int64_t now_s)
{
	struct tracked *e, *next;

	HASH_ITER(hh, t->entries, e, next)
	{
		if (e->touched_s < now_s - TRACK_KEEP_S)
			drop(t, e);
	}
}
