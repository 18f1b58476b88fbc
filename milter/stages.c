/* stages - assignment, author check, keys, contents, signature, admission: in one table, in this
 * order. Knows neither libmilter nor how any of its helpers does its work.
 *
 * The body of most mail streams to the signature and is never held. Where a stage wants to change
 * it, it is kept up to a bound, edited at the end, and signed then: what leaves is what was
 * signed. */
#include "stages.h"
#include "content.h"
#include "copies.h"
#include "hooks.h"
#include "judge.h"
#include "log.h"
#include "return_path.h"

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
		return mail_fail(mail, TROUBLE_MISMATCH, SPAN(""));
	}
	for (size_t i = 0; i < t->stream_count; i++) {
		if (strcmp(t->streams[i].name, a->stream) == 0) {
			mail->stream = &t->streams[i];
			mail->source =
			    a->source[0] != '\0' ? source_id_of(span_cstr(a->source)) : 0;
			return true;
		}
	}
	log_record(LOG_LEVEL_WARNING, mail->message->queue_id, "stream_unknown",
	    LOG_CSTR("tenant", t->name), LOG_CSTR("assigned", a->stream));
	return mail_fail(mail, TROUBLE_MISMATCH, SPAN(""));
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
		return mail_fail(mail, TROUBLE_POLICY_AWAY, SPAN(""));
	}
	if (mail->assignment.found) {
		if (mail->assignment.split)
			mail->kind = MAIL_ORIGINAL;
		return agree(mail);
	}
	log_record(LOG_LEVEL_ERROR, m->queue_id, "not_admitted",
	    LOG_CSTR("tenant", mail_tenant_name(mail)), LOG_SPAN("login", m->login),
	    LOG_CSTR("hint", "smtpd_end_of_data_restrictions must ask penguin-policyd"));
	return mail_fail(mail, TROUBLE_NOT_ADMITTED, SPAN(""));
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

	return trouble == TROUBLE_NONE || mail_fail(mail, trouble, SPAN(""));
}

static bool is_foreign(enum author_fault fault)
{
	return fault == AUTHOR_FROM_FOREIGN || fault == AUTHOR_FROM_STREAM ||
	       fault == AUTHOR_SENDER_FOREIGN || fault == AUTHOR_RESENT_FOREIGN;
}

/* Only finds out; the rules judge (comply.h). */
static bool check_author(struct mail *mail)
{
	const struct message *m = mail->message;
	struct author *author = &mail->author;

	author_check(mail->generation->snapshot, mail->tenant, mail->stream, m, author);
	if (author->fault == AUTHOR_FINE && author->foreign[0] != '\0')
		log_record(LOG_LEVEL_WARNING, m->queue_id, "reply_to_foreign",
		    LOG_CSTR("tenant", mail_tenant_name(mail)),
		    LOG_CSTR("domain", author->foreign));
	if (is_foreign(author->fault))
		log_record(LOG_LEVEL_WARNING, m->queue_id, "cross_tenant",
		    LOG_CSTR("tenant", mail_tenant_name(mail)), LOG_SPAN("login", m->login),
		    LOG_SPAN("client", m->client), LOG_CSTR("domain", author->foreign),
		    LOG_CSTR("reason", comply_author_word(author->fault)));
	return true;
}

static bool key_applies(const struct dkim_key *key, const struct stream *stream)
{
	if (key->state != DKIM_ACTIVE)
		return false;
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
		mail_complain(mail, "key_unusable", mail->domain, error);
		return mail_fail(mail, TROUBLE_KEY, span_cstr(mail->domain));
	}
	mail->keys[mail->key_count++].selector = key->selector;
	return true;
}

static bool find_keys(struct mail *mail)
{
	const struct tenant_domain *d;

	/* Of somebody else's mail, or nobody's, there is nothing to sign. */
	if (mail->author.fault != AUTHOR_FINE)
		return true;
	d = find_signing_domain(mail);
	if (d == NULL) {
		mail_complain(mail, "key_missing", mail->author.from,
		    "no dkim entry of this domain, or of one above it, applies to the stream");
		return mail_fail(mail, TROUBLE_NO_KEY, span_cstr(mail->author.from));
	}
	mail->signer = d;
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
	const struct message *m = mail->message;
	char error[256];
	enum err e;

	if (message_final(m, &mail->final) != ERR_OK)
		return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
	e = signing_start(mail->generation->signer, m->queue_id.p, mail->domain,
	    mail->stream != NULL ? mail->class : CLASS_TRANSACTIONAL, mail->keys,
	    mail->key_count, &mail->final, &mail->signing, error, sizeof error);
	if (e == ERR_OK)
		return true;
	log_record(LOG_LEVEL_WARNING, m->queue_id, "not_signed", LOG_CSTR("text", error));
	return mail_fail(mail,
	    e == ERR_TOOBIG   ? TROUBLE_TOO_BIG
	    : e == ERR_SYNTAX ? TROUBLE_BAD_HEADER
	    : e == ERR_NOMEM  ? TROUBLE_MEMORY
			      : TROUBLE_SIGN,
	    SPAN(""));
}

/* ---- end of message ---- */

static bool end_body(struct mail *mail)
{
	message_end_body(mail->message);
	return true;
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
		return mail_fail(mail, TROUBLE_SIGN, SPAN(""));
	}
	/* The last inserted is on top: the first key's signature. */
	for (size_t i = mail->signature_count; i > 0; i--)
		if (!insert_signature(m, &mail->signatures[i - 1]))
			return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
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
		return mail_fail(mail, TROUBLE_POLICY_AWAY, SPAN(""));
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
		return mail_fail(mail, TROUBLE_MISMATCH, SPAN(""));
	return agree(mail);
}

