/* rewrite - the parts of a message, their text and links, and what shall be changed in them.
 * Decides nothing; carrying out is rewrite_apply.c. */
#include <stdlib.h>

#include "html_token.h"
#include "rewrite_state.h"
#include "text_links.h"
#include "transfer.h"

#define MEMORY_EXTRA   (32u << 20) /* octets, besides twice the body */
#define FLOWED_LINE    78          /* octets without CRLF, RFC 3676 section 4.2 */
#define RELABEL_OCTETS 40          /* more than naming another charset adds to a line */

void rewrite_skip(struct rewrite *r, struct rewrite_part *part, enum mime_skip skip)
{
	part->mime.skip = skip;
	r->skipped[skip]++;
}

/* What contradicts the charset that a part claims: an escape sequence or a byte order mark of
 * another one, a NUL. */
static bool is_contradiction(struct span text)
{
	return memchr(text.p, '\033', text.n) != NULL || memchr(text.p, '\0', text.n) != NULL ||
	       span_starts(text, SPAN("\xff\xfe")) || span_starts(text, SPAN("\xfe\xff"));
}

/* From octets to text. */
static enum mime_skip read_text(
    struct rewrite_state *s, struct rewrite_part *part, struct rewrite_edits *edits)
{
	enum err r;

	edits->charset = charset_kind(part->mime.charset);
	switch (edits->charset) {
	case CHARSET_UNKNOWN: return MIME_UNKNOWN_CHARSET;
	case CHARSET_CONVERT:
		r = charset_decode(s->arena, part->mime.charset, edits->decoded, &part->text);
		if (r != ERR_OK)
			return r == ERR_NOMEM      ? MIME_OVER_MEMORY
			       : r == ERR_NOTFOUND ? MIME_UNKNOWN_CHARSET
						   : MIME_BAD_CHARSET;
		break;
	case CHARSET_ASCII:
	case CHARSET_UTF8:
	case CHARSET_SAFE:
		part->text = edits->decoded;
		if (is_contradiction(part->text))
			return MIME_UNKNOWN_CHARSET;
		break;
	}
	if (memmem(part->text.p, part->text.n, "-----BEGIN PGP", 14) != NULL)
		return MIME_ARMOUR;
	return MIME_EDITABLE;
}

static enum mime_skip decode_part(
    struct rewrite_state *s, struct rewrite_part *part, struct rewrite_edits *edits)
{
	struct span content =
	    span_make(s->body.p + part->mime.content, part->mime.end - part->mime.content);
	enum err r;

	part->text = edits->decoded = SPAN("");
	if (content.n > s->options.limits.part_max)
		return MIME_PART_TOO_BIG;
	if (content.n > s->options.limits.octets_max - s->octets)
		return MIME_OVER_BUDGET;
	s->octets += content.n;
	r = transfer_decode(s->arena, part->mime.encoding, content, &edits->decoded);
	if (r != ERR_OK)
		return r == ERR_NOMEM ? MIME_OVER_MEMORY : MIME_BAD_ENCODING;
	return read_text(s, part, edits);
}

static struct rewrite_link *add_link(struct rewrite *r)
{
	struct rewrite_state *s = r->state;
	size_t room = s->link_room == 0 ? 32 : s->link_room * 2;
	struct rewrite_link *bigger;

	if (r->link_count == s->link_room) {
		bigger = arena_array(s->arena, room, sizeof *bigger);
		if (bigger == NULL)
			return NULL;
		if (r->link_count > 0)
			memcpy(bigger, r->links, r->link_count * sizeof *bigger);
		r->links = bigger;
		s->link_room = room;
	}
	return &r->links[r->link_count++];
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

static bool is_plain(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] >= 0x7f || s.p[i] == '&')
			return false;
	return true;
}

/* The URL of an attribute's value: the value itself where nothing has to be done to it. False:
 * there is no sure reading, or it is too long. *memory_r: out of memory. */
