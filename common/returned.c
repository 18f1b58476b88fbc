/* returned - what a report says. Knows no return path, no class and no store. */
#include "returned_inside.h"

static const char *const kind_words[RETURNED_KINDS] = {
	[RETURNED_OTHER] = "other",
	[RETURNED_BOUNCE] = "bounce",
	[RETURNED_DELAY] = "delay",
	[RETURNED_COMPLAINT] = "complaint",
	[RETURNED_NOT_SPAM] = "not-spam",
	[RETURNED_AUTOMATIC] = "automatic",
};

const char *returned_kind_text(enum returned_kind k)
{
	return kind_words[k];
}

bool returned_kind_of(struct span word, enum returned_kind *kind_r)
{
	for (size_t i = 0; i < RETURNED_KINDS; i++)
		if (span_eq(word, span_cstr(kind_words[i]))) {
			*kind_r = (enum returned_kind)i;
			return true;
		}
	return false;
}

struct reading {
	struct arena *arena;
	struct returned *r;
	bool delivery_status, feedback;
};

/* "rfc822; jo@x.example", "smtp; 550 no": what stands behind the type. */
static struct span without_type(struct span value)
{
	size_t semicolon = span_find(value, ';', 0);

	return semicolon < value.n ? span_trim(span_from(value, semicolon + 1)) : value;
}

/* "<jo@x.example>" as well. */
static struct span address_of(struct span value)
{
	value = span_trim(value);
	if (value.n >= 2 && value.p[0] == '<' && value.p[value.n - 1] == '>')
		value = span_make(value.p + 1, value.n - 2);
	return value;
}

/* "failed" and nothing else is a failure (RFC 3464 section 2.3.3); a comment may follow. */
static bool says(struct span value, const char *word)
{
	struct span w = span_cstr(word);

	return value.n >= w.n && span_eq_nocase(span_head(value, w.n), w) &&
	       (value.n == w.n || value.p[w.n] == ' ' || value.p[w.n] == '(');
}

/* ---- RFC 3464 ---- */

/* A group of fields for each recipient. *any_r: it is one of a recipient, not of the message. */
static void read_group(struct reading *x, struct span *text, bool *any_r)
{
	struct returned_recipient one = { .failed = false };
	struct span name, value;
	bool delayed = false;

	*any_r = false;
	while (returned_field(x->arena, text, &name, &value)) {
		if (span_eq_nocase(name, SPAN("final-recipient")))
			one.address = address_of(without_type(value));
		else if (span_eq_nocase(name, SPAN("original-recipient")))
			one.original = address_of(without_type(value));
		else if (span_eq_nocase(name, SPAN("action")))
			one.action = value;
		else if (span_eq_nocase(name, SPAN("status")))
			one.status = span_head(value, span_find(value, ' ', 0));
		else if (span_eq_nocase(name, SPAN("diagnostic-code")))
			one.diagnostic = without_type(value);
	}
	*any_r = one.address.n > 0 || one.original.n > 0 || one.action.n > 0;
	if (!*any_r)
		return;
	one.failed = says(one.action, "failed");
	delayed = says(one.action, "delayed");
	if (one.failed)
		x->r->kind = RETURNED_BOUNCE;
	else if (delayed && x->r->kind == RETURNED_OTHER)
		x->r->kind = RETURNED_DELAY;
	if (x->r->count < RETURNED_RECIPIENTS_MAX)
		x->r->recipients[x->r->count++] = one;
}

static void read_delivery_status(struct reading *x, struct span text)
{
	bool any;

	x->delivery_status = true;
	while (text.n > 0)
		read_group(x, &text, &any);
}

/* ---- RFC 5965 ---- */

