/* session - states of a connection, whose mail it is, and the line in the log. Knows neither
 * libmilter nor what the stages do. */
#include <assert.h>
#include <stdlib.h>

#include "addr.h"
#include "hooks.h"
#include "log.h"
#include "session.h"
#include "split.h"
#include "stages.h"

enum state {
	STATE_IDLE,     /* no message, or one that there was no memory for */
	STATE_PASSING,  /* not ours */
	STATE_ENVELOPE, /* ours, from MAIL on */
	STATE_HEADERS,
	STATE_BODY,
	STATE_DECIDED, /* verdict known, Postfix not yet told */
	STATES
};

struct session {
	struct shared *shared;
	enum state state;
	struct mail mail;       /* meaningful outside STATE_IDLE; empty while passing */
	char last_queue_id[64]; /* of the message before */
};

static const char *const state_names[] = {
	[STATE_IDLE] = "idle",
	[STATE_PASSING] = "passing",
	[STATE_ENVELOPE] = "envelope",
	[STATE_HEADERS] = "headers",
	[STATE_BODY] = "body",
	[STATE_DECIDED] = "decided",
};
static_assert(ARRAY_SIZE(state_names) == STATES, "a name for every state");

/* Which states may follow which. Everything may end in idle: MAIL and abort come at any time. */
static const unsigned may_follow[STATES] = {
	[STATE_IDLE] = 1u << STATE_PASSING | 1u << STATE_ENVELOPE | 1u << STATE_IDLE,
	[STATE_PASSING] = 1u << STATE_IDLE,
	[STATE_ENVELOPE] = 1u << STATE_HEADERS | 1u << STATE_BODY | 1u << STATE_IDLE,
	[STATE_HEADERS] = 1u << STATE_BODY | 1u << STATE_IDLE,
	[STATE_BODY] = 1u << STATE_DECIDED | 1u << STATE_IDLE,
	[STATE_DECIDED] = 1u << STATE_IDLE,
};

/* The one door. False (and nothing changes) when an event comes out of order. */
static bool enter(struct session *s, enum state next)
{
	if ((may_follow[s->state] >> next & 1) == 0) {
		log_text(LOG_LEVEL_WARNING, "milter event out of order: from %s to %s",
		    state_names[s->state], state_names[next]);
		return false;
	}
	if (next == STATE_IDLE && s->state != STATE_IDLE)
		mail_deinit(&s->mail);
	s->state = next;
	return true;
}

struct session *session_new(struct shared *shared)
{
	struct session *s = calloc(1, sizeof *s);

	if (s != NULL)
		s->shared = shared;
	return s;
}

void session_free(struct session **s)
{
	if (*s == NULL)
		return;
	(void)enter(*s, STATE_IDLE);
	free(*s);
	*s = NULL;
}

/* ---- whose mail is it? ---- */

static bool is_local_client(struct span client)
{
	return client.n == 0 || span_eq(client, SPAN("127.0.0.1")) ||
	       span_eq(client, SPAN("::1"));
}

static size_t owner_of_sender(const struct snapshot *s, struct span sender)
{
	char domain[DOMAIN_MAX];
	struct addr addr;

	if (addr_split(sender, &addr) != ERR_OK ||
	    domain_canonical(addr.domain, domain) != ERR_OK)
		return TENANT_NONE;
	return snapshot_find_domain(s, span_cstr(domain), NULL);
}

/* Mail that no SMTP client handed in: Postfix's own notices have the empty sender; sendmail(1)'s
 * sender names a tenant only where Postfix has checked it. Everything else is the host's. */
static bool classify_local(const struct snapshot *s, const struct envelope *e,
    enum mail_kind *kind_r, size_t *tenant_r)
{
	const struct provider *p = snapshot_provider(s);

	if (!is_local_client(e->client))
		return false;
	if (e->sender.n == 0) {
		*kind_r = MAIL_NOTICE;
		*tenant_r = TENANT_NONE;
		return p->milter.notice_domain != NULL;
	}
	if (!p->postfix.local_senders_checked)
		return false;
	*kind_r = MAIL_LOCAL;
	*tenant_r = owner_of_sender(s, e->sender);
	return *tenant_r != TENANT_NONE;
}

