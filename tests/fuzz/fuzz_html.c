/* fuzz_html - any bytes as HTML. Oracles: links lie in order, each inside of its tag, where walking
 * over the tag's attributes finds the same first href; other URLs put in are found again, with all
 * else as it was, and are what escaping made of them; a link put in at body_end is found there. */
#include <stdlib.h>

#include "html.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

#define TARGET "https://t.example/c/?a=1&lt=2&b='`\"<>#x"
#define ADDED  "<a href='https://t.example/o'>x</a>"

static const struct html_limits limits = { .links_max = 200, .attributes_max = 50 };

static struct span part(struct span text, size_t from, size_t to)
{
	MUST(from <= to && to <= text.n);
	return span_make(text.p + from, to - from);
}

static void check_link(struct span text, const struct html_link *link)
{
	struct span tag = part(text, link->tag, link->tag_end);
	struct html_attr attr;
	size_t at = 0, from = 0;
	bool found = false;

	MUST(tag.n > 2 && tag.p[0] == '<' && tag.p[tag.n - 1] == '>');
	MUST(span_eq_nocase(
	    span_make(tag.p + 1, link->area ? 4 : 1), link->area ? SPAN("area") : SPAN("a")));
	MUST(link->text == link->tag_end && link->text_end <= text.n);
	MUST(!link->area || link->text == link->text_end);
	while (html_next_attr(tag, &at, &attr)) {
		MUST(attr.start >= from && attr.start <= attr.name &&
		     attr.name < attr.name_end && attr.name_end <= attr.value &&
		     attr.value <= attr.value_end && attr.value_end <= attr.end &&
		     attr.end < tag.n);
		from = attr.end;
		if (found || !span_eq_nocase(part(tag, attr.name, attr.name_end), SPAN("href")))
			continue;
		found = true;
		MUST(link->tag + attr.value == link->value &&
		     link->tag + attr.value_end == link->value_end &&
		     attr.quote == link->quote);
	}
	MUST(found);
}

static void check_links(struct span text, const struct html_links *links)
{
	size_t from = 0;

	MUST(links->count <= limits.links_max && links->body_end <= text.n);
	MUST(!links->stopped || !links->body_end_usable);
	for (size_t i = 0; i < links->count; i++) {
		MUST(links->at[i].tag >= from);
		check_link(text, &links->at[i]);
		from = links->at[i].tag_end;
	}
}

/* "href" without a value has no place for one. */
static bool has_value(struct span text, const struct html_link *link)
{
	return link->quote != 0 || link->value < link->value_end ||
	       (link->value > 0 && text.p[link->value - 1] == '=');
}

static void check_patched(struct arena *arena, struct span text, const struct html_links *links)
{
	struct buf out = BUF_INIT(1 << 22), value = BUF_INIT(1024), url = BUF_INIT(1024);
	struct html_links again;
	size_t at = 0, old = 0, new = 0;

	html_escape_url(SPAN(TARGET), &value);
	MUST(html_url(buf_span(&value), &url) && span_eq(buf_span(&url), SPAN(TARGET)));
	for (size_t i = 0; i < links->count; i++) {
		const struct html_link *link = &links->at[i];

		if (!has_value(text, link))
			continue;
		buf_add_span(&out, part(text, at, link->value));
		buf_add_span(&out, buf_span(&value));
		at = link->value_end;
	}
	buf_add_span(&out, span_from(text, at));
	MUST(html_scan(arena, buf_span(&out), &limits, &again) == ERR_OK);
	MUST(again.count == links->count && again.stopped == links->stopped &&
	     again.body_end_usable == links->body_end_usable);
	check_links(buf_span(&out), &again);
	for (size_t i = 0; i < links->count; i++) {
		const struct html_link *a = &links->at[i], *b = &again.at[i];

		MUST(a->quote == b->quote && a->area == b->area);
		MUST(a->tag - old == b->tag - new);
		if (has_value(text, a))
			MUST(span_eq(
			    part(buf_span(&out), b->value, b->value_end), buf_span(&value)));
		old = a->value_end;
		new = b->value_end;
	}
	MUST(links->body_end - old == again.body_end - new || links->body_end < old);
	buf_free(&url);
	buf_free(&value);
	buf_free(&out);
}

static void check_added(struct arena *arena, struct span text, const struct html_links *links)
{
	const struct html_limits more = { limits.links_max + 1, limits.attributes_max };
	struct buf out = BUF_INIT(1 << 22);
	struct html_links again;
	bool found = false;

	buf_add_span(&out, part(text, 0, links->body_end));
	buf_add_cstr(&out, ADDED);
	buf_add_span(&out, span_from(text, links->body_end));
	MUST(html_scan(arena, buf_span(&out), &more, &again) == ERR_OK);
	MUST(again.count == links->count + 1);
	for (size_t i = 0; i < again.count; i++)
		found |= again.at[i].tag == links->body_end;
	MUST(found);
	buf_free(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span text = { (const char *)data, size };
	struct arena *arena = arena_new(1 << 26);
	struct buf out = BUF_INIT(1 << 22);
	struct html_links links;
	enum err r;

	if (arena == NULL || size > 1 << 16)
		goto out;
	r = html_scan(arena, text, &limits, &links);
	MUST(r == ERR_OK || r == ERR_TOOBIG || r == ERR_RANGE);
	if (r == ERR_OK) {
		check_links(text, &links);
		check_patched(arena, text, &links);
		if (links.body_end_usable)
			check_added(arena, text, &links);
	}
	html_plain_text(text, &out);
	MUST(buf_ok(&out));
	buf_reset(&out);
	if (html_url(text, &out))
		for (size_t i = 0; i < out.n; i++)
			MUST((unsigned char)out.p[i] >= ' ' && out.p[i] != 0x7f);
out:
	buf_free(&out);
	arena_free(&arena);
	return 0;
}
