/* fuzz_text_links - any bytes as plain text. Input: an octet (1: flowed, 2: DelSp), the text.
 * Oracles: links lie in order, before the place to append at, and read as "http" with a dotted host
 * and no blank; the octets around them do not belong to them; other URLs put in are found again at
 * their places, with all else as it was, and a second time nothing is left to do. */
#include <stdlib.h>

#include "text_links.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

#define TARGET    "https://t.example/c/AbC-_9"
#define LINKS_MAX 100

static void check_links(struct span text, const struct text_links *links)
{
	struct buf url = BUF_INIT(1 << 20);
	size_t from = 0;

	MUST(links->append <= text.n && links->count <= LINKS_MAX);
	for (size_t i = 0; i < links->count; i++) {
		const struct text_link *l = &links->at[i];

		MUST(l->start >= from && l->start < l->end && l->end <= links->append);
		MUST(l->start == 0 || (!ascii_alpha(text.p[l->start - 1]) &&
					  !ascii_digit(text.p[l->start - 1])));
		buf_reset(&url);
		text_links_url(span_make(text.p + l->start, l->end - l->start), &url);
		MUST(buf_ok(&url) && url.n >= sizeof "http://a.b" - 1);
		MUST(span_eq_nocase(span_head(buf_span(&url), 4), SPAN("http")));
		MUST(span_find(buf_span(&url), '.', 0) < url.n);
		for (size_t k = 0; k < url.n; k++)
			MUST(url.p[k] > ' ' && url.p[k] < 0x7f && url.p[k] != '<' &&
			     url.p[k] != '>' && url.p[k] != '"');
		from = l->end;
	}
	buf_free(&url);
}

static void patch(struct span text, const struct text_links *links, struct buf *out)
{
	size_t at = 0;

	for (size_t i = 0; i < links->count; i++) {
		buf_add(out, text.p + at, links->at[i].start - at);
		buf_add_cstr(out, TARGET);
		at = links->at[i].end;
	}
	buf_add_span(out, span_from(text, at));
	MUST(buf_ok(out));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf once = BUF_INIT(1 << 22), twice = BUF_INIT(1 << 22), url = BUF_INIT(100);
	struct arena *arena = arena_new(1 << 24);
	struct text_links links, again;
	struct span text;
	enum err r;

	if (arena == NULL || size < 1 || size > 1 << 16)
		goto out;
	text = span_make((const char *)data + 1, size - 1);
	r = text_links_find(arena, text, data[0] & 1, data[0] & 2, LINKS_MAX, &links);
	MUST(r == ERR_OK || r == ERR_TOOBIG);
	if (r == ERR_TOOBIG)
		goto out;
	check_links(text, &links);
	patch(text, &links, &once);
	r = text_links_find(
	    arena, buf_span(&once), data[0] & 1, data[0] & 2, LINKS_MAX, &again);
	MUST(r == ERR_OK && again.count == links.count);
	check_links(buf_span(&once), &again);
	MUST(text.n - links.append == once.n - again.append);
	for (size_t i = 0; i < again.count; i++) {
		buf_reset(&url);
		text_links_url(
		    span_make(once.p + again.at[i].start, again.at[i].end - again.at[i].start),
		    &url);
		MUST(span_eq(buf_span(&url), SPAN(TARGET)));
	}
	patch(buf_span(&once), &again, &twice);
	MUST(span_eq(buf_span(&once), buf_span(&twice)));
out:
	buf_free(&url);
	buf_free(&once);
	buf_free(&twice);
	arena_free(&arena);
	return 0;
}
