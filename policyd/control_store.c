/* control_store - verbs that change or read the store at length: suppressions, backup, verify. */
#include <stdio.h>
#include <stdlib.h>

#include "addr.h"
#include "clock.h"
#include "control_handlers.h"
#include "log.h"
#include "store_load.h"
#include "text_time.h"

/* ---- suppressions ---- */

static const struct {
	const char *word;
	enum suppress_scope scope;
} scopes[] = {
	{ "platform", SUPPRESS_PLATFORM },
	{ "tenant", SUPPRESS_TENANT },
	{ "stream", SUPPRESS_STREAM },
};

static bool read_scope(struct control_call *call, struct suppress_key *key_r)
{
	const struct server *s = call->session->server;
	struct span word = control_get(call, "scope");
	const struct tenant *t;
	size_t index;

	*key_r = (struct suppress_key){ .scope = SUPPRESS_SCOPES,
		.tenant = control_get(call, "tenant"),
		.stream = control_get(call, "stream") };
	for (size_t i = 0; i < ARRAY_SIZE(scopes); i++)
		if (span_eq(word, span_cstr(scopes[i].word)))
			key_r->scope = scopes[i].scope;
	if (key_r->scope == SUPPRESS_SCOPES) {
		control_error(call->reply, "syntax", "scope: platform, tenant or stream");
		return false;
	}
	if (key_r->scope == SUPPRESS_PLATFORM)
		return true;
	index = snapshot_find_tenant(s->snapshot, key_r->tenant);
	if (index == TENANT_NONE) {
		control_error(call->reply, "notfound", "there is no tenant \"%.*s\"",
		    SPAN_ARG(key_r->tenant));
		return false;
	}
	t = snapshot_tenant(s->snapshot, index);
	key_r->tenant = span_cstr(t->name);
	if (key_r->scope == SUPPRESS_TENANT)
		return true;
	for (size_t i = 0; i < t->stream_count; i++)
		if (span_eq(key_r->stream, span_cstr(t->streams[i].name)))
			return true;
	control_error(call->reply, "notfound", "tenant %s has no stream \"%.*s\"", t->name,
	    SPAN_ARG(key_r->stream));
	return false;
}

/* "sha:" and 32 hexadecimal digits: a digest as suppress export prints it. */
static bool read_digest(struct span text, uint8_t out[DIGEST_SIZE])
{
	if (text.n != DIGEST_SIZE * 2 + 4 || !span_starts(text, SPAN("sha:")))
		return false;
	text = span_from(text, 4);
	for (size_t i = 0; i < DIGEST_SIZE * 2; i++) {
		char c = ascii_lower(text.p[i]);
		int v = ascii_digit(c) ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;

		if (v < 0)
			return false;
		out[i / 2] = (uint8_t)(i % 2 == 0 ? v << 4 : out[i / 2] | v);
	}
	return true;
}

static const char *read_address(
    struct suppress_list *list, struct span text, uint8_t out[DIGEST_SIZE])
{
	char canonical[ADDR_MAX];

	if (read_digest(text, out))
		return NULL;
	if (addr_canonical(text, canonical) != ERR_OK)
		return "not a mail address";
	return suppress_digest(list, text, out) == ERR_OK ? NULL : "cannot be hashed";
}

static void on_added(void *context, enum err e, size_t added, size_t present)
{
	struct control_session *s = context;

	if (e == ERR_OK) {
		control_ok(&s->reply);
		attr_put_u64(&s->reply, "added", added);
		attr_put_u64(&s->reply, "present", present);
		attr_put_u64(&s->reply, "bad", s->bad);
		buf_add_span(&s->reply, buf_span(&s->kept));
	} else {
		control_error_value(&s->reply, e);
	}
	buf_reset(&s->kept);
	control_finish(s);
}

struct row_defaults {
	struct span reason, source;
	int64_t added_s, expires_s;
};

/* One item: "address.N", or "row.N" with address, reason, date and source by tabs. NULL: taken. */
static const char *read_item(struct control_call *call, struct span item,
    const struct row_defaults *defaults, struct suppress_row *row_r)
{
	struct span field[4] = { 0 }, rest = item;

	for (size_t i = 0; i < ARRAY_SIZE(field); i++)
		if (!span_next(&rest, '\t', &field[i]))
			field[i] = SPAN("");
	*row_r = (struct suppress_row){ .reason = field[1].n > 0 ? field[1] : defaults->reason,
		.source = field[3].n > 0 ? field[3] : defaults->source,
		.added_s = defaults->added_s,
		.expires_s = defaults->expires_s };
	if (field[2].n > 0 && !text_time_parse(field[2], &row_r->added_s))
		return "date is not RFC 3339";
	return read_address(call->session->server->suppress, field[0], row_r->digest);
}

