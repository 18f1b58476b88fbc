/* comply - runs the rules over a message and adds up what they say. Knows no rule, no libmilter and
 * no signature.
 *
 * In transactional mail mode fix refuses nothing: what no repair helps is warned about. What must
 * not leave in any class is forbidden by its rule, or in mode enforce. */
#include "comply.h"
#include "comply_rules.h"
#include "split.h"
#include "x_track.h"

static const struct {
	struct found (*find)(const struct comply *c);
	enum err (*fix)(struct comply *c);
	struct found (*look)(const struct comply *c);
} functions[RULE_COUNT] = {
	[RULE_H01] = { h01_find, NULL, NULL },
	[RULE_H02] = { h02_find, h02_fix, NULL },
	[RULE_H03] = { h03_find, h03_fix, NULL },
	[RULE_H04] = { h04_find, h03_fix, NULL },
	[RULE_H05] = { h05_find, h05_fix, NULL },
	[RULE_H06] = { h06_find, h06_fix, h06_look },
	[RULE_H07] = { h07_find, NULL, h07_look },
	[RULE_H08] = { h08_find, h08_fix, NULL },
	[RULE_H09] = { h09_find, NULL, NULL },
	[RULE_H10] = { h10_find, NULL, NULL },
	[RULE_H11] = { h11_find, h11_fix, NULL },
	[RULE_H12] = { h12_find, h12_fix, NULL },
	[RULE_H13] = { h13_find, h13_fix, NULL },
	[RULE_H14] = { NULL, NULL, h14_find },
	[RULE_H15] = { h15_find, h15_fix, h15_look },
	[RULE_H16] = { h16_find, NULL, NULL },
	[RULE_L01] = { l01_find, l01_fix, NULL },
	[RULE_L02] = { l02_find, l02_fix, NULL },
	[RULE_L03] = { NULL, NULL, NULL }, /* the gate */
	[RULE_L04] = { l04_find, NULL, NULL },
	[RULE_L05] = { l05_find, NULL, NULL },
	[RULE_L06] = { l06_find, l06_fix, NULL },
	[RULE_L07] = { NULL, NULL, l07_look },
	[RULE_L08] = { l08_find, l08_fix, NULL },
	[RULE_F01] = { NULL, NULL, f01_look },
	[RULE_F02] = { NULL, NULL, f02_look },
	[RULE_F03] = { NULL, NULL, f03_look },
	[RULE_F04] = { NULL, NULL, f04_look },
	[RULE_F05] = { NULL, NULL, f05_look },
	[RULE_S01] = { s01_find, s01_fix, NULL },
	[RULE_S02] = { s02_find, s02_fix, NULL },
	[RULE_S03] = { s03_find, s03_fix, NULL },
	[RULE_S04] = { s04_find, s04_fix, NULL },
	[RULE_S05] = { s05_find, s05_fix, NULL },
	[RULE_S06] = { s06_find, s06_fix, NULL },
	[RULE_S07] = { s07_find, s07_fix, NULL },
	[RULE_S08] = { s08_find, NULL, NULL },
	[RULE_A01] = { a01_find, NULL, NULL },
	[RULE_A02] = { a02_find, NULL, NULL },
	[RULE_A03] = { a03_find, NULL, NULL },
	[RULE_A04] = { a04_find, NULL, NULL },
	[RULE_A05] = { a05_find, NULL, NULL },
	[RULE_A06] = { a06_find, NULL, NULL },
	[RULE_T01] = { NULL, NULL, t01_look },
};

static const char *const outcome_words[] = {
	[OUTCOME_OFF] = "off",
	[OUTCOME_PASSED] = "passed",
	[OUTCOME_UNKNOWN] = "unknown",
	[OUTCOME_FIXED] = "fixed",
	[OUTCOME_WARNED] = "warned",
	[OUTCOME_LATER] = "later",
	[OUTCOME_REFUSED] = "refused",
};
_Static_assert(ARRAY_SIZE(outcome_words) == OUTCOMES, "a word for every outcome");

const char *outcome_text(enum rule_outcome o)
{
	return (unsigned)o < OUTCOMES ? outcome_words[o] : "off";
}

/* ---- what the rules' functions share ---- */

const struct header *comply_first(const struct comply *c, const char *name)
{
	return message_find_header(&c->draft, span_cstr(name), 0, NULL);
}

