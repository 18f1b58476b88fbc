/* stages - assignment, author check, keys, signature, admission: in one table, in this order. Knows
 * neither libmilter nor how any of its helpers does its work. */
#include "stages.h"
#include "clock.h"
#include "log.h"

/* ---- trouble ---- */

/* Remembers the verdict; false, so that a stage can end with it. A notice is never refused: a
 * tempfail would make Postfix defer the original message, a reject would lose the notice. */
static bool fail(struct mail *mail, enum trouble trouble, struct span subject)
{
	if (mail->kind == MAIL_NOTICE) {
		log_record(LOG_LEVEL_WARNING, mail->message->queue_id, "notice_unsigned",
		    LOG_CSTR("reason", verdict_word(trouble)), LOG_SPAN("about", subject));
		mail->untouched = true;
	} else {
		verdict_decide(trouble, subject, &mail->verdict);
	}
	return false;
}

static const char *tenant_name(const struct mail *mail)
{
	if (mail->tenant == TENANT_NONE)
		return "";
	return snapshot_tenant(mail->generation->snapshot, mail->tenant)->name;
}

/* Log lines about broken keys come once a minute for each subject, not once a message. */
static void complain(struct mail *mail, const char *event, const char *about, const char *text)
{
	if (!shared_may_complain(mail->shared, span_cstr(about), clock_mono_ns()))
		return;
	log_record(LOG_LEVEL_ERROR, mail->message->queue_id, event,
	    LOG_CSTR("tenant", tenant_name(mail)), LOG_CSTR("domain", about),
	    LOG_CSTR("text", text));
}

/* ---- end of headers ---- */

/* The tenants of the session and of the assignment, and the stream, must be what this generation
 * knows: else one of the two daemons has a newer configuration, and later they agree. */
static bool agree(struct mail *mail)
{
	const struct snapshot *s = mail->generation->snapshot;
	const struct assignment *a = &mail->assignment;
	const struct tenant *t = snapshot_tenant(s, mail->tenant);

	if (snapshot_find_tenant(s, span_cstr(a->tenant)) != mail->tenant) {
		log_record(LOG_LEVEL_WARNING, mail->message->queue_id, "tenant_mismatch",
		    LOG_CSTR("tenant", t->name), LOG_CSTR("assigned", a->tenant),
		    LOG_SPAN("login", mail->message->login));
		return fail(mail, TROUBLE_MISMATCH, SPAN(""));
	}
	for (size_t i = 0; i < t->stream_count; i++) {
		if (strcmp(t->streams[i].name, a->stream) == 0) {
			mail->stream = &t->streams[i];
			return true;
		}
	}
	log_record(LOG_LEVEL_WARNING, mail->message->queue_id, "stream_unknown",
	    LOG_CSTR("tenant", t->name), LOG_CSTR("assigned", a->stream));
	return fail(mail, TROUBLE_MISMATCH, SPAN(""));
}

/* Postfix tells the queue id with DATA, long before the end of the headers, and its milter client
 * sends the headers only after END-OF-MESSAGE was asked: policyd answers while we read them. */
static bool ask_assignment_early(struct mail *mail)
{
	const struct message *m = mail->message;

	if (m->queue_id.n > 0)
		mail->asked = policy_client_ask_early(
		    mail->generation->policy, m->queue_id, m->login, m->client);
	return true;
}

static bool ask_assignment(struct mail *mail)
{
	const struct message *m = mail->message;
	enum err e;

	e = policy_client_assign(mail->generation->policy, &mail->asked, m->queue_id, m->login,
	    m->client, &mail->assignment);
	if (e != ERR_OK) {
		log_record(
		    LOG_LEVEL_ERROR, m->queue_id, "policy_away", LOG_CSTR("text", err_text(e)));
		return fail(mail, TROUBLE_POLICY_AWAY, SPAN(""));
	}
	if (mail->assignment.found)
		return agree(mail);
	log_record(LOG_LEVEL_ERROR, m->queue_id, "not_admitted",
	    LOG_CSTR("tenant", tenant_name(mail)), LOG_SPAN("login", m->login),
	    LOG_CSTR("hint", "smtpd_end_of_data_restrictions must ask penguin-policyd"));
	return fail(mail, TROUBLE_NOT_ADMITTED, SPAN(""));
}

