/* comply_list - rules L: lists and one-click. L03 is the gate (gate.h). Knows no signatures.
 *
 * Whether List-Unsubscribe is ours to set is a fact (facts.list). A domain with a tracking_host is
 * held to the rules; one without cannot be: what it lacks is warned about. */
#include "comply_rules.h"
#include "field.h"
#include "links.h"

#define LIST_ID_MAX 255 /* octets, RFC 2919 section 3 */

/* Must the message have the fields, or not leave? */
static bool is_held_to(const struct comply *c)
{
	return (c->facts.signer != NULL && c->facts.signer->tracking_host != NULL) ||
	       c->modes[RULE_L03] == RULE_ENFORCE;
}

static struct found lacking(const struct comply *c, const char *why)
{
	return is_held_to(c) ? BECAUSE(FLAW, why) : BECAUSE(BLEMISH, why);
}

/* ---- L01, L02 ---- */

static struct found judge_others(const struct comply *c)
{
	struct list_survey s;

	list_look(&c->draft, c->facts.snapshot, c->facts.tenant, &s);
	if (s.fields == 0)
		return lacking(c, "no List-Unsubscribe header field");
	if (s.fields > 1)
		return lacking(c, "more than one List-Unsubscribe header field");
	if (!s.clean || s.https != 1)
		return lacking(c, "List-Unsubscribe without exactly one https URI");
	if (s.foreign > 0)
		return lacking(c, "List-Unsubscribe leads to a host that is not the sender's");
	return FINE;
}

struct found l01_find(const struct comply *c)
{
	struct list_decision d;

	if (c->facts.signer == NULL)
		return UNKNOWN;
	if (c->facts.list == NULL)
		return judge_others(c);
	switch (list_decide(&c->draft, c->facts.list, &d)) {
	case ERR_OK: break;
	case ERR_TOOBIG: return BECAUSE(FLAW, "List-Unsubscribe would have too long a line");
	case ERR_SYNTAX: return BECAUSE(FLAW, "octets in List-Unsubscribe that no URI has");
	default: return BECAUSE(LATER, "no memory", .code = "452", .dsn = "4.3.1");
	}
	switch (d.fault) {
	case LIST_FINE: break;
	case LIST_TWICE:
		return BECAUSE(FLAW, "more than one List-Unsubscribe header field",
		    .code = "554", .dsn = "5.6.0", .word = "list_twice");
	case LIST_FOREIGN:
		return BECAUSE(FLAW,
		    "List-Unsubscribe leads to a host that is not the sender's",
		    .about = d.subject, .word = "list_foreign");
	}
	/* Without a single recipient there is no URI of ours: that is L05's. */
	return d.replace
		   ? BECAUSE(REPAIRABLE, "List-Unsubscribe is missing or not as it should be")
		   : FINE;
}

enum err l01_fix(struct comply *c)
{
	struct list_decision d;
	enum err e = list_decide(&c->draft, c->facts.list, &d);

	return e == ERR_OK ? draft_replace(&c->draft, LIST_UNSUBSCRIBE, d.value) : e;
}

static bool is_one_click(const struct comply *c)
{
	const struct header *h = comply_first(c, LIST_UNSUBSCRIBE_POST);

	return h != NULL && !comply_has_two(c, LIST_UNSUBSCRIBE_POST) &&
	       (span_eq(h->value, SPAN(" " LIST_ONE_CLICK)) ||
		   span_eq(h->value, SPAN(LIST_ONE_CLICK)));
}

struct found l02_find(const struct comply *c)
{
	struct list_survey s;

	list_look(&c->draft, c->facts.snapshot, c->facts.tenant, &s);
	if (s.https == 0 || is_one_click(c))
		return FINE;
	/* That somebody else's URI takes a POST is not ours to say. */
	if (c->facts.list == NULL)
		return lacking(c, "no List-Unsubscribe-Post that says exactly " LIST_ONE_CLICK);
	return BECAUSE(
	    REPAIRABLE, "no List-Unsubscribe-Post that says exactly " LIST_ONE_CLICK);
}

enum err l02_fix(struct comply *c)
{
	return draft_replace(&c->draft, LIST_UNSUBSCRIBE_POST, SPAN(" " LIST_ONE_CLICK));
}

/* ---- L04, L05 ---- */

struct found l04_find(const struct comply *c)
{
	struct list_survey s;

	list_look(&c->draft, c->facts.snapshot, c->facts.tenant, &s);
	if (s.https == 0 || (c->facts.list != NULL && list_is_current(c->facts.list, s.uri)))
		return FINE;
	switch (c->facts.uri_unused) {
	case KNOWN_GOOD: return FINE;
	case KNOWN_BAD: return BECAUSE(FLAW, "the same unsubscribe URI for several recipients");
	case NOT_KNOWN:
	case KNOWN_LOST: break;
	}
	return UNKNOWN;
}

struct found l05_find(const struct comply *c)
{
	if (c->facts.list == NULL || c->facts.splits || c->message->recipient_count == 1)
		return FINE;
	return BECAUSE(FLAW, "an unsubscribe URI names one recipient, the message has several");
}

/* ---- L06: List-Id ---- */

