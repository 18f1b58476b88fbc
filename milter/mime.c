/* mime - finds the parts of a message. Looks at each line once; a delimiter line is compared with
 * the boundaries that are open. Knows neither HTML nor what will be edited. */
#include "mime.h"
#include "mime_field.h"

static const struct {
	const char *text;
	bool trouble;
} skips[MIME_SKIP_COUNT] = {
	[MIME_EDITABLE] = { "editable", false },
	[MIME_SIGNED] = { "signed", false },
	[MIME_ENCRYPTED] = { "encrypted", false },
	[MIME_REPORT] = { "a report", false },
	[MIME_MESSAGE] = { "an enclosed message", false },
	[MIME_ATTACHMENT] = { "an attachment", false },
	[MIME_OTHER_TYPE] = { "of another type", false },
	[MIME_ARMOUR] = { "PGP armour", false },
	[MIME_LINE_ENDS] = { "bare CR or LF", true },
	[MIME_BAD_HEADER] = { "malformed header of a part", true },
	[MIME_TWICE] = { "a Content- field given twice", true },
	[MIME_BAD_PARAMETER] = { "malformed Content- field", true },
	[MIME_BAD_BOUNDARY] = { "missing or ambiguous boundary", true },
	[MIME_ENCODED_MULTIPART] = { "a multipart with a transfer encoding", true },
	[MIME_UNKNOWN_ENCODING] = { "unknown transfer encoding", true },
	[MIME_BAD_ENCODING] = { "malformed quoted-printable or base64", true },
	[MIME_UNKNOWN_CHARSET] = { "unknown or contradictory charset", true },
	[MIME_BAD_CHARSET] = { "text not of its charset", true },
	[MIME_UNENCODABLE] = { "text to insert is not in the charset", true },
	[MIME_LONG_LINE] = { "line would be too long", true },
	[MIME_TOO_DEEP] = { "nested too deep", true },
	[MIME_TOO_MANY_PARTS] = { "too many parts", true },
	[MIME_HEADERS_TOO_BIG] = { "header of a part too big", true },
	[MIME_PART_TOO_BIG] = { "part too big", true },
	[MIME_TOO_MANY_LINKS] = { "too many links", true },
	[MIME_TOO_MANY_ATTRIBUTES] = { "too many attributes", true },
	[MIME_OVER_BUDGET] = { "too much text in all", true },
	[MIME_OVER_MEMORY] = { "too much memory needed", true },
};

const char *mime_skip_text(enum mime_skip skip)
{
	if ((unsigned)skip >= ARRAY_SIZE(skips) || skips[skip].text == NULL)
		return "unknown";
	return skips[skip].text;
}

bool mime_skip_is_trouble(enum mime_skip skip)
{
	return (unsigned)skip >= ARRAY_SIZE(skips) || skips[skip].trouble;
}

/* The three fields that matter, of one header. */
struct fields {
	struct span type, disposition, encoding;
	unsigned types, dispositions, encodings;
	enum mime_skip skip;
};

struct level {
	size_t part; /* a multipart whose delimiters are looked for */
	struct span boundary;
	bool begun, closed, digest;
};

struct scanner {
	struct arena *arena;
	struct span body;
	size_t at; /* start of the next line */
	struct mime_part *parts;
	size_t count, room;
	struct level levels[MIME_DEPTH_MAX];
	size_t depth; /* levels in use */
	int leaf;     /* the part whose content is being read, or -1 */
};

static void keep_field(struct fields *f, struct span name, struct span value)
{
	/* Most fields of a message are others. */
	if (name.n < 12 || ascii_lower(name.p[0]) != 'c')
		return;
	if (span_eq_nocase(name, SPAN("Content-Type"))) {
		f->type = value;
		f->types++;
	} else if (span_eq_nocase(name, SPAN("Content-Disposition"))) {
		f->disposition = value;
		f->dispositions++;
	} else if (span_eq_nocase(name, SPAN("Content-Transfer-Encoding"))) {
		f->encoding = value;
		f->encodings++;
	}
}

