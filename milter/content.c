/* content - what of a stream's settings applies to one message, and its links, image and list
 * fields. Knows no libmilter, no key files and no MIME. */
#include "content.h"
#include "addr.h"
#include "buf.h"
#include "charset.h"
#include "clock.h"
#include "content_footer.h"
#include "dkim_field.h"
#include "draft.h"
#include "judge.h"
#include "mail.h"
#include "rewrite.h"
#include "split.h"
#include "token_payload.h"

#define OUT_MAX    (2 * MESSAGE_BODY_KEPT_MAX) /* octets of a body after its edits */
#define LISTED_MAX 32 /* URIs of List-* fields that links are held against */
#define URL_MAX    65536

static const struct tenant *tenant_of(const struct mail *mail)
{
	return snapshot_tenant(mail->generation->snapshot, mail->tenant);
}

void content_deinit(struct content *c)
{
	for (size_t i = 0; i < TOKEN_PURPOSES; i++)
		token_key_free(&c->keys[i]);
}

/* ---- the plan ---- */

static void apply_x_track(struct mail *mail, struct x_track *modes)
{
	const struct message *m = mail->message;
	const struct header *h;
	size_t at = 0;

	while ((h = message_find_header(m, SPAN(X_TRACK_HEADER), at, &at)) != NULL) {
		if (!x_track_lower(h->value, modes))
			log_record(LOG_LEVEL_WARNING, m->queue_id, "x_track_unreadable",
			    LOG_CSTR("tenant", mail_tenant_name(mail)),
			    LOG_SPAN("value", h->value));
		at++;
	}
}

bool content_need_keys(struct mail *mail, enum token_purpose purpose)
{
	struct content *c = &mail->content;
	const struct generation *g = mail->generation;

	if (c->keys[purpose] != NULL)
		return true;
	if (g->rings[purpose] != NULL)
		c->keys[purpose] =
		    token_key_new(g->rings[purpose], span_cstr(mail_tenant_name(mail)));
	if (c->keys[purpose] != NULL)
		return true;
	mail_complain(mail, "token_keys", token_purpose_text(purpose),
	    g->rings[purpose] != NULL ? "cannot be prepared" : g->ring_errors[purpose]);
	return false;
}

/* What needs keys that are not there is not done. */
static void find_token_keys(struct mail *mail)
{
	struct content *c = &mail->content;

	if (c->modes.clicks != TRACKING_OFF && !content_need_keys(mail, TOKEN_CLICK))
		c->modes.clicks = TRACKING_OFF;
	if (c->modes.opens != TRACKING_OFF && !content_need_keys(mail, TOKEN_OPEN))
		c->modes.opens = TRACKING_OFF;
	/* The click key's pseudonyms stand for readers in both. */
	if (c->modes.opens == TRACKING_INDIVIDUAL && !content_need_keys(mail, TOKEN_CLICK))
		c->modes.opens = TRACKING_AGGREGATE;
}

/* Several recipients see one text: it can name none of them. */
static void settle_recipients(struct mail *mail)
{
	const struct message *m = mail->message;
	struct content *c = &mail->content;
	bool wanted =
	    c->modes.clicks == TRACKING_INDIVIDUAL || c->modes.opens == TRACKING_INDIVIDUAL;

	if (m->recipient_count == 1) {
		c->recipient = m->recipients[0];
		return;
	}
	if (mail->kind == MAIL_ORIGINAL)
		return;
	if (wanted)
		log_record(LOG_LEVEL_WARNING, m->queue_id, "several_recipients",
		    LOG_CSTR("tenant", mail_tenant_name(mail)),
		    LOG_NUMBER("recipients", m->recipient_count),
		    LOG_CSTR("text", "tracking in aggregate only"));
	if (c->modes.clicks == TRACKING_INDIVIDUAL)
		c->modes.clicks = TRACKING_AGGREGATE;
	if (c->modes.opens == TRACKING_INDIVIDUAL)
		c->modes.opens = TRACKING_AGGREGATE;
}

static enum err find_pseudonym(struct content *c)
{
	char lower[ADDR_MAX];

	if ((c->modes.clicks != TRACKING_INDIVIDUAL && c->modes.opens != TRACKING_INDIVIDUAL) ||
	    c->recipient.n == 0)
		return ERR_OK;
	if (!span_lower(c->recipient, lower, sizeof lower))
		return ERR_TOOBIG;
	return token_pseudonym(c->keys[TOKEN_CLICK], span_cstr(lower), &c->pseudonym);
}