static bool read_defaults(struct control_call *call, struct row_defaults *d)
{
	struct span expires = control_get(call, "expires");

	*d = (struct row_defaults){ .reason = control_get(call, "reason"),
		.source = control_get(call, "source"),
		.added_s = clock_wall_ns() / NS_PER_S };
	if (expires.n == 0 || text_time_parse(expires, &d->expires_s))
		return true;
	control_error(call->reply, "syntax", "expires: not an RFC 3339 date or time");
	return false;
}

enum control_progress control_suppress_add(struct control_call *call)
{
	struct control_session *s = call->session;
	struct suppress_row *rows = calloc(CONTROL_ROWS, sizeof *rows);
	struct suppress_key key;
	struct row_defaults defaults;
	size_t count = 0;
	enum err e = ERR_NOMEM;

	s->bad = 0;
	buf_reset(&s->kept);
	if (rows == NULL || !read_scope(call, &key) || !read_defaults(call, &defaults)) {
		free(rows);
		return CONTROL_DONE;
	}
	for (size_t i = 0; i < CONTROL_ROWS; i++) {
		struct span item = control_get_item(call, "address", i);
		const char *wrong;

		if (item.p == NULL)
			item = control_get_item(call, "row", i);
		if (item.p == NULL)
			break;
		wrong = read_item(call, item, &defaults, &rows[count]);
		if (wrong != NULL)
			buf_printf(&s->kept, "bad.%zu=%zu\t%s\n", s->bad++, i, wrong);
		else
			count++;
	}
	e = suppress_add(s->server->suppress, &key, rows, count, on_added, s);
	free(rows);
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

static void on_removed(void *context, enum err e, size_t removed, size_t present)
{
	struct control_session *s = context;

	(void)present;
	if (e != ERR_OK) {
		control_error_value(&s->reply, e);
	} else if (removed == 0) {
		control_error(&s->reply, "notfound", "the address is not on this list");
	} else {
		control_ok(&s->reply);
		attr_put_u64(&s->reply, "removed", removed);
	}
	control_finish(s);
}

enum control_progress control_suppress_remove(struct control_call *call)
{
	struct control_session *s = call->session;
	struct span reason = control_get(call, "reason"), scope = control_get(call, "scope");
	uint8_t digest[DIGEST_SIZE];
	struct suppress_key key;
	const char *wrong;
	enum err e;

	if (!read_scope(call, &key))
		return CONTROL_DONE;
	wrong = read_address(s->server->suppress, control_get(call, "address"), digest);
	if (wrong != NULL || reason.n == 0) {
		control_error(call->reply, "syntax", "%s",
		    wrong != NULL ? wrong : "a reason must be given");
		return CONTROL_DONE;
	}
	log_record(LOG_LEVEL_WARNING, SPAN(""), "audit", LOG_CSTR("event", "suppress_rm"),
	    LOG_SPAN("scope", scope), LOG_SPAN("tenant", key.tenant),
	    LOG_SPAN("stream", key.stream), LOG_SPAN("reason", reason),
	    LOG_NUMBER("uid", s->ticket->peer_uid));
	e = suppress_remove(s->server->suppress, &key, digest, on_removed, s);
	if (e == ERR_OK)
		return CONTROL_LATER;
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

static void put_found(void *context, const struct suppress_row *row)
{
	struct buf *reply = context;
	char added[ZONE_TEXT_MAX];

	zone_format(zone_utc(), row->added_s, added);
	attr_put(reply, "reason", row->reason);
	attr_put(reply, "source", row->source);
	attr_put(reply, "added", span_cstr(added));
}

enum control_progress control_suppress_check(struct control_call *call)
{
	struct suppress_list *list = call->session->server->suppress;
	struct span tenant = control_get(call, "tenant"), stream = control_get(call, "stream");
	uint8_t digest[DIGEST_SIZE];
	enum suppress_scope scope;
	const char *wrong = read_address(list, control_get(call, "address"), digest);

	if (wrong != NULL) {
		control_error(call->reply, "syntax", "%s", wrong);
	} else if (!suppress_match(list, digest, tenant, stream, &scope)) {
		attr_put(call->reply, "suppressed", SPAN("no"));
	} else {
		struct suppress_key key = { scope, tenant, stream };

		attr_put(call->reply, "suppressed", SPAN("yes"));
		attr_put(call->reply, "scope", span_cstr(scopes[scope].word));
		(void)!suppress_find(list, &key, digest, put_found, call->reply);
	}
	return CONTROL_DONE;
}

struct exporting {
	struct buf *reply;
	size_t rows;
	char last[DIGEST_SIZE * 2 + 5];
};

static void put_exported(void *context, const struct suppress_row *row)
{
	struct exporting *x = context;
	char date[ZONE_TEXT_MAX], expires[ZONE_TEXT_MAX] = "";
	size_t n = (size_t)snprintf(x->last, sizeof x->last, "sha:");
	struct span fields[5];

	for (size_t i = 0; i < DIGEST_SIZE; i++)
		n += (size_t)snprintf(x->last + n, sizeof x->last - n, "%02x", row->digest[i]);
	zone_format(zone_utc(), row->added_s, date);
	if (row->expires_s != 0)
		zone_format(zone_utc(), row->expires_s, expires);
	fields[0] = span_cstr(x->last);
	fields[1] = row->reason;
	fields[2] = span_cstr(date);
	fields[3] = row->source;
	fields[4] = span_cstr(expires);
	control_row(x->reply, x->rows++, fields, ARRAY_SIZE(fields));
}

enum control_progress control_suppress_export(struct control_call *call)
{
	struct span from = control_get(call, "from");
	struct exporting x = { .reply = call->reply };
	uint8_t after[DIGEST_SIZE];
	struct suppress_key key;
	enum err e;