/* Only pickup(8) and qmqpd(8) mail has its queue id at MAIL, and no client's port. smtpd, too, has
 * an id there when it opens the queue file early (smtpd_delay_open_until_valid_rcpt = no): a login
 * or a port is SMTP all the same. */
static bool is_local(const struct envelope *e)
{
	return e->queue_id.n > 0 && e->login.n == 0 &&
	       (e->client_port.n == 0 || span_eq(e->client_port, SPAN("0")));
}

/* Direction first. An empty sender from a client is no exemption: its login decides. */
static bool classify(const struct snapshot *s, const struct envelope *e, enum mail_kind *kind_r,
    size_t *tenant_r)
{
	if (is_local(e))
		return classify_local(s, e, kind_r, tenant_r);
	*kind_r = MAIL_SMTP;
	*tenant_r = e->login.n > 0 ? snapshot_find_login(s, e->login) : TENANT_NONE;
	if (*tenant_r == TENANT_NONE && e->client.n > 0)
		*tenant_r = snapshot_find_client(s, e->client);
	return *tenant_r != TENANT_NONE;
}

/* Mail for the smtpd of copies is ours whatever it is; without a tenant a stage turns it away. */
static void recognise_copy(const struct generation *g, struct span sender, size_t *tenant_r,
    char *host, struct token_return *token_r)
{
	const struct token_ring *ring = g->rings[TOKEN_RETURN];

	if (ring == NULL ||
	    split_get_sender(g->snapshot, ring, sender, tenant_r, host, token_r) != ERR_OK)
		*tenant_r = TENANT_NONE;
}

static struct envelope normalise(const struct session *s, const struct envelope *given)
{
	struct envelope e = *given;

	if (e.sender.n >= 2 && e.sender.p[0] == '<' && e.sender.p[e.sender.n - 1] == '>')
		e.sender = span_make(e.sender.p + 1, e.sender.n - 2);
	if (e.client.n > 5 && span_eq_nocase(span_head(e.client, 5), SPAN("IPv6:")))
		e.client = span_from(e.client, 5);
	/* Macros outlive messages in some libraries. A queue id is never used twice, so one that
	 * was here before says nothing about this message. */
	if (span_eq(e.queue_id, span_cstr(s->last_queue_id)))
		e.queue_id = SPAN("");
	return e;
}

/* ---- events ---- */

void session_begin(struct session *s, const struct envelope *envelope)
{
	const struct envelope e = normalise(s, envelope);
	struct generation *g = shared_generation(s->shared);
	char host[DOMAIN_MAX] = "";
	struct token_return token = { .message = 0 };
	enum mail_kind kind;
	size_t tenant;

	(void)enter(s, STATE_IDLE);
	if (span_eq(e.daemon, SPAN(SPLIT_DAEMON))) {
		kind = MAIL_COPY;
		recognise_copy(g, e.sender, &tenant, host, &token);
	} else if (!classify(g->snapshot, &e, &kind, &tenant)) {
		log_record(LOG_LEVEL_DEBUG, e.queue_id, "not_ours", LOG_SPAN("login", e.login),
		    LOG_SPAN("client", e.client), LOG_SPAN("sender", e.sender));
		generation_unref(&g);
		s->mail = (struct mail){ .tenant = TENANT_NONE };
		(void)enter(s, STATE_PASSING);
		return;
	}
	s->mail = (struct mail){
		.shared = s->shared, .generation = g, .kind = kind, .tenant = tenant
	};
	s->mail.content.message = token.message;
	s->mail.source = token.source;
	memcpy(s->mail.content.split_host, host, sizeof host);
	s->mail.message = message_new(e.sender, e.login, e.client);
	if (s->mail.message == NULL) {
		/* At its end such a message is one whose MAIL we never saw. */
		mail_deinit(&s->mail);
		return;
	}
	s->mail.smtputf8 = e.smtputf8;
	s->mail.host = span_make(arena_dup(s->mail.message->arena, e.host), e.host.n);
	if (s->mail.host.p == NULL)
		s->mail.host = SPAN("");
	message_set_queue_id(s->mail.message, e.queue_id);
	(void)enter(s, STATE_ENVELOPE);
}