/* By type alone. */
static enum mime_skip type_skip(struct span type)
{
	static const struct {
		struct span type;
		enum mime_skip skip;
	} known[] = {
		{ SPAN("text/html"), MIME_EDITABLE },
		{ SPAN("text/plain"), MIME_EDITABLE },
		{ SPAN("multipart/signed"), MIME_SIGNED },
		{ SPAN("application/pkcs7-mime"), MIME_SIGNED },
		{ SPAN("application/x-pkcs7-mime"), MIME_SIGNED },
		{ SPAN("multipart/encrypted"), MIME_ENCRYPTED },
		{ SPAN("multipart/report"), MIME_REPORT },
	};

	for (size_t i = 0; i < ARRAY_SIZE(known); i++)
		if (span_eq(type, known[i].type))
			return known[i].skip;
	if (span_starts(type, SPAN("multipart/")))
		return MIME_EDITABLE;
	return span_starts(type, SPAN("message/")) ? MIME_MESSAGE : MIME_OTHER_TYPE;
}

static bool is_boundary(struct span b)
{
	if (b.p == NULL || b.n == 0 || b.n > MIME_BOUNDARY_MAX || b.p[b.n - 1] == ' ')
		return false;
	for (size_t i = 0; i < b.n; i++)
		if (b.p[i] < ' ' || b.p[i] >= 0x7f)
			return false;
	return true;
}

/* What the fields say of a part; a multipart that may be entered becomes a level. */
static void judge_part(struct scanner *s, size_t index, const struct fields *f)
{
	struct mime_part *part = &s->parts[index];
	bool digest = s->depth > 0 && s->levels[s->depth - 1].digest;
	struct mime_type type = { .type = digest ? SPAN("message/rfc822") : SPAN("text/plain"),
		.charset = SPAN("") };
	enum mime_skip skip = f->skip;

	if (skip == MIME_EDITABLE && (f->types > 1 || f->dispositions > 1 || f->encodings > 1))
		skip = MIME_TWICE;
	if (skip == MIME_EDITABLE && f->types > 0)
		skip = mime_read_type(s->arena, f->type, &type);
	part->type = type.type.p != NULL ? type.type : SPAN("");
	part->charset = type.charset.p != NULL ? type.charset : SPAN("");
	if (f->types == 1)
		part->type_value = f->type;
	part->charset_start = type.charset_start;
	part->charset_end = type.charset_end;
	part->flowed = type.flowed;
	part->delsp = type.delsp;
	if (skip == MIME_EDITABLE && f->dispositions > 0)
		skip = mime_read_disposition(f->disposition);
	if (skip == MIME_EDITABLE)
		skip = type_skip(part->type);
	if (skip == MIME_EDITABLE && f->encodings > 0)
		skip = mime_read_encoding(f->encoding, &part->encoding, &part->eight_bit);
	if (f->encodings == 1 && index > 0) {
		struct span value = span_trim(f->encoding);

		part->encoding_value = (size_t)(value.p - s->body.p);
		part->encoding_value_end = part->encoding_value + value.n;
	}
	part->skip = skip;
	if (!span_starts(part->type, SPAN("multipart/")))
		return;
	if (skip == MIME_UNKNOWN_ENCODING || part->encoding != MIME_IDENTITY)
		part->skip = MIME_ENCODED_MULTIPART;
	else if (skip == MIME_EDITABLE && !is_boundary(type.boundary))
		part->skip = MIME_BAD_BOUNDARY;
	else if (skip == MIME_EDITABLE && s->depth == MIME_DEPTH_MAX)
		part->skip = MIME_TOO_DEEP;
	if (part->skip == MIME_EDITABLE) {
		part->boundary = type.boundary;
		s->levels[s->depth++] = (struct level){ .part = index,
			.boundary = type.boundary,
			.digest = span_eq(part->type, SPAN("multipart/digest")) };
		s->leaf = -1;
	}
}

