/* rewrite_apply - carries edits of text through charset and transfer encoding into the body. A part
 * that does not come out right stays as it was. */
#include "rewrite_state.h"
#include "transfer.h"

static const char quoted_printable[] = "quoted-printable";

struct applier {
	struct rewrite *r;
	struct patch_list body; /* edits of the body */
	bool root_quoted;
	struct span root_type;
};

static enum mime_skip skip_of(enum err e, enum mime_skip otherwise)
{
	return e == ERR_OK ? MIME_EDITABLE : e == ERR_NOMEM ? MIME_OVER_MEMORY : otherwise;
}

/* Text was converted: the edits are made in UTF-8 and the whole goes back. What came of it differs
 * from the old octets in one range, which becomes the only edit. */
static enum mime_skip convert_back(
    struct applier *a, struct rewrite_part *part, struct rewrite_edits *edits)
{
	struct arena *arena = a->r->state->arena;
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct span old = edits->decoded, new = SPAN(""), again = SPAN("");
	struct patch_list only = PATCH_LIST_INIT(arena);
	size_t head = 0, tail = 0;
	enum err e;

	e = patch_apply(&edits->patches, part->text, &text);
	if (e == ERR_OK)
		e = charset_encode(arena, part->mime.charset, old, buf_span(&text), &new);
	if (e == ERR_OK)
		e = charset_decode(arena, part->mime.charset, new, &again);
	if (e == ERR_OK && !span_eq(again, buf_span(&text)))
		e = ERR_SYNTAX;
	buf_free(&text);
	if (e != ERR_OK)
		return skip_of(e, MIME_UNENCODABLE);
	while (head < old.n && head < new.n &&old.p[head] == new.p[head])
		head++;
	while (head > 0 && old.p[head - 1] == '\r')
		head--;
	while (tail < old.n - head &&
	       tail < new.n - head &&old.p[old.n - 1 - tail] == new.p[new.n - 1 - tail])
		tail++;
	while (tail > 0 && old.p[old.n - tail] == '\n')
		tail--;
	e = patch_add(
	    &only, head, old.n - head - tail, span_make(new.p + head, new.n - head - tail));
	edits->patches = only;
	return skip_of(e, MIME_UNENCODABLE);
}

/* Measures text that comes in pieces. */
struct lines {
	size_t column, longest; /* octets without CRLF */
};

static void count_lines(struct lines *lines, struct span piece)
{
	size_t at = 0;

	for (;;) {
		size_t end = span_find(piece, '\n', at);
		size_t octets = end - at;

		/* Only CRLF occurs, so that a piece may begin or end between the two. */
		if (end < piece.n && octets > 0)
			octets--;
		lines->column += octets;
		if (lines->column > lines->longest)
			lines->longest = lines->column;
		if (end == piece.n)
			return;
		lines->column = 0;
		at = end + 1;
	}
}

/* Of text with its edits made; patches may be NULL. */
static size_t longest_line(struct span text, const struct patch_list *patches)
{
	struct lines lines = { 0 };
	size_t at = 0;

	for (size_t i = 0; patches != NULL && i < patches->count; i++) {
		const struct patch *p = &patches->at[i];

		count_lines(&lines, span_make(text.p + at, p->offset - at));
		count_lines(&lines, p->text);
		at = p->offset + p->length;
	}
	count_lines(&lines, span_from(text, at));
	return lines.longest;
}

static bool has_eight_bits(const struct patch_list *patches)
{
	for (size_t i = 0; i < patches->count; i++)
		for (size_t k = 0; k < patches->at[i].text.n; k++)
			if ((unsigned char)patches->at[i].text.p[k] >= 0x80)
				return true;
	return false;
}

/* Octets that no text on its way may hold as they are, as UTF-16 has them: NUL, and a CR or LF that
 * is not part of a line end. */
static bool has_bare_octets(const struct patch_list *patches)
{
	for (size_t i = 0; i < patches->count; i++) {
		struct span text = patches->at[i].text;

		for (size_t k = 0; k < text.n; k++) {
			bool line_end =
			    text.p[k] == '\r' && k + 1 < text.n && text.p[k + 1] == '\n';

			if (line_end)
				k++;
			else if (text.p[k] == '\0' || text.p[k] == '\r' || text.p[k] == '\n')
				return true;
		}
	}
	return false;
}

