/* fold - words to compare. The rules of Unicode as far as addresses and names of the usual
 * alphabets need them; other letters stand for themselves. */
#include "fold.h"

/* The character at s.p[*at_io], which moves behind it; 0 for octets that are none. */
static unsigned next_character(struct span s, size_t *at_io)
{
	const unsigned char *u = (const unsigned char *)s.p + *at_io;
	size_t left = s.n - *at_io;
	size_t n = u[0] < 0x80 ? 1 : u[0] < 0xc2 ? 0 : u[0] < 0xe0 ? 2 : u[0] < 0xf0 ? 3 : 4;
	unsigned c = u[0];

	*at_io += 1;
	if (n <= 1)
		return n == 1 ? c : 0;
	if (n > left || u[0] > 0xf4)
		return 0;
	c &= 0x7fu >> n;
	for (size_t i = 1; i < n; i++) {
		if ((u[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (u[i] & 0x3fu);
	}
	*at_io += n - 1;
	return c;
}

static void put_character(struct buf *out, unsigned c)
{
	if (c < 0x80) {
		buf_add_char(out, (char)c);
		return;
	}
	if (c < 0x800) {
		buf_add_char(out, (char)(0xc0 | c >> 6));
	} else {
		if (c < 0x10000) {
			buf_add_char(out, (char)(0xe0 | c >> 12));
		} else {
			buf_add_char(out, (char)(0xf0 | c >> 18));
			buf_add_char(out, (char)(0x80 | (c >> 12 & 0x3f)));
		}
		buf_add_char(out, (char)(0x80 | (c >> 6 & 0x3f)));
	}
	buf_add_char(out, (char)(0x80 | (c & 0x3f)));
}

enum kind { PARTS, VANISHES, BELONGS };

/* What a character outside ASCII is to a word. */
static enum kind kind_of(unsigned c)
{
	static const struct {
		unsigned first, last;
		enum kind kind;
	} ranges[] = {
		{ 0x80, 0xa9, PARTS },
		{ 0xab, 0xac, PARTS },
		{ 0xad, 0xad, VANISHES }, /* soft hyphen */
		{ 0xae, 0xb4, PARTS },
		{ 0xb6, 0xb9, PARTS },
		{ 0xbb, 0xbf, PARTS },
		{ 0xd7, 0xd7, PARTS },
		{ 0xf7, 0xf7, PARTS },
		{ 0x34f, 0x34f, VANISHES },
		{ 0x2000, 0x200a, PARTS },
		{ 0x200b, 0x200f, VANISHES }, /* no width */
		{ 0x2010, 0x205f, PARTS },
		{ 0x2060, 0x2064, VANISHES },
		{ 0x20a0, 0x20cf, PARTS },
		{ 0x2190, 0x2bff, PARTS }, /* arrows, boxes, symbols */
		{ 0x3000, 0x3004, PARTS },
		{ 0x3008, 0x3020, PARTS },
		{ 0xfe00, 0xfe0f, VANISHES },
		{ 0xfeff, 0xfeff, VANISHES },
		{ 0xfffd, 0xfffd, PARTS },
	};

	for (size_t i = 0; i < ARRAY_SIZE(ranges) && c >= ranges[i].first; i++)
		if (c <= ranges[i].last)
			return ranges[i].kind;
	return BELONGS;
}

static unsigned lower(unsigned c)
{
	static const struct {
		unsigned first, last, add; /* add 1: every other one is a capital */
	} ranges[] = {
		{ 0xc0, 0xd6, 32 },
		{ 0xd8, 0xde, 32 },
		{ 0x100, 0x12f, 1 },
		{ 0x132, 0x137, 1 },
		{ 0x14a, 0x177, 1 },
		{ 0x1de, 0x1ef, 1 },
		{ 0x1f8, 0x21f, 1 },
		{ 0x222, 0x233, 1 },
		{ 0x388, 0x38a, 37 },
		{ 0x391, 0x3a1, 32 },
		{ 0x3a3, 0x3ab, 32 },
		{ 0x400, 0x40f, 80 },
		{ 0x410, 0x42f, 32 },
		{ 0x460, 0x481, 1 },
		{ 0x48a, 0x4bf, 1 },
		{ 0x4d0, 0x52f, 1 },
		{ 0x1e00, 0x1e95, 1 },
		{ 0x1ea0, 0x1eff, 1 },
		{ 0xff21, 0xff3a, 32 },
	};
	/* Capitals that stand on odd numbers, or far from their small ones. */
	static const struct {
		unsigned from, to;
	} single[] = {
		{ 0x139, 0x13a }, { 0x13b, 0x13c }, { 0x13d, 0x13e }, { 0x13f, 0x140 },
		{ 0x141, 0x142 }, { 0x143, 0x144 }, { 0x145, 0x146 }, { 0x147, 0x148 },
		{ 0x178, 0xff }, { 0x179, 0x17a }, { 0x17b, 0x17c }, { 0x17d, 0x17e },
		{ 0x386, 0x3ac }, { 0x38c, 0x3cc }, { 0x38e, 0x3cd }, { 0x38f, 0x3ce },
		{ 0x3c2, 0x3c3 }, /* final sigma */
	};

	for (size_t i = 0; i < ARRAY_SIZE(single); i++)
		if (single[i].from == c)
			return single[i].to;
	for (size_t i = 0; i < ARRAY_SIZE(ranges) && c >= ranges[i].first; i++)
		if (c <= ranges[i].last)
			return ranges[i].add == 1 ? c | 1 : c + ranges[i].add;
	return c;
}

static void put_folded(struct buf *out, unsigned c)
{
	if (c == 0xdf || c == 0x1e9e)
		buf_add(out, "ss", 2);
	else if (c == 0x152 || c == 0x153)
		buf_add(out, "oe", 2);
	else
		put_character(out, lower(c));
}

void fold(struct span utf8, struct buf *out)
{
	bool parted = true;

	for (size_t at = 0; at < utf8.n;) {
		unsigned c = next_character(utf8, &at);
		enum kind kind = BELONGS;

		if (c >= 0x80)
			kind = kind_of(c);
		else if (!ascii_alpha((char)c) && !ascii_digit((char)c))
			kind = PARTS;
		if (kind == VANISHES)
			continue;
		if (kind == PARTS) {
			parted = true;
			continue;
		}
		if (parted)
			buf_add_char(out, ' ');
		parted = false;
		if (c < 0x80)
			buf_add_char(out, ascii_lower((char)c));
		else
			put_folded(out, c);
	}
	if (out->n > 0)
		buf_add_char(out, ' ');
}

bool fold_has(struct span text, struct span phrase)
{
	return phrase.n > 0 && memmem(text.p, text.n, phrase.p, phrase.n) != NULL;
}
