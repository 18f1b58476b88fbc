/* copies - pass 1 and pass 2 of a split. Knows no libmilter. */
#include "copies.h"
#include "addr.h"
#include "log.h"
#include "mail.h"
#include "return_path.h"
#include "split.h"

static bool fail(struct mail *mail, const char *text)
{
	mail_complain(mail, "split", mail_tenant_name(mail), text);
	return mail_fail(mail, TROUBLE_SPLIT, SPAN(""));
}

static struct token_key *tenant_key(const struct mail *mail, enum token_purpose purpose)
{
	const struct token_ring *ring = mail->generation->rings[purpose];

	return ring != NULL ? token_key_new(ring, span_cstr(mail_tenant_name(mail))) : NULL;
}

static enum err delete_forged(struct message *m)
{
	enum err e = ERR_OK;

	for (size_t i = m->header_count; e == ERR_OK && i > 0; i--)
		if (span_eq_nocase(m->headers[i - 1].name, SPAN(SPLIT_HEADER)))
			e = message_delete_header(m, &m->headers[i - 1]);
	return e;
}

bool copies_announce(struct mail *mail)
{
	struct message *m = mail->message;
	const struct split_facts facts = { .message = mail->content.message,
		.sender = m->sender,
		.login = m->login,
		.stream = span_cstr(mail->stream->name) };
	struct token_key *return_key = tenant_key(mail, TOKEN_RETURN);
	struct token_key *unsubscribe_key = tenant_key(mail, TOKEN_UNSUBSCRIBE);
	struct buf sender = BUF_INIT(ADDR_MAX), value = BUF_INIT(TOKEN_TEXT_MAX * 2);
	struct span host = span_cstr(return_path_host(mail));
	const struct token_return path = { .flags = TOKEN_SPLIT,
		.message = facts.message,
		.source = mail->source,
		.stream = stream_check_of(facts.stream) };
	enum err e = ERR_NOTFOUND;

	if (return_key != NULL && unsubscribe_key != NULL && host.n > 0)
		e = return_path_put(return_key, host, &path, &sender);
	if (e == ERR_OK)
		e = split_put_facts(unsubscribe_key, host, &facts, &value);
	if (e == ERR_OK)
		e = delete_forged(m);
	if (e == ERR_OK)
		e = message_insert_header(m, 1, SPLIT_HEADER, buf_span(&value));
	if (e == ERR_OK)
		e = message_change_sender(m, buf_span(&sender));
	buf_free(&value);
	buf_free(&sender);
	token_key_free(&unsubscribe_key);
	token_key_free(&return_key);
	return e == ERR_OK ||
	       fail(mail, "no return path: bounce_domain, or keys of \"return\" and "
			  "\"unsubscribe\", cannot be had");
}

/* ---- pass 2 ---- */

static bool take_facts(struct mail *mail, const struct split_facts *facts)
{
	struct message *m = mail->message;
	const struct tenant *t = snapshot_tenant(mail->generation->snapshot, mail->tenant);

	for (size_t i = 0; i < t->stream_count; i++)
		if (span_eq(span_cstr(t->streams[i].name), facts->stream))
			mail->stream = &t->streams[i];
	if (facts->message != mail->content.message || mail->stream == NULL ||
	    m->recipient_count != 1)
		return false;
	m->login = span_make(arena_dup(m->arena, facts->login), facts->login.n);
	m->sender = span_make(arena_dup(m->arena, facts->sender), facts->sender.n);
	return m->login.p != NULL && m->sender.p != NULL &&
	       message_change_sender(m, facts->sender) == ERR_OK;
}

bool copies_open(struct mail *mail)
{
	struct message *m = mail->message;
	struct span host = span_cstr(mail->content.split_host), name = SPAN(SPLIT_HEADER);
	uint8_t space[TOKEN_PAYLOAD_MAX];
	struct token_key *key;
	const struct header *h;
	struct split_facts facts;
	size_t at = 0;
	bool taken;

	/* Everything on that smtpd is a copy; what is not was made by nobody that we know. */
	if (mail->tenant == TENANT_NONE)
		return fail(mail, "mail for " SPLIT_DAEMON " without a return path of ours");
	h = message_find_header(m, name, 0, &at);
	if (h == NULL || message_find_header(m, name, at + 1, NULL) != NULL)
		return fail(mail, "a copy has no single " SPLIT_HEADER " header field");
	key = tenant_key(mail, TOKEN_UNSUBSCRIBE);
	taken = key != NULL && split_get_facts(key, host, h->value, space, &facts) == ERR_OK &&
		take_facts(mail, &facts);
	token_key_free(&key);
	return taken || fail(mail, "a copy's " SPLIT_HEADER " header field is not genuine, its "
				   "stream is gone, or it has several recipients");
}