/* "https://HOST/u/TOKEN" and its like: seals the payload. */
static enum err put_url(
    struct content *c, enum token_purpose purpose, struct span payload, struct buf *out)
{
	static const char letters[TOKEN_PURPOSES] = { 'c', 'o', 'u', 'r' };

	buf_printf(out, "https://%.*s/%c/", SPAN_ARG(c->host), letters[purpose]);
	return token_seal(c->keys[purpose], c->host, payload, out);
}

static enum err plan_lists(struct mail *mail)
{
	const struct token_unsubscribe t = { .message = mail->content.message,
		.stream = span_cstr(mail->stream->name),
		.address = mail->content.recipient };
	struct buf payload = BUF_INIT(TOKEN_PAYLOAD_MAX), uri = BUF_INIT(LIST_VALUE_MAX);
	struct content *c = &mail->content;
	enum err e = ERR_OK;

	c->list = (struct list_facts){ .snapshot = mail->generation->snapshot,
		.tenant = mail->tenant,
		.host = c->host,
		.key = c->keys[TOKEN_UNSUBSCRIBE],
		.stream = t.stream,
		.recipient = c->recipient,
		.mailto = span_cstr(mail->stream->unsubscribe_mailto) };
	if (c->recipient.n > 0) {
		token_put_unsubscribe(&payload, &t);
		e = put_url(c, TOKEN_UNSUBSCRIBE, buf_span(&payload), &uri);
		c->list.own_uri =
		    span_make(arena_dup(mail->message->arena, buf_span(&uri)), uri.n);
		if (e == ERR_OK && (!buf_ok(&payload) || c->list.own_uri.p == NULL))
			e = ERR_NOMEM;
	}
	buf_free(&uri);
	buf_free(&payload);
	return e;
}

/* Signed by others in the author's name: that signature breaks with any edit of the body. Those in
 * the tenant's name are taken out (stages.c) and are no reason. */
static bool is_presigned(const struct mail *mail)
{
	const struct message *m = mail->message;
	struct span from = span_cstr(mail->author.from);
	const struct header *h;
	char domain[DOMAIN_MAX];
	size_t at = 0;

	while ((h = message_find_header(m, SPAN("DKIM-Signature"), at, &at)) != NULL) {
		struct span name = span_cstr(domain);

		at++;
		if (!dkim_field_domain(h->value, domain))
			continue;
		name = span_cstr(domain);
		if ((domain_is_within(from, name) || domain_is_within(name, from)) &&
		    snapshot_find_domain(mail->generation->snapshot, name, NULL) !=
			mail->tenant)
			return true;
	}
	return false;
}

/* Only text, or what may hold text, is worth its memory. */
static bool may_hold_text(const struct message *m)
{
	const struct header *h = message_find_header(m, SPAN("Content-Type"), 0, NULL);
	struct span type = h != NULL ? span_trim(h->value) : SPAN("text/plain");

	return span_eq_nocase(span_head(type, 5), SPAN("text/")) ||
	       span_eq_nocase(span_head(type, 10), SPAN("multipart/"));
}

bool content_plan(struct mail *mail)
{
	const struct stream *s = mail->stream;
	struct content *c = &mail->content;
	enum err e;

	/* The rules refuse it (judge.c). */
	if (mail->signer == NULL)
		return true;
	c->modes = (struct x_track){ s->tracking, s->opens };
	c->lists = mail->class == CLASS_BULK && s->unsubscribe == UNSUBSCRIBE_ADD;
	c->host = span_cstr(mail->signer->tracking_host);
	if (mail->kind != MAIL_COPY)
		c->message = message_id_of(mail->message->queue_id);
	apply_x_track(mail, &c->modes);
	if (c->host.n == 0) {
		if (s->tracking != TRACKING_OFF || s->opens != TRACKING_OFF)
			mail_complain(mail, "not_tracked", mail->domain,
			    "the domain has no tracking_host");
		c->modes = (struct x_track){ TRACKING_OFF, TRACKING_OFF };
		c->lists = false;
	}
	/* Bulk mail that should have a way out and cannot get one waits (gate.h). */
	if (c->lists && !content_need_keys(mail, TOKEN_UNSUBSCRIBE))
		return mail_fail(mail, TROUBLE_TOKEN_KEYS, SPAN(""));
	find_token_keys(mail);
	settle_recipients(mail);
	e = find_pseudonym(c);
	if (e == ERR_OK && c->lists)
		e = plan_lists(mail);
	if (e == ERR_NOMEM || e == ERR_CRYPTO)
		return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
	if (e != ERR_OK)
		return mail_fail(mail, TROUBLE_BAD_HEADER, SPAN("recipient"));
	c->presigned = is_presigned(mail);
	c->may_read_body = may_hold_text(mail->message);
	c->wants_body = !c->presigned && c->may_read_body &&
			(c->modes.clicks != TRACKING_OFF || c->modes.opens != TRACKING_OFF);
	return true;
}