/* Is there a delimiter, or its beginning, at an octet of a patch's text, with what follows it? */
static bool begins_delimiter(
    struct span boundary, struct span text, size_t at, const struct patch *patch)
{
	const struct span dashes = SPAN("--");
	size_t behind = patch->offset + patch->length;

	for (size_t i = 0; i < dashes.n + boundary.n; i++) {
		char want = i < dashes.n ? dashes.p[i] : boundary.p[i - dashes.n];
		size_t from = at + i;

		if (from < patch->text.n ? patch->text.p[from] != want
					 : behind + from - patch->text.n >= text.n ||
					       text.p[behind + from - patch->text.n] != want)
			return false;
	}
	return true;
}

/* Would an edit make a line that ends the part? */
static bool makes_delimiter(const struct applier *a, const struct mime_part *mime,
    struct span text, const struct patch_list *patches)
{
	for (int parent = mime->parent; parent >= 0; parent = a->r->parts[parent].mime.parent) {
		struct span boundary = a->r->parts[parent].mime.boundary;

		for (size_t i = 0; i < patches->count; i++) {
			const struct patch *p = &patches->at[i];

			if ((p->offset == 0 || text.p[p->offset - 1] == '\n') &&
			    begins_delimiter(boundary, text, 0, p))
				return true;
			for (size_t at = span_find(p->text, '\n', 0); at < p->text.n;
			     at = span_find(p->text, '\n', at + 1))
				if (begins_delimiter(boundary, text, at + 1, p))
					return true;
		}
	}
	return false;
}

/* The whole part becomes quoted-printable, and its header says so. */
static enum mime_skip quote_part(
    struct applier *a, const struct rewrite_part *part, const struct rewrite_edits *edits)
{
	static const char field[] = "Content-Transfer-Encoding: quoted-printable\r\n";
	const struct mime_part *mime = &part->mime;
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct span quoted;
	enum err e;

	e = patch_apply(&edits->patches, edits->decoded, &text);
	if (e == ERR_OK)
		e = transfer_quote(a->r->state->arena, buf_span(&text), &quoted);
	if (e != ERR_OK)
		goto out;
	if (mime->parent < 0) {
		a->root_quoted = true;
	} else if (mime->encoding_value_end > 0) {
		e = patch_add(&a->body, mime->encoding_value,
		    mime->encoding_value_end - mime->encoding_value,
		    span_cstr(quoted_printable));
	} else {
		/* In front of the empty line. */
		e = patch_add(&a->body, mime->content - 2, 0, span_cstr(field));
	}
	if (e == ERR_OK)
		e = patch_add(&a->body, mime->content, mime->end - mime->content, quoted);
out:
	buf_free(&text);
	return skip_of(e, MIME_OVER_MEMORY);
}

/* The part's header says UTF-8: where it says another charset, behind its type, or in a field of
 * its own. */
static enum mime_skip relabel_part(struct applier *a, const struct mime_part *mime)
{
	static const char name[] = "utf-8", parameter[] = "; charset=utf-8",
			  field[] = "Content-Type: text/plain; charset=utf-8\r\n";
	const struct span old = mime->type_value;
	bool none = old.p == NULL, says = mime->charset_end > 0;
	size_t end = none ? 0 : (size_t)(span_trim(old).p - old.p) + span_trim(old).n;
	size_t start = says ? mime->charset_start : end;
	struct span text = says ? span_cstr(name) : span_cstr(parameter);
	struct buf value = BUF_INIT(SIZE_MAX / 2);
	enum err e = ERR_OK;

