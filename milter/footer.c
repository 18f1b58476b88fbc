/* footer - the rules about footers, and how what is missing comes into a message. Knows neither how
 * it is found nor how it is worded. */
#include "footer.h"
#include "footer_parts.h"

static const struct phrase_row text_rows[FOOTER_TEXTS] = {
	[FOOTER_TEXT_DIRECTION] = PHRASE_DIRECTION("direction"),
	[FOOTER_TEXT_UNSUBSCRIBE] = { .name = "unsubscribe" },
	[FOOTER_TEXT_PREFERENCES] = { .name = "preferences" },
	[FOOTER_TEXT_CONTACT] = { .name = "contact" },
	[FOOTER_TEXT_IMPRINT] = { .name = "imprint" },
	[FOOTER_TEXT_ADVERTISING] = { .name = "advertisement" },
};
const struct phrases_table footer_texts = { text_rows, FOOTER_TEXTS };

void footer_facts_of(const struct tenant *tenant, const struct stream *stream,
    const struct phrases *texts, struct footer_facts *facts_r)
{
	const char *name = tenant->display_name != NULL ? tenant->display_name : tenant->name;

	*facts_r = (struct footer_facts){ .name = span_cstr(name),
		.address = tenant->postal_address,
		.contact = span_cstr(tenant->contact),
		.imprint = tenant->imprint,
		.preferences = span_cstr(stream->preferences_url),
		.unsubscribe = SPAN(""),
		.host = SPAN(""),
		.texts = texts,
		.language = phrases_find(texts, span_cstr(stream->language)),
		.unasked = stream->advertisement };
}

/* ---- rules ---- */

/* One row a rule: what the law must ask for, the items that follow, and what is wrong without. */
static const struct {
	struct {
		enum law_demand demand;
		unsigned items;
	} asks[2];
	const char *missing, *unknown;
} rules[FOOTER_RULES] = {
	[FOOTER_F01] = { { { LAW_ADDRESS, FOOTER_BIT(FOOTER_ADDRESS) } },
	    "no postal address in a text of the body", "the tenant has no postal_address" },
	[FOOTER_F02] = { { { LAW_WAY_OUT, FOOTER_BIT(FOOTER_WAY_OUT) } },
	    "no visible way to unsubscribe in a text of the body",
	    "there is no unsubscribe link to add" },
	[FOOTER_F03] = { { { LAW_NAME, FOOTER_BIT(FOOTER_NAME) },
			     { LAW_CONTACT, FOOTER_BIT(FOOTER_CONTACT) } },
	    "a text of the body does not say who sends it and how to reach them",
	    "the tenant has no contact" },
	[FOOTER_F04] = { { { LAW_ADVERTISING, FOOTER_BIT(FOOTER_ADVERTISING) } },
	    "a text of the body does not say that it is an advertisement",
	    "there are no words for it" },
	[FOOTER_F05] = { { { LAW_IMPRINT, FOOTER_BIT(FOOTER_IMPRINT) } },
	    "no imprint in a text of the body", "the tenant has no imprint" },
};

unsigned footer_items(enum footer_rule rule, unsigned demands)
{
	unsigned items = 0;

	for (size_t i = 0; i < ARRAY_SIZE(rules[rule].asks); i++)
		if ((rules[rule].asks[i].demand & demands) != 0)
			items |= rules[rule].asks[i].items;
	return items;
}

static struct footer_answer ask_part(const struct footer *f, const struct footer_part *part,
    enum footer_rule rule, unsigned items)
{
	unsigned lacks = items & ~(part->found | part->added);

	if (part->unread != NULL)
		return (struct footer_answer){ FOOTER_UNREAD, part->unread, SPAN("") };
	if (lacks == 0)
		return (struct footer_answer){
			(items & part->added) != 0 ? FOOTER_ADDED : FOOTER_FINE, NULL, SPAN("")
		};
	if ((lacks & ~f->known) != 0)
		return (struct footer_answer){ FOOTER_LACKING, rules[rule].unknown, SPAN("") };
	if (part->closed != NULL)
		return (struct footer_answer){ FOOTER_LACKING, part->closed, SPAN("") };
	return (struct footer_answer){ FOOTER_MISSING, rules[rule].missing, SPAN("") };
}