static bool read_url(struct rewrite_state *s, enum charset_kind charset, struct span raw,
    struct span *url_r, bool *memory_r)
{
	struct buf scratch = BUF_INIT(s->options.limits.url_max);
	bool good = false, ascii;
	char *copy;

	*memory_r = false;
	if (is_plain(raw)) {
		*url_r = raw;
		return raw.n <= s->options.limits.url_max;
	}
	if (!html_url(raw, &scratch))
		goto out;
	ascii = is_ascii(buf_span(&scratch));
	/* What browsers make of other octets depends on the document's charset. */
	if (!ascii && (charset == CHARSET_SAFE || !span_is_utf8(buf_span(&scratch))))
		goto out;
	if (charset == CHARSET_ASCII && !is_ascii(raw))
		goto out;
	copy = arena_dup(s->arena, buf_span(&scratch));
	*memory_r = copy == NULL;
	*url_r = span_make(copy, scratch.n);
	good = copy != NULL;
out:
	buf_free(&scratch);
	return good;
}

static enum mime_skip find_html_links(struct rewrite *r, size_t index)
{
	struct rewrite_state *s = r->state;
	struct rewrite_part *part = &r->parts[index];
	const struct html_limits limits = { s->options.limits.links_max - r->link_count,
		s->options.limits.attributes_max };
	struct html_links found;
	enum err e = html_scan(s->arena, part->text, &limits, &found);

	if (e != ERR_OK)
		return e == ERR_TOOBIG  ? MIME_TOO_MANY_LINKS
		       : e == ERR_RANGE ? MIME_TOO_MANY_ATTRIBUTES
					: MIME_OVER_MEMORY;
	part->body_end = found.body_end;
	part->body_end_usable = found.body_end_usable;
	part->stopped = found.stopped;
	for (size_t i = 0; s->options.html && i < found.count; i++) {
		const struct html_link *at = &found.at[i];
		const char *text = part->text.p;
		struct rewrite_link *link;
		struct span url;
		bool memory;

		if (!read_url(s, s->edits[index].charset,
			span_make(text + at->value, at->value_end - at->value), &url,
			&memory)) {
			if (memory)
				return MIME_OVER_MEMORY;
			r->links_left_out++;
			continue;
		}
		link = add_link(r);
		if (link == NULL)
			return MIME_OVER_MEMORY;
		*link = (struct rewrite_link){ .kind = REWRITE_HTML,
			.part = (unsigned)index,
			.url = url,
			.tag = span_make(text + at->tag, at->tag_end - at->tag),
			.anchor = span_make(text + at->text, at->text_end - at->text),
			.start = at->value,
			.end = at->value_end };
	}
	return MIME_EDITABLE;
}

static enum mime_skip find_text_links(struct rewrite *r, size_t index)
{
	struct rewrite_state *s = r->state;
	struct rewrite_part *part = &r->parts[index];
	size_t most = s->options.text ? s->options.limits.links_max - r->link_count : SIZE_MAX;
	struct text_links found;
	enum err e = text_links_find(
	    s->arena, part->text, part->mime.flowed, part->mime.delsp, most, &found);

	if (e != ERR_OK)
		return e == ERR_TOOBIG ? MIME_TOO_MANY_LINKS : MIME_OVER_MEMORY;
	part->body_end = found.append;
	part->body_end_usable = true;
	for (size_t i = 0; s->options.text && i < found.count; i++) {
		struct buf url = BUF_INIT(s->options.limits.url_max);
		struct rewrite_link *link;
		char *copy;

		text_links_url(span_make(part->text.p + found.at[i].start,
				   found.at[i].end - found.at[i].start),
		    &url);
		if (!buf_ok(&url)) {
			r->links_left_out++;
			buf_free(&url);
			continue;
		}
		copy = arena_dup(s->arena, buf_span(&url));
		link = copy != NULL ? add_link(r) : NULL;
		if (link != NULL)
			*link = (struct rewrite_link){ .kind = REWRITE_TEXT,
				.part = (unsigned)index,
				.url = span_make(copy, url.n),
				.start = found.at[i].start,
				.end = found.at[i].end };
		buf_free(&url);
		if (link == NULL)
			return MIME_OVER_MEMORY;
	}
	return MIME_EDITABLE;
}