static bool is_id_char(char ch)
{
	return ascii_alpha(ch) || ascii_digit(ch) ||
	       (ch != '\0' && strchr("!#$%&'*+-/=?^_`{|}~.", ch) != NULL);
}

/* "label.domain": at least one dot, none at an end, no two together. */
static bool is_list_id(struct span id)
{
	bool ok = id.n > 2 && id.n <= LIST_ID_MAX && id.p[0] != '.' && id.p[id.n - 1] != '.' &&
		  span_find(id, '.', 0) < id.n && memmem(id.p, id.n, "..", 2) == NULL;

	for (size_t i = 0; ok && i < id.n; i++)
		ok = is_id_char(id.p[i]);
	return ok;
}

static struct span own_list_id(const struct comply *c)
{
	struct buf id = BUF_INIT(1024);
	struct span s;

	buf_printf(&id, "%s.%s", c->facts.stream->name,
	    c->facts.signer != NULL ? c->facts.signer->name : "");
	s = span_make(arena_dup(c->draft.arena, buf_span(&id)), id.n);
	buf_free(&id);
	return s.p != NULL ? s : SPAN("");
}

/* Only what is told apart as a list by its List-Unsubscribe; of a domain without tracking_host all
 * stays as it was written. */
static struct found judge_missing_id(const struct comply *c)
{
	if (comply_first(c, LIST_UNSUBSCRIBE) == NULL || c->facts.signer == NULL ||
	    !is_held_to(c))
		return FINE;
	return is_list_id(own_list_id(c))
		   ? BECAUSE(REPAIRABLE, "no List-Id header field")
		   : BECAUSE(BLEMISH, "the stream's name makes no List-Id");
}

struct found l06_find(const struct comply *c)
{
	const struct header *h = comply_first(c, "List-Id");
	struct span rest, id;

	if (h == NULL)
		return judge_missing_id(c);
	rest = h->value;
	if (!list_next_uri(&rest, &id) || !is_list_id(span_trim(id)))
		return BECAUSE(FLAW, "malformed List-Id");
	return FINE;
}

enum err l06_fix(struct comply *c)
{
	struct buf word = BUF_INIT(LIST_ID_MAX + 8);
	struct span value;
	struct field f;
	enum err e;

	buf_printf(&word, "<%.*s>", SPAN_ARG(own_list_id(c)));
	field_begin(&f, "List-Id");
	field_word(&f, buf_span(&word));
	e = field_end(&f, c->draft.arena, &value);
	buf_free(&word);
	return e == ERR_OK ? draft_add(&c->draft, "List-Id", value) : e;
}

/* ---- L07: a way out that readers see ---- */

/* The structure of the body is gone when somebody reads what was found. */
static struct span keep(const struct comply *c, struct span text)
{
	const char *p = arena_dup(c->draft.arena, text);

	return span_make(p != NULL ? p : "", p != NULL ? text.n : 0);
}

struct found l07_look(const struct comply *c)
{
	if (c->body == NULL)
		return UNKNOWN;
	if (comply_adds_way_out(c))
		return FINE;
	for (size_t i = 0; i < c->body->part_count; i++) {
		const struct rewrite_part *part = &c->body->parts[i];

		if (part->mime.skip == MIME_EDITABLE && part->text.n > 0 && !c->ways_out[i])
			return BECAUSE(FLAW, "a text of the body without an unsubscribe link",
			    .about = keep(c, part->mime.type));
	}
	return FINE;
}

/* ---- L08: other fields of lists ---- */

static bool has_list_field(const struct comply *c)
{
	for (size_t i = 0; i < c->draft.header_count; i++)
		if (span_eq_nocase(span_head(c->draft.headers[i].name, 5), SPAN("List-")))
			return true;
	return false;
}

static bool lacks(const struct comply *c, const char *configured, const char *name)
{
	return configured != NULL && comply_first(c, name) == NULL;
}

struct found l08_find(const struct comply *c)
{
	const struct stream *s = c->facts.stream;

	if (c->facts.class != CLASS_BULK)
		return has_list_field(c) ? BECAUSE(FLAW, "List-* fields on transactional mail")
					 : FINE;
	if (lacks(c, s->list_help, "List-Help"))
		return BECAUSE(REPAIRABLE, "no List-Help header field");
	if (lacks(c, s->list_owner, "List-Owner"))
		return BECAUSE(REPAIRABLE, "no List-Owner header field");
	return FINE;
}

static enum err add_uri(struct comply *c, const char *name, const char *scheme, const char *uri)
{
	struct buf word = BUF_INIT(LIST_VALUE_MAX);
	struct span value;
	struct field f;
	enum err e;

	buf_printf(&word, "<%s%s>", scheme, uri);
	field_begin(&f, name);
	field_word(&f, buf_span(&word));
	e = field_end(&f, c->draft.arena, &value);
	buf_free(&word);
	return e == ERR_OK ? draft_add(&c->draft, name, value) : e;
}

enum err l08_fix(struct comply *c)
{
	const struct stream *s = c->facts.stream;
	enum err e = ERR_OK;

	if (lacks(c, s->list_help, "List-Help"))
		e = add_uri(c, "List-Help", "", s->list_help);
	if (e == ERR_OK && lacks(c, s->list_owner, "List-Owner"))
		e = add_uri(c, "List-Owner", "mailto:", s->list_owner);
	return e;
}
