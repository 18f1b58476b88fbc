/* fuzz_mime - any bytes as a message whose parts are looked for. Input: an octet (1: each LF becomes
 * CRLF), the message. Oracles: parts lie in order, inside of their parents, with an empty line above
 * and a delimiter or the end of the body below; no delimiter of an open multipart is inside of one
 * that may be edited; what lies in an excluded part is excluded; a second look sees the same. */
#include <stdlib.h>

#include "mail_split.h"
#include "mime.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static struct mail_split mail; /* large */

/* Is the line at an offset a delimiter of a boundary, as RFC 2046 section 5.1.1 has it? */
static bool is_delimiter(struct span body, size_t at, struct span boundary)
{
	struct span line = span_from(body, at);

	line.n = span_find(line, '\n', 0);
	while (line.n > 0 && strchr(" \t\r", line.p[line.n - 1]) != NULL &&
	       line.p[line.n - 1] != '\0')
		line.n--;
	if (!span_starts(line, SPAN("--")) || !span_starts(span_from(line, 2), boundary))
		return false;
	line = span_from(line, 2 + boundary.n);
	return line.n == 0 || span_eq(line, SPAN("--"));
}

/* Nothing inside an editable leaf, or in its header, ends one of the multiparts around it. */
static void check_leaf(struct span body, const struct mime_part *parts, size_t index)
{
	const struct mime_part *part = &parts[index];
	size_t at = part->head;

	while (at < part->end) {
		for (int up = part->parent; up >= 0; up = parts[up].parent)
			MUST(!is_delimiter(body, at, parts[up].boundary));
		at = span_find(body, '\n', at) + 1;
	}
	if (part->parent < 0 || part->end == body.n)
		return;
	/* An empty part has no CRLF of its own: the empty line's belongs to the delimiter. */
	if (part->end > part->content ||
	    span_starts(span_from(body, part->end), SPAN("\r\n"))) {
		MUST(span_starts(span_from(body, part->end), SPAN("\r\n")));
		at = part->end + 2;
	} else {
		at = part->end;
	}
	for (int up = part->parent; up >= 0; up = parts[up].parent)
		if (is_delimiter(body, at, parts[up].boundary))
			return;
	MUST(!"a delimiter below");
}

static void check_part(struct span body, const struct mime_part *parts, size_t index)
{
	const struct mime_part *part = &parts[index], *up;

	MUST(part->head <= part->content && part->content <= part->end && part->end <= body.n);
	MUST(part->type.p != NULL && part->charset.p != NULL);
	MUST(mime_skip_text(part->skip) != NULL && part->skip < MIME_SKIP_COUNT);
	MUST((part->parent < 0) == (index == 0) && part->parent < (int)index);
	if (index == 0) {
		MUST(part->content == 0 && part->end == body.n && part->depth == 0);
		return;
	}
	up = &parts[part->parent];
	MUST(up->boundary.p != NULL && part->depth == up->depth + 1);
	MUST(part->depth <= MIME_DEPTH_MAX);
	MUST(up->content < part->head);
	/* An empty part ends behind the CRLF of its header, which belongs to the delimiter. */
	MUST(part->end <= up->end || part->end == part->content);
	MUST(up->skip == MIME_EDITABLE || part->skip != MIME_EDITABLE);
	if (part->encoding_value_end > 0)
		MUST(part->encoding_value >= part->head &&
		     part->encoding_value <= part->encoding_value_end &&
		     part->encoding_value_end <= part->content);
	if (part->skip == MIME_EDITABLE)
		MUST(span_eq(span_make(body.p + part->content - 2, 2), SPAN("\r\n")));
}

static void check(const struct mime_part *parts, size_t count)
{
	size_t from = 0;

	MUST(count > 0 && count <= MIME_PARTS_MAX);
	for (size_t i = 0; i < count; i++) {
		const struct mime_part *part = &parts[i];

		check_part(mail.body, parts, i);
		MUST(part->head >= from);
		from = part->content;
		if (part->boundary.p != NULL)
			MUST(part->boundary.n > 0 && part->boundary.n <= MIME_BOUNDARY_MAX);
		else if (part->skip == MIME_EDITABLE)
			check_leaf(mail.body, parts, i);
		if (part->boundary.p == NULL)
			from = part->end;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new(1 << 26), *other = arena_new(1 << 26);
	struct mime_part *parts, *again;
	size_t count, count_again;

	if (size < 1 || size > 1 << 17 || arena == NULL || other == NULL)
		goto out;
	MUST(mail_split(span_make((const char *)data + 1, size - 1), data[0] & 1, &mail));
	MUST(mime_scan(arena, mail.headers, mail.header_count, mail.body, &parts, &count) ==
	     ERR_OK);
	check(parts, count);
	MUST(mime_scan(other, mail.headers, mail.header_count, mail.body, &again,
		 &count_again) == ERR_OK);
	MUST(count == count_again);
	for (size_t i = 0; i < count; i++)
		MUST(parts[i].head == again[i].head && parts[i].end == again[i].end &&
		     parts[i].skip == again[i].skip);
	mail_split_free(&mail);
out:
	arena_free(&arena);
	arena_free(&other);
	return 0;
}