/* A new part at s->at; NULL: out of memory. */
static struct mime_part *add_part(struct scanner *s)
{
	size_t room = s->room == 0 ? 8 : s->room * 2;
	struct mime_part *part, *bigger;

	if (s->count == s->room) {
		bigger = arena_array(s->arena, room, sizeof *bigger);
		if (bigger == NULL)
			return NULL;
		if (s->count > 0)
			memcpy(bigger, s->parts, s->count * sizeof *bigger);
		s->parts = bigger;
		s->room = room;
	}
	part = &s->parts[s->count];
	*part = (struct mime_part){ .head = s->at,
		.content = s->at,
		.end = s->body.n,
		.parent = s->depth > 0 ? (int)s->levels[s->depth - 1].part : -1,
		.depth = (unsigned)s->depth };
	s->leaf = (int)s->count++;
	return part;
}

/* The line at s->at without its CRLF; s->at moves behind it. */
static struct span next_line(struct scanner *s)
{
	size_t end = span_find(s->body, '\n', s->at);
	struct span line = { s->body.p + s->at, end - s->at };

	s->at = end < s->body.n ? end + 1 : end;
	if (end < s->body.n && line.n > 0 && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

static bool only_blanks(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != ' ' && s.p[i] != '\t')
			return false;
	return true;
}

enum delimiter { DELIMITER_NONE, DELIMITER_OPEN, DELIMITER_CLOSE };

/* Which delimiter a line is, if any; *level_r: the number of its level. A line that some would
 * take for a delimiter and others not, or for that of another level, spoils the outermost
 * multipart concerned. */
static enum delimiter find_delimiter(struct scanner *s, struct span line, size_t *level_r)
{
	enum delimiter found = DELIMITER_NONE;

	if (line.n < 3 || line.p[0] != '-' || line.p[1] != '-')
		return DELIMITER_NONE;
	line = span_from(line, 2);
	for (size_t i = s->depth; i > 0; i--) {
		const struct level *level = &s->levels[i - 1];
		struct mime_part *part = &s->parts[level->part];
		enum delimiter kind = DELIMITER_OPEN;
		struct span rest;

		if (!span_starts(line, level->boundary))
			continue;
		rest = span_from(line, level->boundary.n);
		if (span_starts(rest, SPAN("--"))) {
			kind = DELIMITER_CLOSE;
			rest = span_from(rest, 2);
		}
		if (!only_blanks(rest)) {
			part->skip = MIME_BAD_BOUNDARY;
			continue;
		}
		if (found != DELIMITER_NONE || level->closed)
			part->skip = MIME_BAD_BOUNDARY;
		found = kind;
		*level_r = i - 1;
	}
	return found;
}

/* ftext of RFC 5322 section 3.6.8. */
static bool is_name(struct span name)
{
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] <= ' ' || name.p[i] >= 0x7f)
			return false;
	return name.n > 0;
}

/* The header block of a part; stops in front of a delimiter. */
static void read_header(struct scanner *s, struct fields *f)
{
	size_t start = s->at, fields = 0, level;
	struct span name = SPAN(""), value = SPAN("");
	bool ended = false;

	while (s->at < s->body.n) {
		size_t line_start = s->at, colon;
		struct span line = next_line(s);

		ended = line.n == 0;
		if (ended)
			break;
		if (find_delimiter(s, line, &level) != DELIMITER_NONE) {
			s->at = line_start;
			f->skip = MIME_BAD_HEADER;
			break;
		}
		if (s->at - start > MIME_HEADER_BLOCK_MAX) {
			f->skip = MIME_HEADERS_TOO_BIG;
			continue;
		}
		if (memchr(line.p, '\0', line.n) != NULL)
			f->skip = MIME_BAD_HEADER;
		if (line.p[0] == ' ' || line.p[0] == '\t') {
			/* A fold of blanks alone ends the header for some. */
			if (fields == 0 || only_blanks(line))
				f->skip = MIME_BAD_HEADER;
			if (fields > 0)
				value.n = (size_t)(line.p + line.n - value.p);
		} else {
			keep_field(f, name, value);
			colon = span_find(line, ':', 0);
			name = span_head(line, colon);
			value = span_from(line, colon + 1);
			if (colon == line.n || !is_name(name))
				f->skip = MIME_BAD_HEADER;
			if (++fields > MIME_HEADERS_MAX)
				f->skip = MIME_HEADERS_TOO_BIG;
		}
		if (name.n + value.n > MIME_HEADER_MAX)
			f->skip = MIME_HEADERS_TOO_BIG;
	}
	if (!ended && f->skip == MIME_EDITABLE)
		f->skip = MIME_BAD_HEADER;
	keep_field(f, name, value);
}