/* The same id may come more than once. One that is the last message's is a left-over. */
static void learn_queue_id(struct session *s, struct span queue_id)
{
	if (queue_id.n > 0 && !span_eq(queue_id, span_cstr(s->last_queue_id)))
		message_set_queue_id(s->mail.message, queue_id);
}

void session_recipient(struct session *s, struct span address)
{
	if (s->state != STATE_ENVELOPE)
		return;
	if (address.n >= 2 && address.p[0] == '<' && address.p[address.n - 1] == '>')
		address = span_make(address.p + 1, address.n - 2);
	message_add_recipient(s->mail.message, address);
}

static void first_header(struct session *s, struct span queue_id)
{
	(void)enter(s, STATE_HEADERS);
	learn_queue_id(s, queue_id);
	stages_first_header(&s->mail);
}

void session_header(
    struct session *s, struct span queue_id, struct span name, struct span value)
{
	if (s->state == STATE_ENVELOPE)
		first_header(s, queue_id);
	if (s->state == STATE_HEADERS)
		message_add_header(s->mail.message, name, value);
}

void session_end_of_headers(struct session *s, struct span queue_id)
{
	if (s->state == STATE_IDLE || s->state == STATE_PASSING || !enter(s, STATE_BODY))
		return;
	if (!span_eq(s->mail.message->queue_id, queue_id)) {
		mail_forget_question(&s->mail); /* it named another */
		message_set_queue_id(s->mail.message, queue_id);
	}
	stages_end_of_headers(&s->mail);
}

void session_body(struct session *s, struct span chunk)
{
	if (s->state == STATE_BODY)
		stages_body(&s->mail, chunk);
}

void session_end_of_message(struct session *s, struct outcome *outcome_r)
{
	struct mail *mail = &s->mail;

	*outcome_r = (struct outcome){ .verdict = &mail->verdict };
	if (s->state == STATE_PASSING)
		return;
	if (!enter(s, STATE_DECIDED)) {
		/* A message whose MAIL we never saw: nobody knows whose it is. */
		verdict_decide(TROUBLE_ORDER, SPAN(""), &mail->verdict);
		return;
	}
	stages_end_of_message(mail);
	if (mail->verdict.trouble != TROUBLE_NONE || mail->untouched)
		return;
	outcome_r->edits = mail->message->edits;
	outcome_r->edit_count = mail->message->edit_count;
}

/* ---- the end ---- */

static const char *kind_name(enum mail_kind kind)
{
	switch (kind) {
	case MAIL_LOCAL: return "local";
	case MAIL_NOTICE: return "notice";
	case MAIL_ORIGINAL: return "original";
	case MAIL_COPY: return "copy";
	case MAIL_TRIAL: /* has no session */
	case MAIL_SMTP: break;
	}
	return "smtp";
}

static void log_accepted(const struct mail *mail)
{
	struct buf selectors = BUF_INIT(1024), algorithms = BUF_INIT(1024),
		   done = BUF_INIT(2048), fixed = BUF_INIT(256), warned = BUF_INIT(256);
	const struct message *m = mail->signing != NULL ? &mail->final : mail->message;
	struct log_field fields[11 + CONTENT_FIELDS_MAX];
	size_t n = 0;

	for (size_t i = 0; i < mail->signature_count; i++) {
		buf_printf(&selectors, "%s%s", i > 0 ? "+" : "", mail->signatures[i].selector);
		buf_printf(
		    &algorithms, "%s%s", i > 0 ? "+" : "", mail->signatures[i].algorithm);
	}
	if (mail->tenant != TENANT_NONE)
		fields[n++] = LOG_CSTR(
		    "tenant", snapshot_tenant(mail->generation->snapshot, mail->tenant)->name);
	if (mail->stream != NULL)
		fields[n++] = LOG_CSTR("stream", mail->stream->name);
	fields[n++] = LOG_CSTR("domain", mail->domain);
	fields[n++] = LOG_SPAN("selector", buf_span(&selectors));
	fields[n++] = LOG_SPAN("algorithms", buf_span(&algorithms));
	fields[n++] = LOG_NUMBER("size", message_octets(m));
	if (mail->kind != MAIL_SMTP)
		fields[n++] = LOG_CSTR("source", kind_name(mail->kind));
	/* Postfix's smtp client breaks such lines unless told otherwise, and the signature with
	 * them (smtp_line_length_limit). */
	if (m->body.longest > MESSAGE_LINE_MAX)
		fields[n++] = LOG_NUMBER("longest_line", m->body.longest);
	n += content_log_fields(&mail->content, &done, fields + n);
	if (mail->judged) {
		/* An original is not changed; its copies are. */
		if (mail->kind != MAIL_ORIGINAL)
			comply_put_ids(&mail->comply, OUTCOME_FIXED, &fixed);
		comply_put_ids(&mail->comply, OUTCOME_WARNED, &warned);
	}
	if (fixed.n > 0)
		fields[n++] = LOG_SPAN("fixed", buf_span(&fixed));
	if (warned.n > 0)
		fields[n++] = LOG_SPAN("warned", buf_span(&warned));
	log_fields(LOG_LEVEL_INFO, m->queue_id,
	    mail->kind == MAIL_ORIGINAL ? "split" : "signed", fields, n);
	buf_free(&warned);
	buf_free(&fixed);
	buf_free(&done);
	buf_free(&selectors);
	buf_free(&algorithms);
}

