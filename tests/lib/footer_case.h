/* footer_case.h - a message to which a footer is added, as the milter would do it: for tests, the
 * driver and the fuzzer. */
#ifndef FOOTER_CASE_H
#define FOOTER_CASE_H

#include "footer.h"
#include "mail_split.h"

/* Who sends, in all cases: tests/lib/footer_judge.py knows the same. */
#define FOOTER_CASE_OUT         "https://click.acme.example/u/TOKEN"
#define FOOTER_CASE_PREFERENCES "https://acme.example/preferences"

static const char footer_case_words[] =
    "[en]\nunsubscribe = Unsubscribe\npreferences = Choose\n"
    "contact = Contact\nimprint = Legal notice\n"
    "advertisement = This is an advertisement.\n"
    "[de]\nadvertisement = Dies ist Werbung.\n"
    "[ar]\ndirection = rtl\n";
static const char *const footer_case_address[] = { "Acme GmbH", "Hauptstra\xc3\x9f\x65 1",
	"12345 Berlin", NULL };
static const char *const footer_case_imprint[] = { "HRB 4711", "https://acme.example/imprint",
	NULL };
static const struct span footer_case_listed[] = { SPAN("https://other.example/leave?7") };

/* NULL: no memory. */
static inline struct phrases *footer_case_facts(struct footer_facts *facts_r)
{
	struct phrases *texts;
	char error[200];

	if (phrases_parse(SPAN(footer_case_words), "words", &footer_texts, &texts, error,
		sizeof error) != ERR_OK)
		return NULL;
	*facts_r = (struct footer_facts){ .name = SPAN("Acme"),
		.address = footer_case_address,
		.contact = SPAN("info@acme.example"),
		.imprint = footer_case_imprint,
		.unsubscribe = SPAN(FOOTER_CASE_OUT),
		.preferences = SPAN(FOOTER_CASE_PREFERENCES),
		.host = SPAN("click.acme.example"),
		.listed = footer_case_listed,
		.listed_count = ARRAY_SIZE(footer_case_listed),
		.texts = texts };
	return texts;
}

#define FOOTER_CASE_ALL (FOOTER_BIT(FOOTER_ITEMS) - 1)

struct footer_case {
	struct header *headers;
	size_t header_count;
	struct span body;
	struct arena *arena;
	struct rewrite *r;
	struct footer footer;
	struct rewrite_outcome outcome;
	struct buf out;
	/* the message as it leaves */
	struct header final[MAIL_SPLIT_FIELDS + 3];
	size_t final_count;
	struct span final_body;
};

static inline void footer_case_close(struct footer_case *c)
{
	rewrite_free(&c->r);
	arena_free(&c->arena);
	buf_free(&c->out);
}

static inline void footer_case_set(struct footer_case *c, const char *name, struct span value)
{
	for (size_t i = 0; i < c->final_count; i++)
		if (span_eq_nocase(c->final[i].name, span_cstr(name))) {
			c->final[i].value = value;
			return;
		}
	c->final[c->final_count++] = (struct header){ .name = span_cstr(name), .value = value };
}

static inline enum err footer_case_look(
    struct footer_case *c, const struct footer_facts *facts, struct rewrite_limits limits)
{
	const struct rewrite_options options = {
		.limits = limits, .html = true, .convert = true
	};
	enum err e;

	c->arena = arena_new(256u << 20);
	if (c->arena == NULL)
		return ERR_NOMEM;
	e = rewrite_scan(c->headers, c->header_count, c->body, &options, &c->r);
	if (e == ERR_OK)
		e = footer_look(c->arena, c->r, facts, &c->footer);
	return e;
}

static inline enum err footer_case_add(
    struct footer_case *c, const struct footer_facts *facts, unsigned items)
{
	enum err e = footer_add(c->r, facts, items, &c->footer);

	if (e == ERR_OK)
		e = rewrite_apply(c->r, &c->out, &c->outcome);
	if (e != ERR_OK)
		return e;
	footer_settle(&c->footer, c->r);
	memcpy(c->final, c->headers, c->header_count * sizeof *c->headers);
	c->final_count = c->header_count;
	if (c->outcome.root_quoted)
		footer_case_set(c, "Content-Transfer-Encoding", SPAN(" quoted-printable"));
	if (c->outcome.root_type.n > 0)
		footer_case_set(c, "Content-Type", c->outcome.root_type);
	if (c->outcome.root_quoted || c->outcome.root_type.n > 0)
		footer_case_set(c, "MIME-Version", SPAN(" 1.0"));
	c->final_body = c->outcome.changed ? buf_span(&c->out) : c->body;
	return ERR_OK;
}

#endif