/* ---- the table ---- */

#define LEAVES                                                                                 \
	(MAIL_SMTP | MAIL_LOCAL | MAIL_COPY | MAIL_TRIAL) /* of a tenant, on its way out */
#define OURS   (LEAVES | MAIL_ORIGINAL)
#define SIGNED (LEAVES | MAIL_NOTICE)
#define ALL    (OURS | MAIL_NOTICE)
#define ASKED  (OURS & ~(unsigned)MAIL_COPY) /* plug-ins have seen the original of a copy */

enum moment {
	FIRST_HEADER,
	END_OF_HEADERS,
	BODY_KNOWN,   /* all of it has been seen */
	BODY_KEPT,    /* and it is in memory */
	FIELDS_FINAL, /* nothing about the header fields can change after this */
	END_OF_MESSAGE,
};

static const struct stage {
	enum moment moment;
	unsigned kinds;
	bool (*run)(struct mail *mail);
} stages[] = {
	{ FIRST_HEADER, MAIL_SMTP, ask_assignment_early },
	{ END_OF_HEADERS, MAIL_SMTP, ask_assignment },
	{ END_OF_HEADERS, MAIL_LOCAL, choose_local_stream },
	{ END_OF_HEADERS, MAIL_COPY, copies_open },
	{ END_OF_HEADERS, MAIL_TRIAL, agree },
	{ END_OF_HEADERS, ALL, check_message },
	{ END_OF_HEADERS, OURS, judge_class },
	{ END_OF_HEADERS, OURS, check_author },
	{ END_OF_HEADERS, OURS, find_keys },
	{ END_OF_HEADERS, MAIL_NOTICE, find_notice_key },
	{ END_OF_HEADERS, OURS, content_plan },
	{ END_OF_HEADERS, OURS, judge_fields },
	{ END_OF_HEADERS, ASKED, hooks_headers },
	{ BODY_KNOWN, ALL, end_body },
	{ BODY_KNOWN, OURS, judge_body },
	{ BODY_KNOWN, ASKED, hooks_end_body },
	{ BODY_KNOWN, MAIL_NOTICE, check_message },
	{ BODY_KEPT, OURS, content_edit_body },
	{ FIELDS_FINAL, LEAVES, judge_adopt },
	{ FIELDS_FINAL, MAIL_ORIGINAL, copies_announce },
	{ FIELDS_FINAL, LEAVES, hooks_before_sign },
	{ FIELDS_FINAL, SIGNED, start_signing },
	{ END_OF_MESSAGE, SIGNED, finish_signing },
	{ END_OF_MESSAGE, LEAVES, judge_gate },
	{ END_OF_MESSAGE, MAIL_LOCAL, ask_admission },
	{ END_OF_MESSAGE, LEAVES, return_path_set },
};

static bool is_over(const struct mail *mail)
{
	return mail->verdict.trouble != TROUBLE_NONE || mail->untouched;
}

/* What rules have refused goes no way but to those of the body, which end it. */
static void run(struct mail *mail, enum moment moment)
{
	for (size_t i = 0; i < ARRAY_SIZE(stages) && !is_over(mail); i++)
		if (stages[i].moment == moment && (stages[i].kinds & mail->kind) != 0 &&
		    (!mail->refused || moment == BODY_KNOWN) && !stages[i].run(mail))
			return;
}

static void sign_body(struct mail *mail, struct span octets)
{
	if (mail->signing != NULL && !mail->body_unsigned &&
	    signing_body(mail->signing, octets) != ERR_OK)
		mail->body_unsigned = true;
}

/* The body is more than we hold: it leaves as it is, and what was held goes to the signature. */
static void stop_keeping(struct mail *mail)
{
	mail->content.wants_body = false;
	mail->content.too_big = true;
	run(mail, FIELDS_FINAL);
	if (!is_over(mail))
		sign_body(mail, buf_span(&mail->message->kept));
	message_drop_body(mail->message);
}

void stages_first_header(struct mail *mail)
{
	run(mail, FIRST_HEADER);
}

void stages_end_of_headers(struct mail *mail)
{
	run(mail, END_OF_HEADERS);
	if (!mail->content.wants_body)
		run(mail, FIELDS_FINAL);
}

void stages_body(struct mail *mail, struct span chunk)
{
	if (is_over(mail))
		return;
	message_scan_body(mail->message, chunk);
	if (mail->shared->plugins != NULL && chunk.n > 0 && !hooks_body(mail, chunk))
		return;
	if (mail->content.wants_body) {
		if (message_keep_body(mail->message, chunk))
			return;
		stop_keeping(mail);
	}
	/* A body that no signature survives never reaches the library. */
	if (!is_over(mail) && mail->message->fault == MESSAGE_FINE)
		sign_body(mail, chunk);
}

void stages_end_of_message(struct mail *mail)
{
	run(mail, BODY_KNOWN);
	if (mail->content.wants_body) {
		run(mail, BODY_KEPT);
		run(mail, FIELDS_FINAL);
		if (!is_over(mail))
			sign_body(mail, message_final_body(mail->message));
	} else {
		mail->final.body = mail->message->body;
	}
	if (mail->body_unsigned && !is_over(mail))
		(void)mail_fail(mail, TROUBLE_SIGN, SPAN(""));
	run(mail, END_OF_MESSAGE);
}
