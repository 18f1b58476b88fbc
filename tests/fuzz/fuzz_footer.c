/* fuzz_footer - any bytes as a message that gets a footer. Input: an octet of what shall be there, the
 * message. Oracles: the new message has the same parts; a text is the old one with one stretch put in
 * where footer_look said; what gets nothing is the same octets; what was added is found by a second
 * pass, which changes nothing. */
#include <stdlib.h>

#include "footer_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static struct mail_split mail; /* large */
static struct footer_case first, second;

static void run(struct footer_case *c, const struct footer_facts *facts, unsigned items)
{
	const struct rewrite_limits limits = REWRITE_LIMITS_DEFAULT;

	c->out.max = 1 << 24;
	MUST(footer_case_look(c, facts, limits) == ERR_OK);
	MUST(footer_case_add(c, facts, items) == ERR_OK);
}

static const struct footer_part *find_part(const struct footer_case *c, size_t index)
{
	for (size_t i = 0; i < c->footer.count; i++)
		if (c->footer.at[i].part == index)
			return &c->footer.at[i];
	return NULL;
}

static struct span content(const struct footer_case *c, size_t index)
{
	const struct mime_part *p = &c->r->parts[index].mime;

	return span_make(c->body.p + p->content, p->end - p->content);
}

/* One part of the message before and after. */
static void check_part(size_t index)
{
	const struct rewrite_part *a = &first.r->parts[index], *b = &second.r->parts[index];
	const struct footer_part *part = find_part(&first, index);
	size_t put = b->text.n - a->text.n;

	MUST(a->mime.parent == b->mime.parent && span_eq(a->mime.type, b->mime.type));
	if (a->mime.boundary.p != NULL)
		return;
	if (part == NULL || part->added == 0) {
		MUST(!a->edited && span_eq(content(&first, index), content(&second, index)));
		return;
	}
	MUST(a->edited && b->text.n > a->text.n && a->mime.skip == MIME_EDITABLE);
	MUST(span_eq(span_head(a->text, part->place), span_head(b->text, part->place)));
	MUST(span_eq(span_from(a->text, part->place), span_from(b->text, part->place + put)));
}

static void check_again(void)
{
	MUST(!second.outcome.changed && first.footer.count == second.footer.count);
	for (size_t i = 0; i < first.footer.count; i++) {
		const struct footer_part *a = &first.footer.at[i], *b = &second.footer.at[i];

		MUST(a->part == b->part && (b->found & a->added) == a->added);
		MUST((a->closed == NULL) == (b->closed == NULL) || a->added == 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct footer_facts facts;
	struct phrases *texts;
	unsigned items;

	if (size == 0 || size > 1 << 16)
		return 0;
	items = data[0] & FOOTER_CASE_ALL;
	texts = footer_case_facts(&facts);
	MUST(texts != NULL);
	MUST(mail_split(span_make((const char *)data + 1, size - 1), true, &mail));
	first.headers = mail.headers;
	first.header_count = mail.header_count;
	first.body = mail.body;
	run(&first, &facts, items);
	second.headers = first.final;
	second.header_count = first.final_count;
	second.body = first.final_body;
	run(&second, &facts, items);
	MUST(first.r->part_count == second.r->part_count);
	for (size_t i = 0; i < first.r->part_count; i++)
		check_part(i);
	check_again();
	footer_case_close(&first);
	footer_case_close(&second);
	phrases_free(&texts);
	mail_split_free(&mail);
	return 0;
}
