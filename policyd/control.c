/* control - who may ask what on the control socket. Knows roles and framing; the verbs' work is
 * in control_*.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "control_handlers.h"
#include "log.h"

#define REPLY_MAX (1u << 20)

static const struct verb {
	const char *name;
	unsigned roles;
	control_handler *handler;
} verbs[] = {
	{ CONTROL_ASSIGN, ROLE_MILTER | ROLE_ADMIN, control_assign },
	{ CONTROL_ADMIT, ROLE_MILTER | ROLE_ADMIN, control_admit },
	{ CONTROL_CLOSE, ROLE_MILTER | ROLE_ADMIN, control_close_message },
	{ CONTROL_UNSUBSCRIBE, ROLE_WEB | ROLE_ADMIN, control_unsubscribe },
	{ CONTROL_EVENT, ROLE_WEB | ROLE_ADMIN, control_event },
	{ CONTROL_METRICS, ROLE_WEB | ROLE_ADMIN, control_metrics },
	{ CONTROL_STATUS, ROLE_ADMIN, control_status },
	{ CONTROL_RELOAD, ROLE_ADMIN, control_reload },
	{ CONTROL_TENANT_LIST, ROLE_ADMIN, control_tenant_list },
	{ CONTROL_TENANT_SHOW, ROLE_ADMIN, control_tenant_show },
	{ CONTROL_TENANT_STATE, ROLE_ADMIN, control_tenant_state },
	{ CONTROL_QUOTA_SHOW, ROLE_ADMIN, control_quota_show },
	{ CONTROL_QUOTA_RESET, ROLE_ADMIN, control_quota_reset },
	{ CONTROL_SUPPRESS_ADD, ROLE_ADMIN, control_suppress_add },
	{ CONTROL_SUPPRESS_REMOVE, ROLE_ADMIN, control_suppress_remove },
	{ CONTROL_SUPPRESS_CHECK, ROLE_ADMIN, control_suppress_check },
	{ CONTROL_SUPPRESS_EXPORT, ROLE_ADMIN, control_suppress_export },
	{ CONTROL_SOURCE_LIST, ROLE_ADMIN, control_source_list },
	{ CONTROL_SOURCE_STATE, ROLE_ADMIN, control_source_state },
	{ CONTROL_POOL_STATUS, ROLE_ADMIN, control_pool_status },
	{ CONTROL_POOL_STATE, ROLE_ADMIN, control_pool_state },
	{ CONTROL_EXPLAIN, ROLE_ADMIN, control_explain },
	{ CONTROL_EVENTS, ROLE_ADMIN, control_events },
	{ CONTROL_STATS, ROLE_ADMIN, control_stats },
	{ CONTROL_BRAKE_LIST, ROLE_ADMIN, control_brake_list },
	{ CONTROL_BRAKE_RELEASE, ROLE_ADMIN, control_brake_release },
	{ CONTROL_WARMUP_LIST, ROLE_ADMIN, control_warmup_list },
	{ CONTROL_WARMUP_CHANGE, ROLE_ADMIN, control_warmup_change },
	{ CONTROL_ALERT_LIST, ROLE_ADMIN, control_alert_list },
	{ CONTROL_ALERT_CHANGE, ROLE_ADMIN, control_alert_change },
	{ CONTROL_RETURNED, ROLE_RETURNS | ROLE_ADMIN, control_returned },
	{ CONTROL_DB_BACKUP, ROLE_ADMIN, control_db_backup },
	{ CONTROL_DB_VERIFY, ROLE_ADMIN, control_db_verify },
};

/* ---- helpers of the handlers ---- */

void control_ok(struct buf *reply)
{
	buf_reset(reply);
	attr_put(reply, "status", SPAN("ok"));
}