bool comply_is_named(const struct header *h, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq_nocase(h->name, span_cstr(names[i])))
			return true;
	return false;
}

bool comply_has_two(const struct comply *c, const char *name)
{
	size_t at;

	return message_find_header(&c->draft, span_cstr(name), 0, &at) != NULL &&
	       message_find_header(&c->draft, span_cstr(name), at + 1, NULL) != NULL;
}

struct span comply_unfold(const struct comply *c, struct span value)
{
	char *p = arena_alloc(c->draft.arena, value.n + 1);
	size_t n = 0;

	for (size_t i = 0; p != NULL && i < value.n; i++)
		if (value.p[i] != '\n')
			p[n++] = value.p[i] == '\t' ? ' ' : value.p[i];
	return span_make(p != NULL ? p : "", n);
}

/* ---- class ---- */

enum stream_class comply_class(const struct message *m, const struct stream *stream)
{
	const struct header *h = message_find_header(m, SPAN(COMPLY_CLASS_HEADER), 0, NULL);
	struct span word = h != NULL ? span_trim(h->value) : SPAN("");

	if (span_eq_nocase(word, SPAN("bulk")))
		return CLASS_BULK;
	if (span_eq_nocase(word, SPAN("transactional")) && stream->class_header)
		return CLASS_TRANSACTIONAL;
	return stream->class;
}

/* ---- the run ---- */

enum err comply_open(struct comply *c, const struct message *m,
    const struct comply_facts *facts, const enum rule_mode modes[RULE_COUNT])
{
	enum err e;

	*c = (struct comply){ .facts = *facts, .message = m, .template = SPAN("") };
	memcpy(c->modes, modes, sizeof c->modes);
	e = draft_open(m, &c->draft);
	if (e != ERR_OK)
		return e;
	/* For us alone: whatever the modes, these do not leave. */
	draft_drop_all(&c->draft, SPAN(COMPLY_CLASS_HEADER));
	draft_drop_all(&c->draft, SPAN(X_TRACK_HEADER));
	draft_drop_all(&c->draft, SPAN(SPLIT_HEADER));
	return ERR_OK;
}

static enum rule_outcome weigh(const struct comply *c, enum rule_id id, enum finding what)
{
	enum rule_mode mode = c->modes[id];

	switch (what) {
	case FOUND_FINE: return OUTCOME_PASSED;
	case FOUND_UNKNOWN: return OUTCOME_UNKNOWN;
	case FOUND_FORBIDDEN: return OUTCOME_REFUSED;
	case FOUND_LATER: return mode == RULE_WARN ? OUTCOME_WARNED : OUTCOME_LATER;
	case FOUND_REPAIRABLE:
		return mode == RULE_ENFORCE ? OUTCOME_REFUSED
		       : mode == RULE_FIX   ? OUTCOME_FIXED
					    : OUTCOME_WARNED;
	case FOUND_BLEMISH: return mode == RULE_ENFORCE ? OUTCOME_REFUSED : OUTCOME_WARNED;
	case FOUND_FLAW: break;
	}
	if (mode == RULE_ENFORCE)
		return OUTCOME_REFUSED;
	return mode == RULE_FIX && rule_of(id)->severity == SEVERITY_REFUSE &&
		       c->facts.class == CLASS_BULK
		   ? OUTCOME_REFUSED
		   : OUTCOME_WARNED;
}

/* The worst of what a rule says about header and body stays. */
static void note(struct comply *c, enum rule_id id, struct found found, enum rule_outcome o)
{
	if (o < c->outcomes[id])
		return;
	c->outcomes[id] = o;
	c->found[id] = found;
}

static enum err apply_rule(struct comply *c, enum rule_id id)
{
	struct found found = functions[id].find(c);
	enum rule_outcome o = weigh(c, id, found.what);
	enum err e = ERR_OK;

	if (o == OUTCOME_FIXED) {
		e = functions[id].fix(c);
		/* A value that cannot be built, say of a name in the configuration. */
		if (e == ERR_SYNTAX || e == ERR_TOOBIG) {
			found.what = FOUND_FLAW;
			o = weigh(c, id, found.what);
			e = ERR_OK;
		}
	}
	note(c, id, found, o);
	return e;
}