static void log_refused(const struct mail *mail, const struct verdict *v)
{
	log_record(LOG_LEVEL_INFO, mail->message->queue_id,
	    v->action == VERDICT_REJECT ? "refused" : "deferred",
	    LOG_CSTR(
		"tenant", mail->tenant != TENANT_NONE
			      ? snapshot_tenant(mail->generation->snapshot, mail->tenant)->name
			      : ""),
	    LOG_SPAN("login", mail->message->login), LOG_CSTR("reason", v->word),
	    LOG_CSTR("code", v->code), LOG_CSTR("dsn", v->dsn), LOG_CSTR("text", v->text));
}

/* Only a decision of ours is evidence for policyd; silence means the charges are spent. A policyd
 * that did not answer just now is not asked again. */
static void tell_policyd(const struct mail *mail, const struct verdict *v)
{
	const struct message *m = mail->message;
	bool charged = mail->kind == MAIL_SMTP || mail->kind == MAIL_ORIGINAL ||
		       (mail->kind == MAIL_LOCAL && mail->assignment.found);
	enum err e;

	if (!charged || v->trouble == TROUBLE_POLICY_AWAY || v->trouble == TROUBLE_NOT_ADMITTED)
		return;
	e = policy_client_close(mail->generation->policy, m->queue_id,
	    v->action == VERDICT_ACCEPT,
	    (struct recipients){ m->recipients, m->recipient_count },
	    mail->assignment.recipients);
	if (e != ERR_OK)
		log_record(LOG_LEVEL_WARNING, m->queue_id, "close_not_told",
		    LOG_CSTR("text", err_text(e)));
}

void session_complete(struct session *s, bool applied, struct verdict *verdict_r)
{
	struct mail *mail = &s->mail;

	*verdict_r = mail->verdict;
	if (s->state == STATE_PASSING)
		(void)enter(s, STATE_IDLE);
	if (s->state != STATE_DECIDED)
		return;
	if (mail->verdict.trouble == TROUBLE_NONE && !applied)
		verdict_decide(TROUBLE_APPLY, SPAN(""), verdict_r);
	/* Half-made edits of a notice are the one case where a notice waits: it must not leave
	 * with half a signature. */
	if (verdict_r->action != VERDICT_ACCEPT)
		log_refused(mail, verdict_r);
	else if (!mail->untouched)
		log_accepted(mail);
	if (mail->kind != MAIL_NOTICE)
		hooks_verdict(
		    mail, verdict_r->trouble == TROUBLE_NONE ? "none" : verdict_r->word);
	tell_policyd(mail, verdict_r);
	(void)span_copy(mail->message->queue_id, s->last_queue_id, sizeof s->last_queue_id);
	(void)enter(s, STATE_IDLE);
}

void session_abort(struct session *s)
{
	if (s->state != STATE_IDLE && s->state != STATE_PASSING)
		(void)span_copy(
		    s->mail.message->queue_id, s->last_queue_id, sizeof s->last_queue_id);
	(void)enter(s, STATE_IDLE);
}
