/* transfer - decoding, and edits of decoded text carried over to the encoded one. Quoted-printable
 * is mended where it is edited; base64 is written anew from the first edit on, because all that
 * follows shifts. Knows no MIME structure. */
#include "transfer.h"
#include "buf.h"

static int hex(char c)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool at_crlf(struct span s, size_t at)
{
	return at + 1 < s.n && s.p[at] == '\r' && s.p[at + 1] == '\n';
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* How long the soft line break at s.p[at] == '=' is; 0 when it is none. An '=' at the very end is
 * one whose CRLF went to the delimiter. */
static size_t soft_break(struct span s, size_t at)
{
	if (at + 1 == s.n)
		return 1;
	return at_crlf(s, at + 1) ? 3 : 0;
}

static enum err decode_quoted(struct arena *arena, struct span s, struct span *decoded_r)
{
	char *out = arena_alloc(arena, s.n);
	size_t at = 0, n = 0;

	if (out == NULL)
		return ERR_NOMEM;
	while (at < s.n) {
		size_t equals = span_find(s, '=', at), soft;
		int high, low;

		memcpy(out + n, s.p + at, equals - at);
		n += equals - at;
		at = equals;
		if (at == s.n)
			break;
		soft = soft_break(s, at);
		if (soft > 0) {
			at += soft;
			continue;
		}
		high = at + 2 < s.n ? hex(s.p[at + 1]) : -1;
		low = high >= 0 ? hex(s.p[at + 2]) : -1;
		if (low < 0)
			return ERR_SYNTAX;
		out[n++] = (char)(high * 16 + low);
		at += 3;
	}
	*decoded_r = span_make(out, n);
	return ERR_OK;
}

/* What stands for one octet of base64: 0..63, or 64. */
static const unsigned char values[256] = {
#define ROW(c) [c] = (unsigned char)((c) - 'A' + 1)
	ROW('A'), ROW('B'), ROW('C'), ROW('D'), ROW('E'), ROW('F'), ROW('G'), ROW('H'),
	ROW('I'), ROW('J'), ROW('K'), ROW('L'), ROW('M'), ROW('N'), ROW('O'), ROW('P'),
	ROW('Q'), ROW('R'), ROW('S'), ROW('T'), ROW('U'), ROW('V'), ROW('W'), ROW('X'),
	ROW('Y'), ROW('Z'),
#undef ROW
#define ROW(c) [c] = (unsigned char)((c) - 'a' + 27)
	ROW('a'), ROW('b'), ROW('c'), ROW('d'), ROW('e'), ROW('f'), ROW('g'), ROW('h'),
	ROW('i'), ROW('j'), ROW('k'), ROW('l'), ROW('m'), ROW('n'), ROW('o'), ROW('p'),
	ROW('q'), ROW('r'), ROW('s'), ROW('t'), ROW('u'), ROW('v'), ROW('w'), ROW('x'),
	ROW('y'), ROW('z'),
#undef ROW
#define ROW(c) [c] = (unsigned char)((c) - '0' + 53)
	ROW('0'), ROW('1'), ROW('2'), ROW('3'), ROW('4'), ROW('5'), ROW('6'), ROW('7'),
	ROW('8'), ROW('9'),
#undef ROW
	['+'] = 63, ['/'] = 64
};

/* The shape of base64 text: characters in lines of one length, the last one shorter. */
struct base64 {
	size_t characters; /* with padding */
	size_t line;       /* characters a line */
	size_t end;        /* octets up to the end of the last line, without its CRLF */
};

/* False: not of that shape. */
static bool base64_shape(struct span s, struct base64 *shape_r)
{
	size_t first, lines, rest;

	while (s.n >= 2 && at_crlf(s, s.n - 2))
		s.n -= 2;
	first = span_find(s, '\r', 0);
	*shape_r = (struct base64){ .line = first, .end = s.n };
	if (first > TRANSFER_LINE_MAX || (first == 0 && s.n > 0))
		return false;
	if (first == s.n) {
		shape_r->characters = s.n;
		if (s.n < TRANSFER_QP_LINE)
			shape_r->line = TRANSFER_QP_LINE;
		return true;
	}
	lines = s.n / (first + 2);
	rest = s.n % (first + 2);
	if (rest == first + 1)
		return false;
	for (size_t i = 0; i < lines; i++)
		if (!at_crlf(s, i * (first + 2) + first))
			return false;
	shape_r->characters = lines * first + rest;
	return true;
}

/* A foreign octet, a line end among them, has no value and is found here. */
static enum err decode_base64(struct arena *arena, struct span s, struct span *decoded_r)
{
	struct base64 shape;
	size_t at = 0, left, n = 0, kept = 0, padding = 0;
	uint32_t group = 0;
	char *out;

	if (!base64_shape(s, &shape) || shape.characters % 4 != 0)
		return ERR_SYNTAX;
	out = arena_alloc(arena, shape.characters / 4 * 3 + 1);
	if (out == NULL)
		return ERR_NOMEM;
	for (left = shape.line; at < shape.end; at++, left--) {
		unsigned value;

		if (left == 0) {
			at += 2;
			left = shape.line;
		}
		if (s.p[at] == '=')
			break;
		value = values[(unsigned char)s.p[at]];
		if (value == 0)
			return ERR_SYNTAX;
		group = group << 6 | (value - 1);
		if (++kept % 4 != 0)
			continue;
		out[n] = (char)(group >> 16);
		out[n + 1] = (char)(group >> 8);
		out[n + 2] = (char)group;
		n += 3;
	}
	padding = shape.characters - kept;
	if (padding > 0) {
		/* One or two '=', and no bits behind what they cut off. */
		if (padding > 2 || s.p[shape.end - 1] != '=' ||
		    (group & (padding == 1 ? 3 : 15)))
			return ERR_SYNTAX;
		if (padding == 2)
			out[n++] = (char)(group >> 4);
		else {
			out[n++] = (char)(group >> 10);
			out[n++] = (char)(group >> 2);
		}
	}
	*decoded_r = span_make(out, n);
	return ERR_OK;
}

enum err transfer_decode(struct arena *arena, enum mime_encoding encoding, struct span encoded,
    struct span *decoded_r)
{
	switch (encoding) {
	case MIME_QUOTED_PRINTABLE: return decode_quoted(arena, encoded, decoded_r);
	case MIME_BASE64: return decode_base64(arena, encoded, decoded_r);
	case MIME_IDENTITY: break;
	}
	*decoded_r = encoded;
	return ERR_OK;
}

/* ---- writing quoted-printable ---- */

struct quoter {
	struct buf *out;
	size_t column; /* of the line that is being written */
};

static void put_soft_break(struct quoter *q)
{
	buf_add(q->out, "=\r\n", 3);
	q->column = 0;
}

static void put_octet(struct quoter *q, char c, bool literal)
{
	static const char digits[] = "0123456789ABCDEF";
	unsigned char u = (unsigned char)c;
	char token[3] = { '=', digits[u >> 4], digits[u & 15] };

	/* The '=' of a soft break must fit, too. */
	if (q->column + (literal ? 1 : 3) > TRANSFER_QP_LINE - 1)
		put_soft_break(q);
	/* At the start of a line dots and "From " do not survive everywhere, and two dashes may
	 * make a delimiter. */
	if (q->column == 0 && (c == '.' || c == 'F' || c == '-'))
		literal = false;
	if (literal)
		buf_add_char(q->out, c);
	else
		buf_add(q->out, token, 3);
	q->column += literal ? 1 : 3;
}

static void put_text(struct quoter *q, struct span text)
{
	for (size_t i = 0; i < text.n; i++) {
		char c = text.p[i];

		if (at_crlf(text, i)) {
			buf_add(q->out, "\r\n", 2);
			q->column = 0;
			i++;
		} else if (is_blank(c)) {
			/* A blank must not be the last of a line. */
			put_octet(q, c, i + 1 < text.n && !at_crlf(text, i + 1));
		} else {
			put_octet(q, c, c > ' ' && c < 0x7f && c != '=');
		}
	}
}

enum err transfer_quote(struct arena *arena, struct span text, struct span *quoted_r)
{
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	struct quoter q = { &out, 0 };
	enum err r = ERR_NOMEM;
	char *copy;

	put_text(&q, text);
	copy = arena_dup(arena, buf_span(&out));
	if (buf_ok(&out) && copy != NULL) {
		*quoted_r = span_make(copy, out.n);
		r = ERR_OK;
	}
	buf_free(&out);
	return r;
}

/* A place in encoded text and in what it decodes to. */
struct cursor {
	struct span s;
	size_t at;      /* encoded */
	size_t decoded; /* octets decoded so far */
};

static void skip_soft_breaks(struct cursor *c)
{
	while (c->at < c->s.n && c->s.p[c->at] == '=') {
		size_t soft = soft_break(c->s, c->at);

		if (soft == 0)
			return;
		c->at += soft;
	}
}

/* To right behind the octet in front of offset. */
static void advance(struct cursor *c, size_t offset)
{
	while (c->decoded < offset && c->at < c->s.n) {
		size_t run = offset - c->decoded, equals;

		skip_soft_breaks(c);
		equals = span_find(span_head(c->s, c->at + run), '=', c->at);
		if (equals > c->at) {
			c->decoded += equals - c->at;
			c->at = equals;
		} else {
			c->decoded++;
			c->at += 3;
		}
	}
}

/* Column of offset at in s, when from (not after it) is in that column. */
static size_t column_at(struct span s, size_t from, size_t column, size_t at)
{
	const char *end = memrchr(s.p + from, '\n', at - from);

	return end != NULL ? (size_t)(s.p + at - end) - 1 : column + at - from;
}

/* True when what follows at fits behind the column: to the line end, or to the next edit. */
static bool rest_fits(struct span s, size_t at, size_t next_edit, size_t column)
{
	size_t room, crlf;

	/* A line that was too long before stays so. */
	if (column > TRANSFER_QP_LINE)
		return true;
	room = TRANSFER_QP_LINE - column;
	if (next_edit - at < room)
		return true;
	crlf = span_find(span_head(s, at + room + 1), '\r', at);
	return crlf - at <= room && (crlf == s.n || s.p[crlf] == '\r');
}

/* A dash that an inserted line end brought to the start of a line is written anew. */
static void keep_off_delimiter(
    struct quoter *q, struct cursor *c, const struct patch_list *edits, size_t index)
{
	if (edits->at[index].text.n == 0 || q->column > 0 || c->at == c->s.n ||
	    c->s.p[c->at] != '-')
		return;
	if (index + 1 < edits->count && edits->at[index + 1].offset <= c->decoded)
		return;
	put_octet(q, '-', false);
	c->at++;
	c->decoded++;
}

static enum err encode_quoted(struct arena *arena, struct span encoded,
    const struct patch_list *edits, size_t base, struct patch_list *out)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct quoter q = { &text, 0 };
	struct cursor c = { encoded, 0, 0 }, next;
	enum err r = ERR_OK;
	size_t last = 0; /* encoded octets behind the last edit */

	for (size_t i = 0; i < edits->count && r == ERR_OK; i++) {
		const struct patch *edit = &edits->at[i];
		size_t start;
		char *copy;

		advance(&c, edit->offset);
		if (edit->length > 0)
			skip_soft_breaks(&c);
		start = c.at;
		advance(&c, edit->offset + edit->length);
		buf_reset(&text);
		q.column = column_at(encoded, last, q.column, start);
		put_text(&q, edit->text);
		next = c;
		if (i + 1 < edits->count) {
			advance(&next, edits->at[i + 1].offset);
			if (edits->at[i + 1].length > 0)
				skip_soft_breaks(&next);
		} else {
			next.at = SIZE_MAX;
		}
		if (c.at == encoded.n || at_crlf(encoded, c.at)) {
			/* A blank that a removal left at the end of a line would get lost. */
			if (edit->text.n == 0 && start > 0 && is_blank(encoded.p[start - 1]))
				put_soft_break(&q);
		} else if (next.at > c.at && !rest_fits(encoded, c.at, next.at, q.column)) {
			put_soft_break(&q);
		}
		keep_off_delimiter(&q, &c, edits, i);
		last = c.at;
		copy = arena_dup(arena, buf_span(&text));
		r = !buf_ok(&text) || copy == NULL
			? ERR_NOMEM
			: patch_add(out, base + start, c.at - start, span_make(copy, text.n));
	}
	buf_free(&text);
	return r;
}