/* sendmail(1) mail has no policy request; its stream is the one for "nothing known". */
static bool choose_local_stream(struct mail *mail)
{
	mail->stream = tenant_stream(
	    snapshot_tenant(mail->generation->snapshot, mail->tenant), SPAN(""), SPAN(""), 0);
	return true;
}

static bool check_message(struct mail *mail)
{
	enum trouble trouble = verdict_message_trouble(mail->message->fault);

	return trouble == TROUBLE_NONE || fail(mail, trouble, SPAN(""));
}

static bool is_foreign(enum author_fault fault)
{
	return fault == AUTHOR_FROM_FOREIGN || fault == AUTHOR_FROM_STREAM ||
	       fault == AUTHOR_SENDER_FOREIGN || fault == AUTHOR_RESENT_FOREIGN;
}

static bool check_author(struct mail *mail)
{
	const struct message *m = mail->message;
	struct author *author = &mail->author;

	author_check(mail->generation->snapshot, mail->tenant, mail->stream, m, author);
	if (author->fault == AUTHOR_FINE && author->foreign[0] != '\0')
		log_record(LOG_LEVEL_WARNING, m->queue_id, "reply_to_foreign",
		    LOG_CSTR("tenant", tenant_name(mail)), LOG_CSTR("domain", author->foreign));
	if (author->fault == AUTHOR_FINE)
		return true;
	if (is_foreign(author->fault))
		log_record(LOG_LEVEL_WARNING, m->queue_id, "cross_tenant",
		    LOG_CSTR("tenant", tenant_name(mail)), LOG_SPAN("login", m->login),
		    LOG_SPAN("client", m->client), LOG_CSTR("domain", author->foreign),
		    LOG_CSTR("reason", verdict_word(verdict_author_trouble(author->fault))));
	return fail(mail, verdict_author_trouble(author->fault), span_cstr(author->foreign));
}

static bool is_own_signature(const struct mail *mail, struct span value)
{
	char domain[DOMAIN_MAX];
	struct span tag;

	while (span_next(&value, ';', &tag)) {
		size_t equals = span_find(tag, '=', 0);

		if (span_eq(span_trim(span_head(tag, equals)), SPAN("d")) &&
		    domain_canonical(span_trim(span_from(tag, equals + 1)), domain) == ERR_OK &&
		    snapshot_find_domain(mail->generation->snapshot, span_cstr(domain), NULL) ==
			mail->tenant)
			return true;
	}
	return false;
}

/* A signature in the tenant's name that came with the message is not ours and would stand beside
 * ours. From the last to the first: deleting one renumbers those behind it. */
static bool strip_own_signatures(struct mail *mail)
{
	struct message *m = mail->message;

	for (size_t i = m->header_count; i > 0; i--) {
		const struct header *h = &m->headers[i - 1];

		if (span_eq_nocase(h->name, SPAN("DKIM-Signature")) &&
		    is_own_signature(mail, h->value) && message_delete_header(m, h) != ERR_OK)
			return fail(mail, TROUBLE_MEMORY, SPAN(""));
	}
	return true;
}

static bool key_applies(const struct dkim_key *key, const struct stream *stream)
{
	if (key->streams == NULL)
		return true;
	for (size_t i = 0; key->streams[i] != NULL; i++)
		if (strcmp(key->streams[i], stream->name) == 0)
			return true;
	return false;
}

static bool has_key(const struct tenant_domain *domain, const struct stream *stream)
{
	for (size_t i = 0; i < domain->key_count; i++)
		if (key_applies(&domain->keys[i], stream))
			return true;
	return false;
}

/* The closest owned domain that has a key for this stream: the From domain itself or one above. */
static const struct tenant_domain *find_signing_domain(const struct mail *mail)
{
	const struct tenant *t = snapshot_tenant(mail->generation->snapshot, mail->tenant);
	struct span name = span_cstr(mail->author.from);
	const struct tenant_domain *d;

	while ((d = tenant_find_domain(t, name)) != NULL) {
		if (has_key(d, mail->stream))
			return d;
		name = span_cstr(d->name);
		name = span_from(name, span_find(name, '.', 0) + 1);
	}
	return NULL;
}

