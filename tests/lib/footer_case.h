/* footer_case.h - a message to which a footer is added, as the milter would do it: for tests, the
 * driver and the fuzzer. */
#ifndef FOOTER_CASE_H
#define FOOTER_CASE_H

#include "footer.h"
#include "mail_split.h"

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