/* Everything that lies in level number keep and deeper ends in front of the delimiter at start. */
static void end_parts(struct scanner *s, size_t keep, size_t start)
{
	/* The CRLF before a delimiter belongs to it. */
	size_t end = start >= 2 ? start - 2 : 0;

	if (s->leaf >= 0) {
		struct mime_part *leaf = &s->parts[s->leaf];

		leaf->end = end > leaf->content ? end : leaf->content;
	}
	for (; s->depth > keep + 1; s->depth--) {
		const struct level *level = &s->levels[s->depth - 1];
		struct mime_part *part = &s->parts[level->part];

		if (!level->begun)
			part->skip = MIME_BAD_BOUNDARY;
		part->end = end > part->content ? end : part->content;
	}
	s->leaf = -1;
}

/* A CR without LF or an LF without CR, which readers, and servers on the way, read differently. */
static bool has_bare_line_end(struct span body)
{
	size_t at = 0;

	while (at < body.n) {
		size_t end = span_find(body, '\n', at);
		size_t cr = span_find(span_head(body, end), '\r', at);

		if (end == body.n)
			return cr < end;
		if (cr + 1 != end)
			return true;
		at = end + 1;
	}
	return false;
}

static void scan_body(struct scanner *s)
{
	while (s->at < s->body.n && s->depth > 0) {
		size_t start = s->at, level = 0;
		struct span line = next_line(s);
		enum delimiter kind = find_delimiter(s, line, &level);
		struct fields f = { 0 };
		struct mime_part *part;

		if (kind == DELIMITER_NONE)
			continue;
		end_parts(s, level, start);
		s->levels[level].begun = true;
		if (kind == DELIMITER_CLOSE) {
			s->levels[level].closed = true;
			continue;
		}
		if (s->count == MIME_PARTS_MAX) {
			s->parts[0].skip = MIME_TOO_MANY_PARTS;
			break;
		}
		part = add_part(s);
		if (part == NULL) {
			s->parts[0].skip = MIME_OVER_MEMORY;
			break;
		}
		read_header(s, &f);
		part->content = s->at;
		judge_part(s, s->count - 1, &f);
	}
}

enum err mime_scan(struct arena *arena, const struct header *headers, size_t header_count,
    struct span body, struct mime_part **parts_r, size_t *count_r)
{
	struct scanner s = { .arena = arena, .body = body, .leaf = -1 };
	struct fields f = { 0 };

	*parts_r = NULL;
	*count_r = 0;
	for (size_t i = 0; i < header_count; i++)
		keep_field(&f, headers[i].name, headers[i].value);
	if (has_bare_line_end(body))
		f.skip = MIME_LINE_ENDS;
	if (add_part(&s) == NULL)
		return ERR_NOMEM;
	judge_part(&s, 0, &f);
	scan_body(&s);
	/* Levels without a close delimiter end with the body; those without any hold no parts. */
	for (size_t i = 0; i < s.depth; i++)
		if (!s.levels[i].begun)
			s.parts[s.levels[i].part].skip = MIME_BAD_BOUNDARY;
	for (size_t i = 1; i < s.count; i++) {
		enum mime_skip above = s.parts[s.parts[i].parent].skip;

		if (above != MIME_EDITABLE)
			s.parts[i].skip = above;
	}
	*parts_r = s.parts;
	*count_r = s.count;
	return ERR_OK;
}
