/* trial - a message through all stages, offline. Knows neither libmilter nor what the stages do. */
#include <stdlib.h>

#include "dkim_field.h"
#include "mailbox.h"
#include "stages.h"
#include "trial.h"

#define CHUNK    65536
#define QUEUE_ID "TRIAL"

/* ---- the message as a milter gets it ---- */

/* A field without the CRs of its folds; *at_io is behind it. False: the header is over. */
static bool next_field(struct span mail, size_t *at_io, struct buf *field)
{
	bool more = *at_io < mail.n;

	buf_reset(field);
	while (more) {
		size_t end = span_find(mail, '\n', *at_io), n = end - *at_io;

		if (n > 0 && mail.p[end - 1] == '\r')
			n--;
		if (n == 0)
			break;
		if (field->n > 0)
			buf_add_char(field, '\n');
		buf_add(field, mail.p + *at_io, n);
		*at_io = end < mail.n ? end + 1 : mail.n;
		more = *at_io < mail.n && (mail.p[*at_io] == ' ' || mail.p[*at_io] == '\t');
	}
	return field->n > 0;
}

static size_t add_fields(struct message *m, struct span mail)
{
	struct buf field = BUF_INIT(TRIAL_OCTETS_MAX);
	size_t at = 0;

	while (next_field(mail, &at, &field)) {
		struct span text = buf_span(&field);
		size_t colon = span_find(text, ':', 0);

		if (colon < text.n)
			message_add_header(
			    m, span_trim(span_head(text, colon)), span_from(text, colon + 1));
	}
	buf_free(&field);
	/* The empty line. */
	if (at < mail.n && mail.p[at] == '\r')
		at++;
	return at < mail.n ? at + 1 : at;
}

static bool feed_body(struct mail *mail, struct span body)
{
	struct buf text = BUF_INIT(2 * TRIAL_OCTETS_MAX);
	bool ok;

	for (size_t i = 0; i < body.n; i++) {
		if (body.p[i] == '\n' && (i == 0 || body.p[i - 1] != '\r'))
			buf_add_char(&text, '\r');
		buf_add_char(&text, body.p[i]);
	}
	ok = buf_ok(&text);
	for (size_t i = 0; ok && i < text.n; i += CHUNK)
		stages_body(mail, span_head(span_from(buf_span(&text), i), CHUNK));
	buf_free(&text);
	return ok;
}

/* ---- what became of it ---- */

/* One word: no tab, no line end, nothing that a terminal obeys. */
static void put_word(FILE *out, struct span word)
{
	fputc('\t', out);
	for (size_t i = 0; i < word.n; i++)
		fputc(
		    (unsigned char)word.p[i] < ' ' || word.p[i] == 0x7f ? ' ' : word.p[i], out);
}

static void put_verdict(const struct mail *mail, FILE *out)
{
	const struct verdict *v = &mail->verdict;
	const char *word = v->action == VERDICT_ACCEPT   ? "accepted"
			   : v->action == VERDICT_REJECT ? "refused"
							 : "deferred";

	fputs("verdict", out);
	put_word(out, span_cstr(word));
	put_word(out, span_cstr(v->code));
	put_word(out, span_cstr(v->dsn));
	put_word(out, span_cstr(v->text));
	fputs("\nclass", out);
	put_word(out, span_cstr(stream_class_text(mail->class)));
	fputc('\n', out);
}

static void put_rules(const struct comply *c, FILE *out)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct found *found = &c->found[i];

		if (c->outcomes[i] == OUTCOME_OFF)
			continue;
		fputs("rule", out);
		put_word(out, span_cstr(rule_of((enum rule_id)i)->id));
		put_word(out, span_cstr(rule_mode_text(c->modes[i])));
		put_word(out, span_cstr(outcome_text(c->outcomes[i])));
		put_word(out, span_cstr(found->why != NULL ? found->why : ""));
		put_word(out, found->about);
		fputc('\n', out);
	}
}

static void put_signatures(const struct mail *mail, FILE *out)
{
	for (size_t i = 0; i < mail->signature_count; i++) {
		struct buf flat = BUF_INIT(65536);
		struct span names = SPAN("");

		(void)dkim_field_tag(mail->signatures[i].value, 'h', &names);
		for (size_t k = 0; k < names.n; k++)
			if ((unsigned char)names.p[k] > ' ')
				buf_add_char(&flat, names.p[k]);
		fputs("signature", out);
		put_word(out, span_cstr(mail->signatures[i].selector));
		put_word(out, span_cstr(mail->signatures[i].algorithm));
		put_word(out, buf_span(&flat));
		fputc('\n', out);
		buf_free(&flat);
	}
}