	if (says)
		end = mime->charset_end;
	else if (end > 0 && old.p[end - 1] == ';')
		text = span_from(text, 1);
	if (mime->parent >= 0 && none)
		/* In front of the empty line. */
		e = patch_add(&a->body, mime->content - 2, 0, span_cstr(field));
	else if (mime->parent >= 0)
		e = patch_add(
		    &a->body, (size_t)(old.p - a->r->state->body.p) + start, end - start, text);
	if (mime->parent >= 0)
		return skip_of(e, MIME_OVER_MEMORY);
	if (none)
		buf_add_cstr(&value, " text/plain");
	else
		buf_add_span(&value, span_head(old, start));
	buf_add_span(&value, text);
	buf_add_span(&value, none ? SPAN("") : span_from(old, end));
	a->root_type = span_make(arena_dup(a->r->state->arena, buf_span(&value)), value.n);
	if (!buf_ok(&value) || a->root_type.p == NULL)
		e = ERR_NOMEM;
	buf_free(&value);
	return skip_of(e, MIME_OVER_MEMORY);
}

static enum mime_skip apply_part(
    struct applier *a, struct rewrite_part *part, struct rewrite_edits *edits)
{
	const struct rewrite_options *options = &a->r->state->options;
	const struct mime_part *mime = &part->mime;
	struct span encoded =
	    span_make(a->r->state->body.p + mime->content, mime->end - mime->content);
	enum mime_skip skip;
	size_t longest;

	if (edits->relabelled) {
		skip = relabel_part(a, mime);
		if (skip != MIME_EDITABLE)
			return skip;
	}
	if (edits->charset == CHARSET_CONVERT) {
		skip = convert_back(a, part, edits);
		if (skip != MIME_EDITABLE)
			return skip;
	}
	if (mime->encoding == MIME_IDENTITY) {
		longest = longest_line(edits->decoded, &edits->patches);
		if ((longest > options->limits.line_max &&
			longest > longest_line(edits->decoded, NULL)) ||
		    (!mime->eight_bit && has_eight_bits(&edits->patches)) ||
		    has_bare_octets(&edits->patches) ||
		    makes_delimiter(a, mime, edits->decoded, &edits->patches))
			return options->convert ? quote_part(a, part, edits) : MIME_LONG_LINE;
	}
	return skip_of(transfer_encode(a->r->state->arena, mime->encoding, encoded,
			   edits->decoded, &edits->patches, mime->content, &a->body),
	    MIME_BAD_ENCODING);
}

static void count_replaced(struct rewrite *r, const struct rewrite_part *part, size_t *count_io)
{
	for (size_t i = 0; i < part->link_count; i++)
		*count_io += r->links[part->link_first + i].replaced;
}

enum err rewrite_apply(struct rewrite *r, struct buf *out, struct rewrite_outcome *outcome_r)
{
	struct applier a = {
		.r = r, .body = PATCH_LIST_INIT(r->state->arena), .root_type = SPAN("")
	};
	enum err e;

	*outcome_r = (struct rewrite_outcome){ .root_type = SPAN("") };
	if (r->state->applied)
		return ERR_ORDER;
	r->state->applied = true;
	for (size_t i = 0; i < r->part_count; i++) {
		struct rewrite_edits *edits = &r->state->edits[i];
		struct rewrite_part *part = &r->parts[i];
		size_t before = a.body.count;
		enum mime_skip skip;

		if (edits->patches.count == 0)
			continue;
		e = patch_sort(&edits->patches, part->text.n);
		if (e != ERR_OK)
			return e;
		skip = apply_part(&a, part, edits);
		if (skip == MIME_EDITABLE) {
			part->edited = true;
			outcome_r->parts_edited++;
			count_replaced(r, part, &outcome_r->links_replaced);
			continue;
		}
		a.body.count = before;
		if (i == 0) {
			a.root_quoted = false;
			a.root_type = SPAN("");
		}
		outcome_r->parts_failed++;
		rewrite_skip(r, part, skip);
	}
	outcome_r->root_quoted = a.root_quoted;
	outcome_r->root_type = a.root_type;
	if (outcome_r->parts_edited == 0)
		return ERR_OK;
	e = patch_sort(&a.body, r->state->body.n);
	if (e == ERR_OK)
		e = patch_apply(&a.body, r->state->body, out);
	outcome_r->changed = e == ERR_OK;
	return e;
}