static bool load_key(struct mail *mail, const struct dkim_key *key)
{
	char error[512];

	if (mail->key_count == SIGN_KEYS_MAX)
		return true;
	if (keys_get(mail->shared->keys, key->path, &mail->keys[mail->key_count].key, error,
		sizeof error) != ERR_OK) {
		complain(mail, "key_unusable", mail->domain, error);
		return fail(mail, TROUBLE_KEY, span_cstr(mail->domain));
	}
	mail->keys[mail->key_count++].selector = key->selector;
	return true;
}

static bool find_keys(struct mail *mail)
{
	const struct tenant_domain *d = find_signing_domain(mail);

	if (d == NULL) {
		complain(mail, "key_missing", mail->author.from,
		    "no dkim entry of this domain, or of one above it, applies to the stream");
		return fail(mail, TROUBLE_NO_KEY, span_cstr(mail->author.from));
	}
	mail->domain = d->name;
	for (size_t i = 0; i < d->key_count; i++)
		if (key_applies(&d->keys[i], mail->stream) && !load_key(mail, &d->keys[i]))
			return false;
	return true;
}

/* Anybody on the host can send with an empty sender; the host's name goes only under mail that
 * claims to be from the host. */
static bool find_notice_key(struct mail *mail)
{
	const struct provider *p = snapshot_provider(mail->generation->snapshot);
	char from[DOMAIN_MAX];

	if (!author_from_domain(mail->message, from) ||
	    !domain_is_within(span_cstr(from), span_cstr(p->milter.notice_domain))) {
		mail->untouched = true;
		return false;
	}
	mail->domain = p->milter.notice_domain;
	return load_key(mail, &p->milter.notice_key);
}

static bool start_signing(struct mail *mail)
{
	struct message *m = mail->message;
	char error[256];
	enum err e;

	e = signing_start(mail->generation->signer, m->queue_id.p, mail->domain,
	    mail->stream != NULL ? mail->stream->class : CLASS_TRANSACTIONAL, mail->keys,
	    mail->key_count, m, &mail->signing, error, sizeof error);
	if (e == ERR_OK)
		return true;
	log_record(LOG_LEVEL_WARNING, m->queue_id, "not_signed", LOG_CSTR("text", error));
	return fail(mail,
	    e == ERR_TOOBIG   ? TROUBLE_TOO_BIG
	    : e == ERR_SYNTAX ? TROUBLE_BAD_HEADER
	    : e == ERR_NOMEM  ? TROUBLE_MEMORY
			      : TROUBLE_SIGN,
	    SPAN(""));
}

/* ---- end of message ---- */

static bool check_body(struct mail *mail)
{
	message_end_body(mail->message);
	if (!check_message(mail))
		return false;
	return !mail->body_unsigned || fail(mail, TROUBLE_SIGN, SPAN(""));
}

/* In the milter's version of the protocol a value carries the blank after its colon itself. */
static bool insert_signature(struct message *m, const struct signature *signature)
{
	struct buf value = BUF_INIT(65536);
	bool ok;

	buf_add_char(&value, ' ');
	buf_add_span(&value, signature->value);
	/* Right below Postfix's own Received, above what clients wrote. */
	ok = buf_ok(&value) &&
	     message_insert_header(m, 1, "DKIM-Signature", buf_span(&value)) == ERR_OK;
	buf_free(&value);
	return ok;
}

static bool finish_signing(struct mail *mail)
{
	struct message *m = mail->message;
	char error[256];

	if (signing_finish(mail->signing, m->arena, mail->signatures, &mail->signature_count,
		error, sizeof error) != ERR_OK) {
		log_record(LOG_LEVEL_ERROR, m->queue_id, "not_signed", LOG_CSTR("text", error));
		return fail(mail, TROUBLE_SIGN, SPAN(""));
	}
	/* The last inserted is on top: the first key's signature. */
	for (size_t i = mail->signature_count; i > 0; i--)
		if (!insert_signature(m, &mail->signatures[i - 1]))
			return fail(mail, TROUBLE_MEMORY, SPAN(""));
	return true;
}