static enum err put_message(const struct mail *mail, struct span body, FILE *out)
{
	const struct message *m = mail->message;
	struct buf text = BUF_INIT(4 * TRIAL_OCTETS_MAX);
	struct message final;
	enum err e = message_final(m, &final);

	for (size_t i = 0; e == ERR_OK && i < final.header_count; i++) {
		buf_add_span(&text, final.headers[i].name);
		buf_add_char(&text, ':');
		buf_add_span(&text, final.headers[i].value);
		buf_add_char(&text, '\n');
	}
	buf_add_char(&text, '\n');
	/* A body that was replaced is in memory; else it leaves as it came. */
	if (m->replaced.n > 0)
		body = buf_span(&m->replaced);
	for (size_t i = 0; i < body.n; i++)
		if (body.p[i] != '\r')
			buf_add_char(&text, body.p[i]);
	if (e == ERR_OK && !buf_ok(&text))
		e = ERR_NOMEM;
	if (e == ERR_OK) {
		fprintf(out, "message\t%zu\n", text.n);
		fwrite(text.p, 1, text.n, out);
	}
	buf_free(&text);
	return e;
}

static enum err tell(const struct mail *mail, struct span body, FILE *out)
{
	const struct message *m = mail->message;

	put_verdict(mail, out);
	if (mail->judged)
		put_rules(&mail->comply, out);
	if (mail->verdict.trouble != TROUBLE_NONE)
		return ERR_OK;
	put_signatures(mail, out);
	for (size_t i = 0; i < m->edit_count; i++)
		if (m->edits[i].kind == EDIT_CHANGE_SENDER) {
			fputs("sender", out);
			put_word(out, span_cstr(m->edits[i].value));
			fputc('\n', out);
		}
	return put_message(mail, body, out);
}

/* ---- the run ---- */

static void choose_sender(struct message *m, struct span given)
{
	const struct header *from = message_find_header(m, SPAN("From"), 0, NULL);
	struct mailbox_list list;
	char *p;

	if (span_eq(given, SPAN("<>"))) {
		m->sender = SPAN("");
	} else if (given.n == 0 && from != NULL &&
		   mailbox_parse_list(from->value, &list) == ERR_OK && list.count > 0) {
		struct span local = list.at[0].local, domain = list.at[0].domain;

		p = arena_alloc(m->arena, local.n + 1 + domain.n);
		if (p == NULL)
			return;
		memcpy(p, local.p, local.n);
		p[local.n] = '@';
		memcpy(p + local.n + 1, domain.p, domain.n);
		m->sender = span_make(p, local.n + 1 + domain.n);
	}
}

static bool assign(struct mail *mail, const struct trial *t)
{
	const struct snapshot *s = mail->generation->snapshot;
	const struct tenant *tenant;
	struct span stream = t->stream;

	mail->tenant = snapshot_find_tenant(s, t->tenant);
	if (mail->tenant == TENANT_NONE)
		return false;
	tenant = snapshot_tenant(s, mail->tenant);
	if (stream.n == 0 && tenant->stream_count > 0)
		stream = span_cstr(tenant->streams[0].name);
	mail->assignment.found = true;
	mail->assignment.recipients = 1;
	if (!span_copy(t->tenant, mail->assignment.tenant, sizeof mail->assignment.tenant) ||
	    !span_copy(stream, mail->assignment.stream, sizeof mail->assignment.stream))
		return false;
	for (size_t i = 0; i < tenant->stream_count; i++)
		if (span_eq(span_cstr(tenant->streams[i].name), stream))
			return true;
	return false;
}

enum err trial_run(struct shared *shared, const struct trial *t, struct span message, FILE *out)
{
	struct mail mail = { .shared = shared,
		.generation = shared_generation(shared),
		.kind = MAIL_TRIAL,
		.host = SPAN("localhost") };
	enum err e = ERR_NOTFOUND;
	size_t body;

	if (!assign(&mail, t))
		goto out;
	e = ERR_NOMEM;
	mail.message = message_new(t->sender, t->tenant, SPAN("127.0.0.1"));
	if (mail.message == NULL)
		goto out;
	message_set_queue_id(mail.message, SPAN(QUEUE_ID));
	message_add_recipient(mail.message, t->recipient);
	body = add_fields(mail.message, message);
	choose_sender(mail.message, t->sender);
	stages_end_of_headers(&mail);
	if (!feed_body(&mail, span_from(message, body)))
		goto out;
	stages_end_of_message(&mail);
	e = tell(&mail, span_from(message, body), out);
out:
	mail_deinit(&mail);
	return e;
}