/* ---- the body ---- */

/* What the edit of one body needs. */
struct work {
	struct mail *mail;
	struct content *content;
	struct rewrite *r;
	struct link_rules rules;
	struct span listed[LISTED_MAX];
	uint32_t expires_h;
	struct span template; /* the first leftover */
	bool *ways_out;       /* of each part: does a link of it lead out of the list? */
	struct content_footer footer;
};

static void collect_listed(struct work *w)
{
	const struct message *m = w->mail->message;
	struct span prefix = SPAN("List-"), rest;

	for (size_t i = 0; i < m->header_count; i++) {
		if (!span_eq_nocase(span_head(m->headers[i].name, prefix.n), prefix))
			continue;
		rest = m->headers[i].value;
		while (w->rules.listed_count < LISTED_MAX &&
		       list_next_uri(&rest, &w->listed[w->rules.listed_count]))
			w->rules.listed_count++;
	}
	w->rules.listed = w->listed;
}

static uint32_t expiry(const struct mail *mail)
{
	int64_t ttl_s = snapshot_provider(mail->generation->snapshot)->tokens.click_ttl_s;
	int64_t hours = (clock_wall_ns() / NS_PER_S + ttl_s) / 3600 + 1;

	return ttl_s == 0 || hours > UINT32_MAX ? UINT32_MAX : (uint32_t)hours;
}

/* ERR_TOOBIG: the link stays. */
static enum err track_link(struct work *w, size_t link, struct span target)
{
	struct content *c = w->content;
	bool individual = c->modes.clicks == TRACKING_INDIVIDUAL;
	const struct token_click t = { .flags = individual ? TOKEN_INDIVIDUAL : 0,
		.message = c->message,
		.link = (uint16_t)link,
		.recipient = individual ? c->pseudonym : 0,
		.expires_h = w->expires_h,
		.target = target };
	struct buf payload = BUF_INIT(TOKEN_PAYLOAD_MAX), url = BUF_INIT(TOKEN_TEXT_MAX * 2);
	enum err e = ERR_TOOBIG;

	token_put_click(&payload, &t);
	if (buf_ok(&payload))
		e = put_url(c, TOKEN_CLICK, buf_span(&payload), &url);
	if (e == ERR_OK && url.n > LINKS_TRACKED_URL_MAX)
		e = ERR_TOOBIG;
	if (e == ERR_OK)
		e = rewrite_replace(w->r, link, buf_span(&url));
	buf_free(&url);
	buf_free(&payload);
	return e;
}

static bool is_foreign_charset(const struct rewrite *r, const struct rewrite_link *link)
{
	switch (charset_kind(r->parts[link->part].mime.charset)) {
	case CHARSET_ASCII:
	case CHARSET_UTF8: return false;
	default: return true;
	}
}

/* Takes the opt-outs of a link out. True: there were some. */
static bool take_opt_outs(struct work *w, size_t link, enum err *e_io)
{
	struct html_attr attr;
	bool found = false;
	size_t at = 0;

	while (*e_io == ERR_OK && links_next_opt_out(&w->r->links[link], &at, &attr)) {
		found = true;
		*e_io = rewrite_remove_attr(w->r, link, &attr);
	}
	return found;
}

static enum err edit_link(struct work *w, size_t link, struct buf *target)
{
	const struct rewrite_link *l = &w->r->links[link];
	enum link_fate fate;
	enum err e = ERR_OK;
	bool opted_out;

	buf_reset(target);
	fate = links_judge(&w->rules, l, is_foreign_charset(w->r, l), target);
	if (fate == LINK_TEMPLATE && w->template.n == 0)
		w->template = l->url;
	if (fate == LINK_LISTED || fate == LINK_UNSUBSCRIBE || fate == LINK_OWN_HOST)
		w->ways_out[l->part] = true;
	/* Some are looked at only for what they say. */
	if (l->kind == REWRITE_TEXT && !w->mail->stream->text_links)
		return ERR_OK;
	if (w->content->modes.clicks == TRACKING_OFF || w->mail->kind == MAIL_ORIGINAL) {
		w->content->fates[LINK_TEMPLATE] += fate == LINK_TEMPLATE;
		return ERR_OK;
	}
	opted_out = take_opt_outs(w, link, &e);
	if (fate == LINK_OPTED_OUT && e == ERR_OK)
		e = rewrite_replace(w->r, link, buf_span(target));
	if (fate == LINK_TRACKED && opted_out)
		fate = LINK_OPTED_OUT;
	else if (fate == LINK_TRACKED && e == ERR_OK)
		e = track_link(w, link, buf_span(target));
	if (e == ERR_TOOBIG || e == ERR_SYNTAX) {
		fate = e == ERR_TOOBIG ? LINK_TOO_LONG : LINK_UNREADABLE;
		e = ERR_OK;
	}
	w->content->fates[fate]++;
	return e;
}