/* A part without content whose delimiter has no other line end than that of the part's header: what
 * would be put in comes to stand in front of the dashes. */
static bool has_no_place(const struct rewrite *r, const struct mime_part *mime)
{
	return mime->parent >= 0 && mime->content == mime->end &&
	       span_starts(span_from(r->state->body, mime->end), SPAN("--"));
}

static void scan_part(struct rewrite *r, size_t index)
{
	struct rewrite_part *part = &r->parts[index];
	struct rewrite_edits *edits = &r->state->edits[index];
	size_t before = r->link_count, left_out = r->links_left_out;
	enum mime_skip skip = part->mime.skip;
	enum mime_skip above =
	    part->mime.parent >= 0 ? r->parts[part->mime.parent].mime.skip : MIME_EDITABLE;

	edits->patches.arena = r->state->arena;
	part->link_first = before;
	part->text = SPAN("");
	/* A subtree is counted once. */
	if (skip != MIME_EDITABLE && above == MIME_EDITABLE && skip != MIME_OTHER_TYPE)
		r->skipped[skip]++;
	if (skip != MIME_EDITABLE || span_starts(part->mime.type, SPAN("multipart/")))
		return;
	part->kind = span_eq(part->mime.type, SPAN("text/html")) ? REWRITE_HTML : REWRITE_TEXT;
	skip = decode_part(r->state, part, edits);
	if (skip == MIME_EDITABLE)
		skip = part->kind == REWRITE_HTML ? find_html_links(r, index)
						  : find_text_links(r, index);
	part->link_count = r->link_count - before;
	if (has_no_place(r, &part->mime))
		part->body_end_usable = false;
	if (skip == MIME_EDITABLE)
		return;
	rewrite_skip(r, part, skip);
	r->link_count = before;
	r->links_left_out = left_out;
	part->link_count = 0;
	part->text = SPAN("");
}

enum err rewrite_scan(const struct header *headers, size_t header_count, struct span body,
    const struct rewrite_options *options, struct rewrite **r_r)
{
	struct rewrite *r = calloc(1, sizeof *r);
	struct rewrite_state *s = calloc(1, sizeof *s);
	struct mime_part *parts;
	size_t memory = options->limits.memory_max;
	enum err e = ERR_NOMEM;

	*r_r = NULL;
	if (r == NULL || s == NULL)
		goto fail;
	if (memory == 0)
		memory = 2 * body.n + MEMORY_EXTRA;
	r->state = s;
	s->body = body;
	s->options = *options;
	s->arena = arena_new(memory);
	if (s->arena == NULL)
		goto fail;
	e = mime_scan(s->arena, headers, header_count, body, &parts, &r->part_count);
	if (e != ERR_OK)
		goto fail;
	e = ERR_NOMEM;
	r->parts = calloc(r->part_count, sizeof *r->parts);
	s->edits = calloc(r->part_count, sizeof *s->edits);
	if (r->parts == NULL || s->edits == NULL)
		goto fail;
	for (size_t i = 0; i < r->part_count; i++) {
		r->parts[i].mime = parts[i];
		scan_part(r, i);
	}
	*r_r = r;
	return ERR_OK;
fail:
	if (r != NULL && r->state != NULL)
		s = NULL;
	free(s);
	rewrite_free(&r);
	return e;
}

void rewrite_free(struct rewrite **r)
{
	if (*r == NULL)
		return;
	if ((*r)->state != NULL) {
		arena_free(&(*r)->state->arena);
		free((*r)->state->edits);
	}
	free((*r)->state);
	free((*r)->parts);
	free(*r);
	*r = NULL;
}

/* ---- edits ---- */

static enum err add_patch(
    struct rewrite *r, size_t part, size_t offset, size_t length, struct span text)
{
	char *copy = arena_dup(r->state->arena, text);