static void read_feedback(struct reading *x, struct span text)
{
	struct span name, value;

	x->feedback = true;
	while (returned_field(x->arena, &text, &name, &value)) {
		if (span_eq_nocase(name, SPAN("feedback-type")))
			x->r->feedback_type = value;
		else if (span_eq_nocase(name, SPAN("original-mail-from")))
			x->r->original_sender = address_of(value);
		else if (span_eq_nocase(name, SPAN("original-rcpt-to")))
			x->r->complained = address_of(value);
	}
	if (says(x->r->feedback_type, "abuse") || says(x->r->feedback_type, "fraud"))
		x->r->kind = RETURNED_COMPLAINT;
	else if (says(x->r->feedback_type, "not-spam"))
		x->r->kind = RETURNED_NOT_SPAM;
	else
		x->r->kind = RETURNED_OTHER;
}

/* The message that is complained about, where the report leaves its envelope out. */
static void read_original(struct reading *x, struct span text)
{
	struct span name, value;

	while (returned_field(x->arena, &text, &name, &value)) {
		if (span_eq_nocase(name, SPAN("return-path")) && x->r->original_sender.n == 0)
			x->r->original_sender = address_of(value);
		else if (span_eq_nocase(name, SPAN("to")) && x->r->complained.n == 0 &&
			 span_find(value, ',', 0) == value.n) {
			size_t open = span_find(value, '<', 0);

			x->r->complained =
			    address_of(open < value.n ? span_from(value, open) : value);
		}
	}
}

/* ---- all of it ---- */

static bool on_part(void *context, const struct returned_part *part)
{
	struct reading *x = context;

	/* The first report counts: behind it is the message it is about, which may hold others. */
	if (!x->delivery_status && !x->feedback &&
	    (span_eq(part->type, SPAN("message/delivery-status")) ||
		span_eq(part->type, SPAN("message/global-delivery-status"))))
		read_delivery_status(x, part->body);
	else if (!x->delivery_status && !x->feedback &&
		 span_eq(part->type, SPAN("message/feedback-report")))
		read_feedback(x, part->body);
	else if (x->feedback && (span_eq(part->type, SPAN("message/rfc822")) ||
				    span_eq(part->type, SPAN("text/rfc822-headers")) ||
				    span_eq(part->type, SPAN("message/global")) ||
				    span_eq(part->type, SPAN("message/global-headers"))))
		read_original(x, part->body);
	return true;
}

/* RFC 3834 section 5, and what programs older than it say. */
static bool is_automatic(struct arena *arena, struct span message)
{
	struct span name, value;

	while (returned_field(arena, &message, &name, &value)) {
		if (span_eq_nocase(name, SPAN("auto-submitted")) && !says(value, "no"))
			return true;
		if (span_eq_nocase(name, SPAN("precedence")) &&
		    (says(value, "auto_reply") || says(value, "bulk") || says(value, "junk")))
			return true;
		if (span_eq_nocase(name, SPAN("x-autoreply")) ||
		    span_eq_nocase(name, SPAN("x-autorespond")) ||
		    span_eq_nocase(name, SPAN("x-auto-response-suppress")))
			return true;
	}
	return false;
}

/* What comes by SMTP gets "Received: from .." by our smtpd, whoever sent it; bounce(8)'s own mail
 * begins with "Received: by ..". */
static bool is_local(struct arena *arena, struct span message)
{
	struct span name, value;

	while (returned_field(arena, &message, &name, &value))
		if (span_eq_nocase(name, SPAN("received")))
			return span_starts_nocase(value, SPAN("by "));
	return false;
}

enum err returned_read(struct span message, struct arena *arena, struct returned *r_r)
{
	struct reading x = { .arena = arena, .r = r_r };
	enum err e;

	*r_r = (struct returned){ .kind = RETURNED_OTHER };
	r_r->local = is_local(arena, message);
	e = returned_walk(message, arena, on_part, &x);
	if (e == ERR_OK && !x.delivery_status && !x.feedback && is_automatic(arena, message))
		r_r->kind = RETURNED_AUTOMATIC;
	return e;
}