static enum err edit_links(struct work *w)
{
	struct buf target = BUF_INIT(URL_MAX);
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < w->r->link_count; i++)
		e = edit_link(w, i, &target);
	buf_free(&target);
	return e;
}

/* The image goes into the first HTML part, unless one of ours is there already. */
static enum err add_pixel(struct work *w)
{
	struct content *c = w->content;
	bool individual = c->modes.opens == TRACKING_INDIVIDUAL;
	const struct token_open_pixel t = { .flags = individual ? TOKEN_INDIVIDUAL : 0,
		.message = c->message,
		.recipient = individual ? c->pseudonym : 0,
		.expires_h = w->expires_h };
	struct buf payload = BUF_INIT(TOKEN_PAYLOAD_MAX), html = BUF_INIT(2048);
	const struct rewrite_part *part = NULL;
	size_t i = 0;
	enum err e;

	while (i < w->r->part_count && !span_eq(w->r->parts[i].mime.type, SPAN("text/html")))
		i++;
	if (i < w->r->part_count)
		part = &w->r->parts[i];
	if (part == NULL || part->mime.skip != MIME_EDITABLE || !part->body_end_usable)
		return ERR_OK;
	buf_printf(&html, "https://%.*s/o/", SPAN_ARG(c->host));
	if (buf_ok(&html) && memmem(part->text.p, part->text.n, html.p, html.n) != NULL)
		goto none;
	buf_reset(&html);
	buf_add_cstr(&html, "<img src=\"");
	token_put_open(&payload, &t);
	e = put_url(c, TOKEN_OPEN, buf_span(&payload), &html);
	buf_add_cstr(&html, "\" width=\"1\" height=\"1\" alt=\"\" style=\"border:0\">");
	if (e == ERR_OK)
		e = buf_ok(&html) && buf_ok(&payload)
			? rewrite_insert(w->r, i, part->body_end, buf_span(&html))
			: ERR_NOMEM;
	c->pixel = e == ERR_OK;
	goto out;
none:
	e = ERR_OK;
out:
	buf_free(&html);
	buf_free(&payload);
	return e;
}

/* ---- carrying it out ---- */

/* The root became UTF-8: what the header says of it follows. */
static enum err set_root_type(struct message *draft, struct span type)
{
	struct buf value = BUF_INIT(4096);
	enum err e = ERR_OK;

	buf_printf(&value, " %.*s", SPAN_ARG(type));
	if (message_find_header(draft, SPAN("MIME-Version"), 0, NULL) == NULL)
		e = draft_add(draft, "MIME-Version", SPAN(" 1.0"));
	if (e == ERR_OK)
		e = draft_replace(draft, "Content-Type", buf_span(&value));
	buf_free(&value);
	return e;
}

/* Carries the edits out. What does not fit stays as it was. */
static enum err finish_body(struct work *w)
{
	struct message *m = w->mail->message, *draft = &w->mail->comply.draft;
	struct rewrite_outcome outcome;
	struct buf body = BUF_INIT(OUT_MAX);
	enum err e = rewrite_apply(w->r, &body, &outcome);

	if (e == ERR_OK && outcome.changed) {
		e = message_replace_body(m, &body);
		if (e == ERR_OK && outcome.root_quoted)
			e = draft_replace(
			    draft, "Content-Transfer-Encoding", SPAN(" quoted-printable"));
		if (e == ERR_OK && outcome.root_type.n > 0)
			e = set_root_type(draft, outcome.root_type);
	}
	if (w->mail->comply.footer != NULL && e == ERR_OK)
		footer_settle(&w->footer.footer, w->r);
	buf_free(&body);
	return e;
}

/* What the rules think of it is theirs (T01, L07). */
static bool judge(struct work *w)
{
	struct mail *mail = w->mail;

	if (w->template.n > 0) {
		mail->comply.template =
		    span_make(arena_dup(mail->message->arena, w->template), w->template.n);
		if (mail->comply.template.p == NULL)
			return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
		if (mail->comply.modes[RULE_T01] == RULE_WARN)
			log_record(LOG_LEVEL_WARNING, mail->message->queue_id,
			    "template_leftover", LOG_CSTR("tenant", mail_tenant_name(mail)),
			    LOG_CSTR("stream", mail->stream->name),
			    LOG_NUMBER("links", w->content->fates[LINK_TEMPLATE]),
			    LOG_SPAN("url", w->template));
	}
	return judge_text(mail, w->r, w->ways_out);
}