	if (copy == NULL)
		return ERR_NOMEM;
	return patch_add(
	    &r->state->edits[part].patches, offset, length, span_make(copy, text.n));
}

static bool has_insertion(const struct rewrite *r, size_t part, size_t offset)
{
	const struct patch_list *list = &r->state->edits[part].patches;

	for (size_t i = list->count; i > 0; i--)
		if (list->at[i - 1].offset == offset && list->at[i - 1].length == 0)
			return true;
	return false;
}

/* In format=flowed text a line that becomes longer than 78 is broken before and behind the URL, so
 * that it flows as before (RFC 3676 section 4.2). */
static enum err flow(struct rewrite *r, const struct rewrite_link *link, size_t length)
{
	const struct rewrite_part *part = &r->parts[link->part];
	const struct span soft = part->mime.delsp ? SPAN(" \r\n") : SPAN("\r\n");
	struct span text = part->text;
	/* Looks no further than it takes to see that the line is too long. */
	size_t from = link->start > FLOWED_LINE ? link->start - FLOWED_LINE - 1 : 0;
	const char *end = memrchr(text.p + from, '\n', link->start - from);
	size_t line = end != NULL ? (size_t)(end - text.p) + 1 : from;
	size_t last = span_find(span_head(text, link->end + FLOWED_LINE), '\r', link->end);
	size_t after = link->end + 1;
	enum err e = ERR_OK;

	if (link->start - line + length + last - link->end <= FLOWED_LINE)
		return ERR_OK;
	if (link->start > line + 1 && text.p[link->start - 1] == ' ' &&
	    !has_insertion(r, link->part, link->start))
		e = add_patch(r, link->part, link->start, 0, soft);
	/* What would begin the new line must not look like a quote, stuffing or a mailbox, nor
	 * like the rest of a URL that a '<' in front of it began. */
	if (e == ERR_OK && after < last && text.p[link->end] == ' ' &&
	    (link->start == 0 || text.p[link->start - 1] != '<') &&
	    strchr(" >F-", text.p[after]) == NULL && !has_insertion(r, link->part, after))
		e = add_patch(r, link->part, after, 0, soft);
	return e;
}

enum err rewrite_replace(struct rewrite *r, size_t index, struct span url)
{
	struct rewrite_link *link = &r->links[index];
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	enum err e = ERR_OK;

	if (link->replaced)
		return ERR_EXISTS;
	if (url.n == 0)
		return ERR_SYNTAX;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] >= 0x7f)
			return ERR_SYNTAX;
	if (link->kind == REWRITE_HTML)
		html_escape_url(url, &text);
	else
		buf_add_span(&text, url);
	if (link->kind == REWRITE_TEXT && r->parts[link->part].mime.flowed)
		e = flow(r, link, url.n);
	if (e == ERR_OK)
		e = buf_ok(&text) ? add_patch(r, link->part, link->start,
					link->end - link->start, buf_span(&text))
				  : ERR_NOMEM;
	if (e == ERR_OK)
		link->replaced = true;
	buf_free(&text);
	return e;
}

enum err rewrite_remove_attr(struct rewrite *r, size_t index, const struct html_attr *attr)
{
	const struct rewrite_link *link = &r->links[index];
	size_t start = attr->start, tag;

	if (link->kind != REWRITE_HTML || attr->start > attr->name || attr->name >= attr->end ||
	    attr->end >= link->tag.n)
		return ERR_RANGE;
	/* The blank before it must stay where nothing else would part its neighbours. */
	if (link->tag.p[attr->end] != '>' && !html_is_blank(link->tag.p[attr->end]))
		start = attr->name;
	tag = (size_t)(link->tag.p - r->parts[link->part].text.p);
	return add_patch(r, link->part, tag + start, attr->end - start, SPAN(""));
}