/* ---- writing base64 ---- */

static enum err put_base64(
    struct arena *arena, struct span bytes, size_t column, size_t line, struct span *text_r)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				     "0123456789+/";
	size_t characters = (bytes.n + 2) / 3 * 4, n = 0;
	char *out = arena_alloc(arena, characters + 2 * (characters / line + 2));

	if (out == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < bytes.n; i += 3) {
		size_t have = bytes.n - i < 3 ? bytes.n - i : 3;
		uint32_t group = (uint32_t)(unsigned char)bytes.p[i] << 16;
		char quad[4];

		if (have > 1)
			group |= (uint32_t)(unsigned char)bytes.p[i + 1] << 8;
		if (have > 2)
			group |= (unsigned char)bytes.p[i + 2];
		for (int k = 0; k < 4; k++)
			quad[k] = digits[group >> (18 - 6 * k) & 63];
		if (have < 3)
			quad[3] = '=';
		if (have < 2)
			quad[2] = '=';
		for (int k = 0; k < 4; k++) {
			if (column == line) {
				memcpy(out + n, "\r\n", 2);
				n += 2;
				column = 0;
			}
			out[n++] = quad[k];
			column++;
		}
	}
	*text_r = span_make(out, n);
	return ERR_OK;
}

static enum err encode_base64(struct arena *arena, struct span encoded, struct span decoded,
    const struct patch_list *edits, size_t base, struct patch_list *out)
{
	struct buf tail = BUF_INIT(SIZE_MAX / 2);
	struct patch_list moved = PATCH_LIST_INIT(arena);
	size_t group, start, column;
	struct base64 shape;
	struct span text;
	enum err r;

	if (edits->count == 0)
		return ERR_OK;
	if (!base64_shape(encoded, &shape))
		return ERR_SYNTAX;
	group = edits->at[0].offset / 3;
	/* A group that would begin a line is written behind the line before it. */
	column = group > 0 ? (group * 4 - 1) % shape.line + 1 : 0;
	start = group > 0 ? group * 4 + (group * 4 - 1) / shape.line * 2 : 0;
	for (size_t i = 0; i < edits->count; i++) {
		r = patch_add(&moved, edits->at[i].offset - group * 3, edits->at[i].length,
		    edits->at[i].text);
		if (r != ERR_OK)
			goto out;
	}
	r = patch_apply(&moved, span_from(decoded, group * 3), &tail);
	if (r == ERR_OK)
		r = put_base64(arena, buf_span(&tail), column, shape.line, &text);
	if (r == ERR_OK)
		r = patch_add(out, base + start, shape.end - start, text);
out:
	buf_free(&tail);
	return r;
}

enum err transfer_encode(struct arena *arena, enum mime_encoding encoding, struct span encoded,
    struct span decoded, const struct patch_list *edits, size_t base, struct patch_list *out)
{
	enum err r = ERR_OK;

	switch (encoding) {
	case MIME_QUOTED_PRINTABLE: return encode_quoted(arena, encoded, edits, base, out);
	case MIME_BASE64: return encode_base64(arena, encoded, decoded, edits, base, out);
	case MIME_IDENTITY: break;
	}
	for (size_t i = 0; i < edits->count && r == ERR_OK; i++)
		r = patch_add(
		    out, base + edits->at[i].offset, edits->at[i].length, edits->at[i].text);
	return r;
}