enum err comply_fields(struct comply *c)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e == ERR_OK && i < RULE_COUNT; i++)
		if (c->modes[i] != RULE_OFF && functions[i].find != NULL)
			e = apply_rule(c, (enum rule_id)i);
	return e;
}

void comply_body(struct comply *c)
{
	for (size_t i = 0; i < RULE_COUNT; i++) {
		struct found found;

		if (c->modes[i] == RULE_OFF || functions[i].look == NULL)
			continue;
		found = functions[i].look(c);
		note(c, (enum rule_id)i, found, weigh(c, (enum rule_id)i, found.what));
	}
}

void comply_footer_done(struct comply *c, bool applied)
{
	c->may_edit = false;
	for (unsigned i = RULE_F01; i <= RULE_F05; i++) {
		struct found found;

		if (c->outcomes[i] != OUTCOME_FIXED)
			continue;
		found = functions[i].look(c);
		/* Repairable is by now: it was added. */
		if (applied && (found.what == FOUND_FINE || found.what == FOUND_REPAIRABLE))
			continue;
		if (!applied)
			found = BECAUSE(FLAW, "the body cannot be edited");
		note(c, (enum rule_id)i, found, weigh(c, (enum rule_id)i, found.what));
	}
}

bool comply_wants_body(const struct comply *c)
{
	bool footer = c->modes[RULE_F01] == RULE_ENFORCE;

	for (unsigned i = 0; i < FOOTER_RULES; i++)
		footer = footer || (c->facts.has_footer && c->modes[RULE_F01 + i] != RULE_OFF);
	return footer || c->modes[RULE_L07] >= RULE_FIX || c->modes[RULE_T01] == RULE_ENFORCE;
}

/* ---- the sum ---- */

static bool has(const struct comply *c, enum rule_outcome o)
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (c->outcomes[i] == o)
			return true;
	return false;
}

bool comply_is_refused(const struct comply *c)
{
	return has(c, OUTCOME_REFUSED);
}

bool comply_must_wait(const struct comply *c)
{
	return has(c, OUTCOME_LATER);
}

static void agree_on_code(struct comply_reply *r, const char *code, const char *dsn)
{
	if (r->code[0] == '\0') {
		(void)span_copy(span_cstr(code), r->code, sizeof r->code);
		(void)span_copy(span_cstr(dsn), r->dsn, sizeof r->dsn);
	} else if (strcmp(r->code, code) != 0 || strcmp(r->dsn, dsn) != 0) {
		bool later = r->code[0] == '4';

		(void)span_copy(later ? SPAN("451") : SPAN("550"), r->code, sizeof r->code);
		(void)span_copy(later ? SPAN("4.7.1") : SPAN("5.7.1"), r->dsn, sizeof r->dsn);
	}
}

void comply_reply(const struct comply *c, struct comply_reply *reply_r)
{
	enum rule_outcome o = comply_is_refused(c) ? OUTCOME_REFUSED : OUTCOME_LATER;
	struct buf text = BUF_INIT(COMPLY_TEXT_MAX * 4);
	const struct found *first = NULL;

	*reply_r = (struct comply_reply){ .word = "" };
	for (size_t i = 0; i < RULE_COUNT; i++) {
		const struct found *found = &c->found[i];
		const struct rule *rule = rule_of((enum rule_id)i);

		if (c->outcomes[i] != o)
			continue;
		buf_printf(&text, "%s%s", first == NULL ? "[" : ",", rule->id);
		agree_on_code(reply_r, found->code != NULL ? found->code : rule->code,
		    found->code != NULL ? found->dsn : rule->dsn);
		if (first == NULL) {
			first = found;
			reply_r->word = found->word != NULL ? found->word : rule->id;
		}
	}
	if (first != NULL) {
		buf_printf(&text, "] %s", first->why);
		if (first->about.n > 0)
			buf_printf(&text, " (%.*s)", SPAN_ARG(first->about));
	}
	(void)span_copy(span_head(buf_span(&text), sizeof reply_r->text - 1), reply_r->text,
	    sizeof reply_r->text);
	buf_free(&text);
}

void comply_put_ids(const struct comply *c, enum rule_outcome o, struct buf *out)
{
	size_t start = out->n;

	for (size_t i = 0; i < RULE_COUNT; i++)
		if (c->outcomes[i] == o)
			buf_printf(out, "%s%s", out->n > start ? "+" : "",
			    rule_of((enum rule_id)i)->id);
}