	if (!read_scope(call, &key))
		return CONTROL_DONE;
	if (from.n > 0 && !read_digest(from, after)) {
		control_error(call->reply, "syntax", "from: not one of ours");
		return CONTROL_DONE;
	}
	attr_put(call->reply, "columns", SPAN("digest\treason\tdate\tsource\texpires"));
	e = suppress_read(call->session->server->suppress, &key, from.n > 0 ? after : NULL,
	    CONTROL_ROWS, put_exported, &x);
	if (e != ERR_OK)
		control_error_value(call->reply, e);
	else if (x.rows == CONTROL_ROWS)
		attr_put(call->reply, "next", span_cstr(x.last));
	return CONTROL_DONE;
}

/* ---- backup, verify: jobs in the store's thread ---- */

struct store_call {
	struct control_session *session;
	const struct store_databases *databases;
	unsigned suppressions; /* database */
	char directory[1024];
	struct kv_usage usage;
	struct store_verification verification;
	enum err result;
};

static void backup_run(struct kv *kv, void *argument)
{
	struct store_call *c = argument;

	c->result = kv_backup(kv, c->directory);
	if (c->result == ERR_OK)
		c->result = suppress_backup_key(c->session->server->suppress, c->directory);
	kv_usage(kv, &c->usage);
}

static void backup_done(void *argument)
{
	struct store_call *c = argument;
	struct control_session *s = c->session;

	if (c->result == ERR_OK) {
		control_ok(&s->reply);
		attr_put_u64(&s->reply, "octets", c->usage.used_octets);
	} else {
		control_error_value(&s->reply, c->result);
	}
	free(c);
	control_finish(s);
}

static void verify_run(struct kv *kv, void *argument)
{
	struct store_call *c = argument;

	uint64_t rows, damaged;

	c->result = store_verify(kv, c->databases, &c->verification);
	if (c->result == ERR_OK)
		c->result = suppress_verify(kv, c->suppressions, &rows, &damaged);
	if (c->result != ERR_OK)
		return;
	c->verification.records += rows;
	if (damaged > 0 && c->verification.damaged == 0)
		snprintf(c->verification.first, sizeof c->verification.first,
		    "a suppression record");
	c->verification.damaged += damaged;
}

static void verify_done(void *argument)
{
	struct store_call *c = argument;
	struct control_session *s = c->session;

	if (c->result == ERR_OK)
		control_ok(&s->reply);
	else
		control_error_value(&s->reply, c->result);
	if (c->result == ERR_OK && c->verification.damaged > 0)
		control_error(&s->reply, "damaged",
		    "%llu of %llu records are damaged; first: %s",
		    (unsigned long long)c->verification.damaged,
		    (unsigned long long)c->verification.records, c->verification.first);
	attr_put_u64(&s->reply, "records", c->verification.records);
	attr_put_u64(&s->reply, "damaged", c->verification.damaged);
	free(c);
	control_finish(s);
}

static enum control_progress start(
    struct control_call *call, struct store_call *c, store_job *run, store_job_done *done)
{
	enum err e = ERR_NOMEM;

	if (c != NULL) {
		c->session = call->session;
		c->databases = store_layout(call->session->server->store);
		c->suppressions = store_database(call->session->server->store, STORE_SUPPRESS);
		e = store_run(call->session->server->store, run, done, c);
	}
	if (e == ERR_OK)
		return CONTROL_LATER;
	free(c);
	control_error_value(call->reply, e);
	return CONTROL_DONE;
}

enum control_progress control_db_backup(struct control_call *call)
{
	struct span directory = control_get(call, "directory");
	struct store_call *c = calloc(1, sizeof *c);

	if (c != NULL && (directory.n == 0 || directory.p[0] != '/' ||
			     !span_copy(directory, c->directory, sizeof c->directory))) {
		free(c);
		control_error(call->reply, "syntax", "directory: an absolute path");
		return CONTROL_DONE;
	}
	return start(call, c, backup_run, backup_done);
}

enum control_progress control_db_verify(struct control_call *call)
{
	return start(call, calloc(1, sizeof(struct store_call)), verify_run, verify_done);
}