struct footer_answer footer_ask(
    const struct footer *f, enum footer_rule rule, unsigned demands, const struct rewrite *r)
{
	struct footer_answer worst = { FOOTER_NOT_ASKED, NULL, SPAN("") };
	unsigned items = footer_items(rule, demands);

	if (items == 0 || (rule == FOOTER_F04 && !f->unasked))
		return worst;
	if (f->count == 0)
		return (struct footer_answer){ FOOTER_LACKING,
			"the body has no text that could say it", SPAN("") };
	for (size_t i = 0; i < f->count; i++) {
		struct footer_answer answer = ask_part(f, &f->at[i], rule, items);

		answer.about = r->parts[f->at[i].part].mime.type;
		if (answer.state > worst.state)
			worst = answer;
	}
	return worst;
}

/* ---- adding ---- */

static const char *const no_place = "there is no place for it that all readers see";

static enum err add_html(struct rewrite *r, const struct footer_facts *facts, unsigned items,
    struct footer_part *part)
{
	struct buf out = BUF_INIT(FOOTER_OCTETS_MAX);
	enum err e;

	footer_write_html(facts, items, &out);
	e = buf_ok(&out) ? rewrite_insert(r, part->part, part->place, buf_span(&out))
			 : ERR_TOOBIG;
	buf_free(&out);
	return e;
}

/* As it is; in plainer characters; as it is, in a part that is UTF-8 from now on. */
static enum err insert_text(struct rewrite *r, const struct footer_part *part, struct span text)
{
	struct buf plainer = BUF_INIT(FOOTER_OCTETS_MAX);
	enum err e = rewrite_insert(r, part->part, part->place, text);

	if (e == ERR_NOTFOUND) {
		footer_plainer(text, &plainer);
		e = buf_ok(&plainer)
			? rewrite_insert(r, part->part, part->place, buf_span(&plainer))
			: ERR_NOMEM;
	}
	if (e == ERR_NOTFOUND) {
		e = rewrite_relabel(r, part->part);
		if (e == ERR_OK)
			e = rewrite_insert(r, part->part, part->place, text);
		else if (e != ERR_NOMEM)
			e = ERR_NOTFOUND;
	}
	buf_free(&plainer);
	return e;
}

static enum err add_text(struct rewrite *r, const struct footer_facts *facts, unsigned items,
    const struct footer_part *part)
{
	struct buf lines = BUF_INIT(FOOTER_OCTETS_MAX), out = BUF_INIT(FOOTER_OCTETS_MAX);
	enum err e = ERR_TOOBIG;

	footer_write_text(facts, items, &lines);
	footer_frame_text(&r->parts[part->part], part->place, buf_span(&lines), &out);
	if (buf_ok(&lines) && buf_ok(&out))
		e = insert_text(r, part, buf_span(&out));
	buf_free(&lines);
	buf_free(&out);
	return e;
}

enum err footer_add(
    struct rewrite *r, const struct footer_facts *facts, unsigned items, struct footer *f)
{
	enum err e = ERR_OK;

	for (size_t i = 0; e != ERR_NOMEM && i < f->count; i++) {
		struct footer_part *part = &f->at[i];
		unsigned wanted = items & f->known & ~(part->found | part->added);

		if (part->unread != NULL || part->closed != NULL || wanted == 0)
			continue;
		if ((wanted & FOOTER_BIT(FOOTER_WAY_OUT)) != 0)
			wanted |= FOOTER_BIT(FOOTER_PREFERENCES) & f->known & ~part->found;
		e = r->parts[part->part].kind == REWRITE_HTML
			? add_html(r, facts, wanted, part)
			: add_text(r, facts, wanted, part);
		if (e == ERR_OK)
			part->added |= wanted;
		else if (e == ERR_NOTFOUND)
			part->closed = "its charset lacks characters of the footer";
		else if (e == ERR_TOOBIG)
			part->closed = "the footer is too long";
		else
			part->closed = no_place;
	}
	return e == ERR_NOMEM ? e : ERR_OK;
}

void footer_settle(struct footer *f, const struct rewrite *r)
{
	for (size_t i = 0; i < f->count; i++) {
		struct footer_part *part = &f->at[i];
		const struct rewrite_part *p = &r->parts[part->part];

		if (part->added == 0 || p->edited)
			continue;
		part->added = 0;
		part->closed =
		    p->mime.skip != MIME_EDITABLE ? mime_skip_text(p->mime.skip) : no_place;
	}
}