static void count_parts(struct work *w)
{
	w->content->examined = true;
	w->content->left_out = w->r->links_left_out;
	memcpy(w->content->skipped, w->r->skipped, sizeof w->r->skipped);
}

bool content_edit_body(struct mail *mail)
{
	struct message *m = mail->message;
	struct content *c = &mail->content;
	const struct rewrite_options options = { .limits = REWRITE_LIMITS_DEFAULT,
		.html = true,
		.text = mail->stream->text_links || mail->comply.modes[RULE_L07] > RULE_OFF,
		.convert = true };
	struct work w = { .mail = mail,
		.content = c,
		.rules = { .snapshot = mail->generation->snapshot,
		    .stream = mail->stream,
		    .host = c->host,
		    .domain = span_cstr(mail->domain) },
		.expires_h = expiry(mail) };
	enum err e;
	bool ok;

	collect_listed(&w);
	/* As it leaves: duplicates of its fields are gone. */
	e = rewrite_scan(mail->comply.draft.headers, mail->comply.draft.header_count,
	    buf_span(&m->kept), &options, &w.r);
	if (e == ERR_OK) {
		w.ways_out = arena_array(m->arena, w.r->part_count, sizeof *w.ways_out);
		e = w.ways_out != NULL ? edit_links(&w) : ERR_NOMEM;
	}
	if (w.r == NULL)
		return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
	if (e == ERR_OK)
		e = content_footer_look(mail, w.r, &w.footer);
	ok = e == ERR_OK && judge(&w);
	if (ok && !c->presigned && mail->kind != MAIL_ORIGINAL) {
		e = content_footer_add(mail, w.r, &w.footer);
		if (e == ERR_OK && c->modes.opens != TRACKING_OFF)
			e = add_pixel(&w);
		if (e == ERR_OK)
			e = finish_body(&w);
		ok = judge_footer(mail, w.r, e == ERR_OK);
	}
	mail->comply.footer = NULL;
	count_parts(&w);
	rewrite_free(&w.r);
	if (e == ERR_NOMEM || e == ERR_CRYPTO)
		return mail_fail(mail, TROUBLE_MEMORY, SPAN(""));
	/* Nothing was changed then: the message leaves as it came. */
	if (e != ERR_OK) {
		log_record(LOG_LEVEL_WARNING, m->queue_id, "body_unedited",
		    LOG_CSTR("tenant", tenant_of(mail)->name), LOG_CSTR("text", err_text(e)));
		c->pixel = false;
		memset(c->fates, 0, sizeof c->fates);
	}
	return ok || mail->verdict.trouble == TROUBLE_NONE;
}

/* ---- the log ---- */

/* "word:number+word:number" of what is not 0. */
static void put_counts(struct buf *out, const unsigned *counts, size_t first, size_t count,
    const char *(*word)(unsigned i))
{
	size_t start = out->n;

	for (size_t i = first; i < count; i++)
		if (counts[i] > 0)
			buf_printf(out, "%s%s:%u", out->n > start ? "+" : "", word((unsigned)i),
			    counts[i]);
}

static const char *fate_word(unsigned i)
{
	return links_fate_word((enum link_fate)i);
}

static const char *skip_word(unsigned i)
{
	return mime_skip_text((enum mime_skip)i);
}

size_t content_log_fields(
    const struct content *c, struct buf *out, struct log_field fields[CONTENT_FIELDS_MAX])
{
	size_t n = 0, left, parts;

	if (c->presigned)
		fields[n++] = LOG_CSTR("body", "presigned");
	else if (c->too_big)
		fields[n++] = LOG_CSTR("body", "too_big");
	if (!c->examined)
		return n;
	/* First all of the text: it may move while it grows. */
	put_counts(out, c->fates, LINK_TRACKED + 1, LINK_FATES, fate_word);
	left = out->n;
	put_counts(out, c->skipped, MIME_EDITABLE + 1, MIME_SKIP_COUNT, skip_word);
	parts = out->n;
	fields[n++] = LOG_NUMBER("links", c->fates[LINK_TRACKED]);
	if (left > 0)
		fields[n++] = LOG_SPAN("links_left", span_head(buf_span(out), left));
	if (parts > left)
		fields[n++] = LOG_SPAN("parts_left", span_from(buf_span(out), left));
	if (c->pixel)
		fields[n++] = LOG_CSTR("pixel", "yes");
	return n;
}