/* The last stage: what is charged here leaves, unless Postfix itself fails us.
 *
 * Refusals by policy are permanent (Postfix bounces to the sender). A tempfail, for
 * trouble of ours, is safe here: pickup(8) leaves the file in the maildrop queue and offers it
 * again at the next scan, so nothing is lost and nothing is charged twice (same queue file, new
 * queue id, and the old one's charges are given back by "close"). */
static bool ask_admission(struct mail *mail)
{
	const struct message *m = mail->message;
	struct admission_answer answer;
	enum err e;

	e = policy_client_admit(mail->generation->policy, m->queue_id, m->sender,
	    message_octets(m), (struct recipients){ m->recipients, m->recipient_count },
	    &answer);
	if (e != ERR_OK) {
		log_record(
		    LOG_LEVEL_ERROR, m->queue_id, "policy_away", LOG_CSTR("text", err_text(e)));
		return fail(mail, TROUBLE_POLICY_AWAY, SPAN(""));
	}
	mail->assignment = answer.assignment;
	switch (answer.verdict) {
	case ADMISSION_REFUSE:
		verdict_foreign(TROUBLE_REFUSED, span_cstr(answer.code), span_cstr(answer.dsn),
		    span_cstr(answer.text), &mail->verdict);
		return false;
	case ADMISSION_TEMPFAIL:
		verdict_foreign(TROUBLE_LATER, span_cstr(answer.code), span_cstr(answer.dsn),
		    span_cstr(answer.text), &mail->verdict);
		return false;
	case ADMISSION_ACCEPT: break;
	}
	if (!mail->assignment.found)
		return fail(mail, TROUBLE_MISMATCH, SPAN(""));
	return agree(mail);
}

/* ---- the table ---- */

#define ALL (MAIL_SMTP | MAIL_LOCAL | MAIL_NOTICE)

static const struct stage {
	enum stage_moment moment;
	unsigned kinds;
	bool (*run)(struct mail *mail);
} stages[] = {
	{ STAGE_FIRST_HEADER, MAIL_SMTP, ask_assignment_early },
	{ STAGE_END_OF_HEADERS, MAIL_SMTP, ask_assignment },
	{ STAGE_END_OF_HEADERS, MAIL_LOCAL, choose_local_stream },
	{ STAGE_END_OF_HEADERS, ALL, check_message },
	{ STAGE_END_OF_HEADERS, MAIL_SMTP | MAIL_LOCAL, check_author },
	{ STAGE_END_OF_HEADERS, MAIL_SMTP | MAIL_LOCAL, strip_own_signatures },
	{ STAGE_END_OF_HEADERS, MAIL_SMTP | MAIL_LOCAL, find_keys },
	{ STAGE_END_OF_HEADERS, MAIL_NOTICE, find_notice_key },
	/* No stage wants the body: the fields are final, and the body streams to the signature. */
	{ STAGE_END_OF_HEADERS, ALL, start_signing },
	{ STAGE_END_OF_MESSAGE, ALL, check_body },
	{ STAGE_END_OF_MESSAGE, ALL, finish_signing },
	{ STAGE_END_OF_MESSAGE, MAIL_LOCAL, ask_admission },
};

void stages_run(struct mail *mail, enum stage_moment moment)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages); i++) {
		if (mail->verdict.trouble != TROUBLE_NONE || mail->untouched)
			return;
		if (stages[i].moment == moment && (stages[i].kinds & mail->kind) != 0 &&
		    !stages[i].run(mail))
			return;
	}
}

void stages_body(struct mail *mail, struct span chunk)
{
	if (mail->verdict.trouble != TROUBLE_NONE || mail->untouched || mail->body_unsigned)
		return;
	message_scan_body(mail->message, chunk);
	/* A body that no signature survives never reaches the library. */
	if (mail->message->fault == MESSAGE_FINE &&
	    signing_body(mail->signing, chunk) != ERR_OK)
		mail->body_unsigned = true;
}

void mail_forget_question(struct mail *mail)
{
	if (mail->asked != NULL)
		policy_client_forget(mail->generation->policy, &mail->asked);
}

void mail_deinit(struct mail *mail)
{
	mail_forget_question(mail);
	signing_free(&mail->signing);
	for (size_t i = 0; i < mail->key_count; i++)
		key_unref(&mail->keys[i].key);
	mail->key_count = 0;
	message_free(&mail->message);
	generation_unref(&mail->generation);
}
