/* return_path - tokens of envelope senders. Knows no libmilter and no queue. */
#include "return_path.h"
#include "addr.h"
#include "mail.h"

enum err return_path_put(
    struct token_key *key, struct span host, const struct token_return *t, struct buf *out)
{
	struct buf payload = BUF_INIT(TOKEN_RETURN_PAYLOAD_MAX);
	enum err e = ERR_NOMEM;

	token_put_return(&payload, t);
	buf_add_cstr(out, RETURN_PREFIX);
	if (buf_ok(&payload))
		e = token_seal(key, host, buf_span(&payload), out);
	buf_add_char(out, '@');
	buf_add_span(out, host);
	buf_free(&payload);
	return e == ERR_OK && !buf_ok(out) ? ERR_NOMEM : e;
}

const char *return_path_host(const struct mail *mail)
{
	const struct tenant *t = snapshot_tenant(mail->generation->snapshot, mail->tenant);

	if (mail->signer->bounce_domain != NULL)
		return mail->signer->bounce_domain;
	for (size_t i = 0; i < t->domain_count; i++)
		if (t->domains[i].bounce_domain != NULL)
			return t->domains[i].bounce_domain;
	return NULL;
}

static bool fail(struct mail *mail)
{
	mail_complain(mail, "return_path", mail_tenant_name(mail),
	    "no return path: the keys of \"return\" cannot be had");
	return mail_fail(mail, TROUBLE_RETURN_PATH, SPAN(""));
}

/* Somebody reads what comes back to us. */
static bool is_absorbed(const struct mail *mail)
{
	const struct provider *p = snapshot_provider(mail->generation->snapshot);

	return mail->stream->returns == RETURNS_ABSORB && p->postfix.returns[0] != '\0';
}

bool return_path_set(struct mail *mail)
{
	const struct token_ring *ring = mail->generation->rings[TOKEN_RETURN];
	struct span tenant = span_cstr(mail_tenant_name(mail)),
		    host = span_cstr(return_path_host(mail));
	const struct token_return t = { .message = mail->content.message,
		.recipient = mail->message->recipient_count == 1
				 ? recipient_check_of(mail->message->recipients[0])
				 : 0,
		.source = mail->source,
		.stream = stream_check_of(span_cstr(mail->stream->name)) };
	struct buf sender = BUF_INIT(ADDR_MAX);
	struct token_key *key;
	enum err e = ERR_NOTFOUND;

	if ((mail->source == 0 && !is_absorbed(mail)) || mail->message->sender.n == 0 ||
	    host.n == 0)
		return true;
	key = ring != NULL ? token_key_new(ring, tenant) : NULL;
	if (key != NULL)
		e = return_path_put(key, host, &t, &sender);
	if (e == ERR_OK)
		e = message_change_sender(mail->message, buf_span(&sender));
	token_key_free(&key);
	buf_free(&sender);
	return e == ERR_OK || fail(mail);
}
