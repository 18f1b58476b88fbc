/* judge - facts for the rules, and what follows from their answers. Knows no rule. */
#include "judge.h"
#include "addr.h"
#include "clock.h"
#include "draft.h"
#include "gate.h"
#include "log.h"
#include "mail.h"
#include "token_payload.h"

static void refuse(struct mail *mail)
{
	struct comply_reply reply;

	comply_reply(&mail->comply, &reply);
	verdict_rules(reply.word, span_cstr(reply.code), span_cstr(reply.dsn),
	    span_cstr(reply.text), &mail->verdict);
}

bool judge_class(struct mail *mail)
{
	mail->class = comply_class(mail->message, mail->stream);
	return true;
}

/* ---- facts ---- */

/* What a complaint brings back (RFC 9477 section 3.2): sealed like a link to unsubscribe, but for
 * the host that complaints go to, so that it is worth nothing at the tracking host. */
static enum err make_complaint_id(struct mail *mail, struct span *id_r)
{
	const struct token_unsubscribe t = { .message = mail->content.message,
		.stream = span_cstr(mail->stream->name),
		.address = mail->content.recipient };
	struct buf payload = BUF_INIT(TOKEN_PAYLOAD_MAX), token = BUF_INIT(TOKEN_TEXT_MAX);
	struct span address = span_cstr(mail->signer->complaint_address);
	char host[DOMAIN_MAX];
	struct addr addr;
	enum err e = ERR_OK;

	*id_r = SPAN("");
	if (address.n == 0 || t.address.n == 0 || addr_split(address, &addr) != ERR_OK ||
	    domain_canonical(addr.domain, host) != ERR_OK ||
	    !content_need_keys(mail, TOKEN_UNSUBSCRIBE))
		goto out;
	token_put_unsubscribe(&payload, &t);
	if (buf_ok(&payload))
		e = token_seal(mail->content.keys[TOKEN_UNSUBSCRIBE], span_cstr(host),
		    buf_span(&payload), &token);
	if (e == ERR_OK && token.n > 0)
		*id_r = span_make(arena_dup(mail->message->arena, buf_span(&token)), token.n);
	if (id_r->p == NULL)
		e = ERR_NOMEM;
out:
	buf_free(&token);
	buf_free(&payload);
	return e;
}

static void settle_modes(const struct mail *mail, enum rule_mode modes[RULE_COUNT])
{
	static const enum rule_mode merge_tags[] = {
		[MERGE_TAGS_WARN] = RULE_WARN,
		[MERGE_TAGS_PASS] = RULE_OFF,
		[MERGE_TAGS_REFUSE] = RULE_ENFORCE,
	};
	const struct plan *plan = snapshot_plan(mail->generation->snapshot, mail->tenant);
	enum rule_mode asked = merge_tags[mail->stream->merge_tags];

	rules_settle(mail->class,
	    mail->class == CLASS_BULK ? plan->bulk_rules : plan->transactional_rules,
	    mail->stream->rules, modes);
	if (modes[RULE_T01] < asked)
		modes[RULE_T01] = asked;
}

bool judge_fields(struct mail *mail)
{
	const struct message *m = mail->message;
	enum rule_mode modes[RULE_COUNT];
	struct comply_facts facts = { .snapshot = mail->generation->snapshot,
		.tenant = mail->tenant,
		.stream = mail->stream,
		.class = mail->class,
		.now_s = clock_wall_ns() / NS_PER_S,
		.host = mail->host,
		.smtputf8 = mail->smtputf8,
		.splits = mail->kind == MAIL_ORIGINAL,
		.author = &mail->author,
		.signer = mail->signer,
		.list = mail->content.lists ? &mail->content.list : NULL,
		.has_footer =
		    snapshot_tenant(mail->generation->snapshot, mail->tenant)->postal_address !=
		    NULL };
	enum err e = ERR_OK;

	if (mail->signer != NULL)
		e = make_complaint_id(mail, &facts.complaint_id);
	settle_modes(mail, modes);
	if (e == ERR_OK)
		e = comply_open(&mail->comply, m, &facts, modes);
	if (e == ERR_OK)
		e = comply_fields(&mail->comply);
	if (e != ERR_OK)
		return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
	mail->judged = true;
	mail->refused = comply_is_refused(&mail->comply) || comply_must_wait(&mail->comply);
	mail->content.wants_body =
	    !mail->refused && mail->content.may_read_body &&
	    (mail->content.wants_body || comply_wants_body(&mail->comply));
	return true;
}

/* ---- the body ---- */

static bool settle(struct mail *mail)
{
	if (!comply_is_refused(&mail->comply) && !comply_must_wait(&mail->comply))
		return true;
	refuse(mail);
	return false;
}

bool judge_body(struct mail *mail)
{
	/* What no reader and no signer can be trusted with is not looked at any closer. */
	if (mail->content.wants_body && mail->message->fault == MESSAGE_FINE)
		return true;
	comply_body(&mail->comply);
	return settle(mail);
}

bool judge_text(struct mail *mail, const struct rewrite *r, const bool *ways_out)
{
	struct comply *c = &mail->comply;

	c->body = r;
	c->ways_out = ways_out;
	comply_body(c);
	c->body = NULL;
	c->ways_out = NULL;
	return settle(mail);
}

bool judge_footer(struct mail *mail, const struct rewrite *r, bool applied)
{
	struct comply *c = &mail->comply;

	if (c->footer == NULL)
		return true;
	c->body = r;
	comply_footer_done(c, applied);
	c->body = NULL;
	return settle(mail);
}

/* ---- the end ---- */

bool judge_adopt(struct mail *mail)
{
	return draft_adopt(mail->message, &mail->comply.draft) == ERR_OK ||
	       mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
}

bool judge_gate(struct mail *mail)
{
	struct comply *c = &mail->comply;
	const struct gate gate = { .final = &mail->final,
		.signatures = mail->signatures,
		.signature_count = mail->signature_count,
		.snapshot = mail->generation->snapshot,
		.tenant = mail->tenant,
		.list = mail->content.lists ? &mail->content.list : NULL };
	const char *why;

	if (mail->class != CLASS_BULK ||
	    (mail->signer->tracking_host == NULL && c->modes[RULE_L03] != RULE_ENFORCE))
		return true;
	why = gate_judge(&gate);
	c->outcomes[RULE_L03] = why == NULL ? OUTCOME_PASSED : OUTCOME_REFUSED;
	if (why == NULL)
		return true;
	c->found[RULE_L03] = (struct found){ .what = FOUND_FORBIDDEN, .why = why };
	log_record(LOG_LEVEL_ERROR, mail->message->queue_id, "gate_shut",
	    LOG_CSTR("tenant", mail_tenant_name(mail)), LOG_CSTR("stream", mail->stream->name),
	    LOG_CSTR("text", why));
	refuse(mail);
	return false;
}