/* UTF-8 as ASCII markup. */
static void add_markup(struct buf *out, struct span utf8)
{
	for (size_t at = 0; at < utf8.n;) {
		unsigned char lead = (unsigned char)utf8.p[at++];
		unsigned code = lead;
		int more = lead < 0x80 ? 0 : lead < 0xe0 ? 1 : lead < 0xf0 ? 2 : 3;

		if (more == 0) {
			buf_add_char(out, (char)lead);
			continue;
		}
		for (code = lead & (0x3fu >> more); more > 0; more--)
			code = code << 6 | ((unsigned char)utf8.p[at++] & 0x3f);
		buf_printf(out, "&#%u;", code);
	}
}

/* CRLF line ends only. */
static bool has_good_lines(struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '\0' || s.p[i] == '\n')
			return false;
		if (s.p[i] == '\r' && (++i == s.n || s.p[i] != '\n'))
			return false;
	}
	return true;
}

enum err rewrite_insert(struct rewrite *r, size_t index, size_t offset, struct span utf8)
{
	struct rewrite_part *part = &r->parts[index];
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct span converted = utf8;
	bool ascii = is_ascii(utf8);
	enum err e = ERR_OK;

	if (part->mime.skip != MIME_EDITABLE ||
	    span_starts(part->mime.type, SPAN("multipart/")))
		return ERR_ORDER;
	if (!span_is_utf8(utf8) || !has_good_lines(utf8))
		return ERR_SYNTAX;
	if (offset > part->text.n || has_no_place(r, &part->mime) ||
	    (offset > 0 && offset < part->text.n && part->text.p[offset - 1] == '\r'))
		return ERR_RANGE;
	if (!ascii && part->kind == REWRITE_HTML) {
		add_markup(&text, utf8);
		converted = buf_span(&text);
	} else if (!ascii && (r->state->edits[index].charset == CHARSET_SAFE ||
				 r->state->edits[index].charset == CHARSET_ASCII)) {
		e = charset_encode(
		    r->state->arena, part->mime.charset, SPAN(""), utf8, &converted);
		if (e == ERR_SYNTAX)
			e = ERR_NOTFOUND;
	} else if (!ascii && r->state->edits[index].charset == CHARSET_CONVERT) {
		/* The whole text is converted in the end: this tells whether it can be. */
		struct span ignored;

		e = charset_encode(r->state->arena, part->mime.charset,
		    r->state->edits[index].decoded, utf8, &ignored);
		if (e == ERR_SYNTAX)
			e = ERR_NOTFOUND;
	}
	if (e == ERR_OK && !buf_ok(&text))
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = add_patch(r, index, offset, 0, converted);
	buf_free(&text);
	return e;
}

enum err rewrite_relabel(struct rewrite *r, size_t index)
{
	struct rewrite_part *part = &r->parts[index];
	struct rewrite_edits *edits = &r->state->edits[index];
	struct span meant = edits->decoded;
	enum err e = ERR_OK;

	if (part->mime.skip != MIME_EDITABLE || part->kind != REWRITE_TEXT ||
	    span_starts(part->mime.type, SPAN("multipart/")))
		return ERR_ORDER;
	for (size_t i = 0; i < edits->patches.count; i++)
		if (!is_ascii(edits->patches.at[i].text))
			return ERR_ORDER;
	if (!is_ascii(edits->decoded) ||
	    (part->mime.charset.n > 0 && part->mime.charset_end == 0) ||
	    part->mime.type_value.n > r->state->options.limits.line_max - RELABEL_OCTETS)
		return ERR_RANGE;
	/* ASCII octets are other characters in some, such as the yen sign of Shift_JIS. */
	if (edits->charset == CHARSET_CONVERT)
		meant = part->text;
	else if (edits->charset == CHARSET_SAFE)
		e = charset_decode(r->state->arena, part->mime.charset, edits->decoded, &meant);
	if (e == ERR_NOMEM)
		return e;
	if (e != ERR_OK || !span_eq(meant, edits->decoded))
		return ERR_RANGE;
	edits->charset = CHARSET_UTF8;
	edits->relabelled = true;
	return ERR_OK;
}