static void put_text(struct buf *reply, const char *name, char *text)
{
	for (char *p = text; *p != '\0'; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
	attr_put(reply, name, span_cstr(text));
}

void control_error(struct buf *reply, const char *word, const char *format, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	buf_reset(reply);
	attr_put(reply, "status", SPAN("error"));
	attr_put(reply, "error", span_cstr(word));
	put_text(reply, "text", text);
}

void control_error_value(struct buf *reply, enum err e)
{
	static const struct {
		enum err e;
		const char *word;
	} words[] = {
		{ ERR_NOTFOUND, "notfound" },
		{ ERR_EXISTS, "exists" },
		{ ERR_DENIED, "denied" },
		{ ERR_FULL, "full" },
		{ ERR_READONLY, "readonly" },
		{ ERR_CORRUPT, "corrupt" },
		{ ERR_SYNTAX, "syntax" },
		{ ERR_RANGE, "range" },
		{ ERR_IO, "io" },
	};
	const char *word = "unavailable";

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (words[i].e == e)
			word = words[i].word;
	control_error(reply, word, "%s", err_text(e));
}

void control_stored(void *context, enum err e)
{
	struct control_session *s = context;

	if (e == ERR_OK)
		control_ok(&s->reply);
	else
		control_error_value(&s->reply, e);
	control_finish(s);
}

struct span control_get(const struct control_call *call, const char *name)
{
	struct span s = attr_get(call->request, span_cstr(name));

	return s.p != NULL ? s : SPAN("");
}

struct span control_get_item(const struct control_call *call, const char *name, size_t index)
{
	char full[64];

	snprintf(full, sizeof full, "%s.%zu", name, index);
	return attr_get(call->request, span_cstr(full));
}

void control_row(struct buf *reply, size_t index, const struct span *fields, size_t count)
{
	buf_printf(reply, "row.%zu=", index);
	for (size_t i = 0; i < count; i++) {
		if (i > 0)
			buf_add_char(reply, '\t');
		for (size_t k = 0; k < fields[i].n; k++) {
			char c = fields[i].p[k];

			buf_add_char(reply, c == '\t' || c == '\n' || c == '\0' ? ' ' : c);
		}
	}
	buf_add_char(reply, '\n');
}

/* ---- sessions ---- */

static unsigned roles_of(const struct control_context *c, uid_t uid)
{
	const struct provider *p = snapshot_provider(c->server->snapshot);
	unsigned roles = 0;

	if (uid == 0 || uid == c->own_uid)
		roles |= ROLE_ADMIN;
	if (uid == c->milter_uid)
		roles |= ROLE_MILTER;
	if (uid == c->web_uid)
		roles |= ROLE_WEB;
	if (uid == c->returns_uid)
		roles |= ROLE_RETURNS;
	for (size_t i = 0; i < p->policyd.admin_count; i++)
		if (p->policyd.admins[i] == uid)
			roles |= ROLE_ADMIN;
	return roles;
}

void *control_open(void *context, uid_t peer_uid)
{
	struct control_context *c = context;
	struct control_session *s;
	unsigned roles = roles_of(c, peer_uid);

	if (roles == 0) {
		log_record(LOG_LEVEL_WARNING, SPAN(""), "audit",
		    LOG_CSTR("event", "control_refused"), LOG_NUMBER("uid", peer_uid));
		return NULL;
	}
	s = calloc(1, sizeof *s);
	if (s == NULL)
		return NULL;
	s->context = c;
	s->server = c->server;
	s->roles = roles;
	buf_init(&s->reply, REPLY_MAX);
	buf_init(&s->accepted, 8u << 20);
	buf_init(&s->kept, REPLY_MAX);
	return s;
}

void control_close(void *context, void *session)
{
	struct control_session *s = session;

	(void)context;
	buf_free(&s->reply);
	buf_free(&s->accepted);
	buf_free(&s->kept);
	free(s);
}

void control_finish(struct control_session *s)
{
	struct ticket *t = s->ticket;

	attr_end(&s->reply);
	s->ticket = NULL;
	if (buf_ok(&s->reply)) {
		t->answer(t, buf_span(&s->reply));
		return;
	}
	/* A value held a newline, or the list was too long: said, never cut silently. */
	control_error(&s->reply, "range", "the answer does not fit");
	attr_end(&s->reply);
	t->answer(t, buf_span(&s->reply));
}

void control_request(
    void *context, void *session, const struct attr_request *request, struct ticket *ticket)
{
	struct control_session *s = session;
	struct control_call call = { s, request, &s->reply };
	struct span verb = control_get(&call, "verb");
	const struct verb *v = NULL;

	(void)context;
	s->ticket = ticket;
	if (!span_eq(control_get(&call, "request"), SPAN(CONTROL_REQUEST))) {
		ticket->hang_up(ticket, "request is not " CONTROL_REQUEST);
		return;
	}
	for (size_t i = 0; i < ARRAY_SIZE(verbs); i++)
		if (span_eq(verb, span_cstr(verbs[i].name)))
			v = &verbs[i];
	control_ok(&s->reply);
	if (!span_eq(control_get(&call, "version"), SPAN(CONTROL_VERSION)))
		control_error(
		    &s->reply, "version", "this is protocol version %s", CONTROL_VERSION);
	else if (v == NULL)
		control_error(&s->reply, "protocol", "unknown verb \"%.*s\"", SPAN_ARG(verb));
	else if ((v->roles & s->roles) == 0)
		control_error(&s->reply, "denied", "this user may not ask \"%s\"", v->name);
	else if (v->handler(&call) == CONTROL_LATER)
		return;
	control_finish(s);
}
