/* html_entity - character references, and URLs as attribute values. The table has what HTML 4 named
 * and all of today's names for an ASCII character; the other 1,900 do not occur in URLs. */
#include "html.h"
#include "html_token.h"

#define NAME_SIZE 24 /* longer than any name in the table */
#define BARE_MAX  6  /* octets of the longest name known without a semicolon */

/* Sorted by name. bare: also known without a semicolon. */
static const struct entity {
	const char *name;
	unsigned code;
	bool bare;
} entities[] = {
	/* clang-format off */
	{ "AElig", 198, true }, { "AMP", 38, true }, { "Aacute", 193, true },
	{ "Acirc", 194, true }, { "Agrave", 192, true }, { "Alpha", 913, false },
	{ "Aring", 197, true }, { "Atilde", 195, true }, { "Auml", 196, true },
	{ "Beta", 914, false }, { "COPY", 169, true }, { "Ccedil", 199, true },
	{ "Chi", 935, false }, { "Dagger", 8225, false }, { "Delta", 916, false },
	{ "DiacriticalGrave", 96, false }, { "ETH", 208, true }, { "Eacute", 201, true },
	{ "Ecirc", 202, true }, { "Egrave", 200, true }, { "Epsilon", 917, false },
	{ "Eta", 919, false }, { "Euml", 203, true }, { "GT", 62, true },
	{ "Gamma", 915, false }, { "Hat", 94, false }, { "Iacute", 205, true },
	{ "Icirc", 206, true }, { "Igrave", 204, true }, { "Iota", 921, false },
	{ "Iuml", 207, true }, { "Kappa", 922, false }, { "LT", 60, true },
	{ "Lambda", 923, false }, { "Mu", 924, false }, { "NewLine", 10, false },
	{ "Ntilde", 209, true }, { "Nu", 925, false }, { "OElig", 338, false },
	{ "Oacute", 211, true }, { "Ocirc", 212, true }, { "Ograve", 210, true },
	{ "Omega", 937, false }, { "Omicron", 927, false }, { "Oslash", 216, true },
	{ "Otilde", 213, true }, { "Ouml", 214, true }, { "Phi", 934, false },
	{ "Pi", 928, false }, { "Prime", 8243, false }, { "Psi", 936, false },
	{ "QUOT", 34, true }, { "REG", 174, true }, { "Rho", 929, false },
	{ "Scaron", 352, false }, { "Sigma", 931, false }, { "THORN", 222, true },
	{ "Tab", 9, false }, { "Tau", 932, false }, { "Theta", 920, false },
	{ "Uacute", 218, true }, { "Ucirc", 219, true }, { "Ugrave", 217, true },
	{ "UnderBar", 95, false }, { "Upsilon", 933, false }, { "Uuml", 220, true },
	{ "VerticalLine", 124, false }, { "Xi", 926, false }, { "Yacute", 221, true },
	{ "Yuml", 376, false }, { "Zeta", 918, false }, { "aacute", 225, true },
	{ "acirc", 226, true }, { "acute", 180, true }, { "aelig", 230, true },
	{ "agrave", 224, true }, { "alefsym", 8501, false }, { "alpha", 945, false },
	{ "amp", 38, true }, { "and", 8743, false }, { "ang", 8736, false },
	{ "apos", 39, false }, { "aring", 229, true }, { "ast", 42, false },
	{ "asymp", 8776, false }, { "atilde", 227, true }, { "auml", 228, true },
	{ "bdquo", 8222, false }, { "beta", 946, false }, { "brvbar", 166, true },
	{ "bsol", 92, false }, { "bull", 8226, false }, { "cap", 8745, false },
	{ "ccedil", 231, true }, { "cedil", 184, true }, { "cent", 162, true },
	{ "chi", 967, false }, { "circ", 710, false }, { "clubs", 9827, false },
	{ "colon", 58, false }, { "comma", 44, false }, { "commat", 64, false },
	{ "cong", 8773, false }, { "copy", 169, true }, { "crarr", 8629, false },
	{ "cup", 8746, false }, { "curren", 164, true }, { "dArr", 8659, false },
	{ "dagger", 8224, false }, { "darr", 8595, false }, { "deg", 176, true },
	{ "delta", 948, false }, { "diams", 9830, false }, { "divide", 247, true },
	{ "dollar", 36, false }, { "eacute", 233, true }, { "ecirc", 234, true },
	{ "egrave", 232, true }, { "empty", 8709, false }, { "emsp", 8195, false },
	{ "ensp", 8194, false }, { "epsilon", 949, false }, { "equals", 61, false },
	{ "equiv", 8801, false }, { "eta", 951, false }, { "eth", 240, true },
	{ "euml", 235, true }, { "euro", 8364, false }, { "excl", 33, false },
	{ "exist", 8707, false }, { "fnof", 402, false }, { "forall", 8704, false },
	{ "frac12", 189, true }, { "frac14", 188, true }, { "frac34", 190, true },
	{ "frasl", 8260, false }, { "gamma", 947, false }, { "ge", 8805, false },
	{ "grave", 96, false }, { "gt", 62, true }, { "hArr", 8660, false },
	{ "harr", 8596, false }, { "hearts", 9829, false }, { "hellip", 8230, false },
	{ "iacute", 237, true }, { "icirc", 238, true }, { "iexcl", 161, true },
	{ "igrave", 236, true }, { "image", 8465, false }, { "infin", 8734, false },
	{ "int", 8747, false }, { "iota", 953, false }, { "iquest", 191, true },
	{ "isin", 8712, false }, { "iuml", 239, true }, { "kappa", 954, false },
	{ "lArr", 8656, false }, { "lambda", 955, false }, { "lang", 10216, false },
	{ "laquo", 171, true }, { "larr", 8592, false }, { "lbrace", 123, false },
	{ "lbrack", 91, false }, { "lceil", 8968, false }, { "lcub", 123, false },
	{ "ldquo", 8220, false }, { "le", 8804, false }, { "lfloor", 8970, false },
	{ "lowast", 8727, false }, { "lowbar", 95, false }, { "loz", 9674, false },
	{ "lpar", 40, false }, { "lrm", 8206, false }, { "lsaquo", 8249, false },
	{ "lsqb", 91, false }, { "lsquo", 8216, false }, { "lt", 60, true },
	{ "macr", 175, true }, { "mdash", 8212, false }, { "micro", 181, true },
	{ "midast", 42, false }, { "middot", 183, true }, { "minus", 8722, false },
	{ "mu", 956, false }, { "nabla", 8711, false }, { "nbsp", 160, true },
	{ "ndash", 8211, false }, { "ne", 8800, false }, { "ni", 8715, false },
	{ "not", 172, true }, { "notin", 8713, false }, { "nsub", 8836, false },
	{ "ntilde", 241, true }, { "nu", 957, false }, { "num", 35, false },
	{ "oacute", 243, true }, { "ocirc", 244, true }, { "oelig", 339, false },
	{ "ograve", 242, true }, { "oline", 8254, false }, { "omega", 969, false },
	{ "omicron", 959, false }, { "oplus", 8853, false }, { "or", 8744, false },
	{ "ordf", 170, true }, { "ordm", 186, true }, { "oslash", 248, true },
	{ "otilde", 245, true }, { "otimes", 8855, false }, { "ouml", 246, true },
	{ "para", 182, true }, { "part", 8706, false }, { "percnt", 37, false },
	{ "period", 46, false }, { "permil", 8240, false }, { "perp", 8869, false },
	{ "phi", 966, false }, { "pi", 960, false }, { "piv", 982, false },
	{ "plus", 43, false }, { "plusmn", 177, true }, { "pound", 163, true },
	{ "prime", 8242, false }, { "prod", 8719, false }, { "prop", 8733, false },
	{ "psi", 968, false }, { "quest", 63, false }, { "quot", 34, true },
	{ "rArr", 8658, false }, { "radic", 8730, false }, { "rang", 10217, false },
	{ "raquo", 187, true }, { "rarr", 8594, false }, { "rbrace", 125, false },
	{ "rbrack", 93, false }, { "rceil", 8969, false }, { "rcub", 125, false },
	{ "rdquo", 8221, false }, { "real", 8476, false }, { "reg", 174, true },
	{ "rfloor", 8971, false }, { "rho", 961, false }, { "rlm", 8207, false },
	{ "rpar", 41, false }, { "rsaquo", 8250, false }, { "rsqb", 93, false },
	{ "rsquo", 8217, false }, { "sbquo", 8218, false }, { "scaron", 353, false },
	{ "sdot", 8901, false }, { "sect", 167, true }, { "semi", 59, false },
	{ "shy", 173, true }, { "sigma", 963, false }, { "sigmaf", 962, false },
	{ "sim", 8764, false }, { "sol", 47, false }, { "spades", 9824, false },
	{ "sub", 8834, false }, { "sube", 8838, false }, { "sum", 8721, false },
	{ "sup", 8835, false }, { "sup1", 185, true }, { "sup2", 178, true },
	{ "sup3", 179, true }, { "supe", 8839, false }, { "szlig", 223, true },
	{ "tau", 964, false }, { "there4", 8756, false }, { "theta", 952, false },
	{ "thetasym", 977, false }, { "thinsp", 8201, false }, { "thorn", 254, true },
	{ "tilde", 732, false }, { "times", 215, true }, { "trade", 8482, false },
	{ "uArr", 8657, false }, { "uacute", 250, true }, { "uarr", 8593, false },
	{ "ucirc", 251, true }, { "ugrave", 249, true }, { "uml", 168, true },
	{ "upsih", 978, false }, { "upsilon", 965, false }, { "uuml", 252, true },
	{ "verbar", 124, false }, { "vert", 124, false }, { "weierp", 8472, false },
	{ "xi", 958, false }, { "yacute", 253, true }, { "yen", 165, true },
	{ "yuml", 255, true }, { "zeta", 950, false }, { "zwj", 8205, false },
	{ "zwnj", 8204, false },
	/* clang-format on */
};

/* What browsers take the numbers 128 to 159 for: windows-1252. */
static const unsigned short windows[32] = { 0x20ac, 0x81, 0x201a, 0x192, 0x201e, 0x2026, 0x2020,
	0x2021, 0x2c6, 0x2030, 0x160, 0x2039, 0x152, 0x8d, 0x17d, 0x8f, 0x90, 0x2018, 0x2019,
	0x201c, 0x201d, 0x2022, 0x2013, 0x2014, 0x2dc, 0x2122, 0x161, 0x203a, 0x153, 0x9d,
	0x17e, 0x178 };

static int compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct entity *)row)->name);
}

static const struct entity *find(struct span name)
{
	char key[NAME_SIZE];

	if (!span_copy(name, key, sizeof key))
		return NULL;
	return bsearch(key, entities, ARRAY_SIZE(entities), sizeof *entities, compare);
}

static void add_utf8(struct buf *out, unsigned code)
{
	char octets[4];
	size_t n;

	if (code < 0x80) {
		octets[0] = (char)code;
		n = 1;
	} else if (code < 0x800) {
		octets[0] = (char)(0xc0 | code >> 6);
		n = 2;
	} else if (code < 0x10000) {
		octets[0] = (char)(0xe0 | code >> 12);
		n = 3;
	} else {
		octets[0] = (char)(0xf0 | code >> 18);
		n = 4;
	}
	for (size_t i = 1; i < n; i++)
		octets[i] = (char)(0x80 | (code >> (6 * (n - 1 - i)) & 0x3f));
	buf_add(out, octets, n);
}

static int digit(char c, bool hexadecimal)
{
	if (ascii_digit(c))
		return c - '0';
	c = ascii_lower(c);
	return hexadecimal && c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "&#" is there. */
static size_t numeric_reference(struct span s, struct buf *out)
{
	bool hexadecimal = s.n > 2 && (s.p[2] == 'x' || s.p[2] == 'X');
	size_t start = hexadecimal ? 3 : 2, at = start;
	unsigned code = 0;

	for (; at < s.n && digit(s.p[at], hexadecimal) >= 0; at++)
		if (code <= 0x10ffff)
			code = code * (hexadecimal ? 16 : 10) +
			       (unsigned)digit(s.p[at], hexadecimal);
	if (at == start)
		return 0;
	if (at < s.n && s.p[at] == ';')
		at++;
	if (code == 0 || code > 0x10ffff || (code >= 0xd800 && code <= 0xdfff))
		code = 0xfffd;
	else if (code >= 0x80 && code < 0xa0)
		code = windows[code - 0x80];
	add_utf8(out, code);
	return at;
}

size_t html_reference(struct span s, bool in_attribute, struct buf *out, bool *doubt_r)
{
	const struct entity *entity;
	size_t n = 0;

	*doubt_r = false;
	if (s.n > 1 && s.p[1] == '#')
		return numeric_reference(s, out);
	s = span_from(s, 1);
	/* No name of the standard is longer than 31. */
	while (n < s.n && n < 32 && (ascii_alpha(s.p[n]) || ascii_digit(s.p[n])))
		n++;
	if (n < s.n && s.p[n] == ';') {
		entity = find(span_head(s, n));
		if (entity != NULL) {
			add_utf8(out, entity->code);
			return n + 2;
		}
		*doubt_r = n > 0;
		return 0;
	}
	/* Without a semicolon: the longest that begins so. In an attribute it must be all of the
	 * word, and no '=' may follow ("?a=1&copy=2"). */
	for (size_t length = n < BARE_MAX ? n : BARE_MAX; length >= 2; length--) {
		entity = find(span_head(s, length));
		if (entity == NULL || !entity->bare)
			continue;
		if (in_attribute && (length < n || (n < s.n && s.p[n] == '=')))
			return 0;
		add_utf8(out, entity->code);
		return length + 1;
	}
	return 0;
}

/* Appends raw with references resolved. False: doubtful. */
static bool unescape(struct span raw, struct buf *out)
{
	size_t at = 0;
	bool doubt;

	while (at < raw.n) {
		size_t amp = span_find(raw, '&', at), taken;

		buf_add(out, raw.p + at, amp - at);
		if (amp == raw.n)
			break;
		taken = html_reference(span_from(raw, amp), true, out, &doubt);
		if (doubt)
			return false;
		if (taken == 0)
			buf_add_char(out, '&');
		at = amp + (taken > 0 ? taken : 1);
	}
	return buf_ok(out);
}

static bool is_control_or_space(char c)
{
	return (unsigned char)c <= ' ';
}

bool html_url(struct span raw, struct buf *out)
{
	size_t start = out->n, first, end, n;

	if (!unescape(raw, out))
		return false;
	if (out->n == start)
		return true;
	first = start;
	end = out->n;
	while (first < end && is_control_or_space(out->p[first]))
		first++;
	while (end > first && is_control_or_space(out->p[end - 1]))
		end--;
	n = start;
	for (size_t i = first; i < end; i++) {
		char c = out->p[i];

		if (c == '\t' || c == '\r' || c == '\n')
			continue;
		/* Browsers escape these, but not all the same ones. */
		if ((unsigned char)c < ' ' || c == 0x7f)
			return false;
		out->p[n++] = c;
	}
	out->n = n;
	return true;
}

void html_escape_url(struct span url, struct buf *out)
{
	for (size_t i = 0; i < url.n; i++) {
		switch (url.p[i]) {
		case '&': buf_add_cstr(out, "&amp;"); break;
		case '"': buf_add_cstr(out, "&quot;"); break;
		case '\'': buf_add_cstr(out, "&#39;"); break;
		case '<': buf_add_cstr(out, "&lt;"); break;
		case '>': buf_add_cstr(out, "&gt;"); break;
		case '`': buf_add_cstr(out, "&#96;"); break;
		default: buf_add_char(out, url.p[i]); break;
		}
	}
}

struct writer {
	struct buf *out;
	size_t start;
	bool blank; /* one is due before the next character */
};

static void put_text(struct writer *w, struct span text)
{
	bool doubt;

	for (size_t at = 0; at < text.n;) {
		size_t taken = 1;

		if (html_is_blank(text.p[at])) {
			w->blank = true;
			at++;
			continue;
		}
		if (w->blank && w->out->n > w->start)
			buf_add_char(w->out, ' ');
		w->blank = false;
		if (text.p[at] == '&')
			taken = html_reference(span_from(text, at), false, w->out, &doubt);
		if (text.p[at] != '&' || taken == 0) {
			buf_add_char(w->out, text.p[at]);
			taken = 1;
		}
		at += taken;
	}
}

void html_plain_text(struct span markup, struct buf *out)
{
	struct writer w = { out, out->n, false };
	struct html_token token;
	size_t at = 0, from = 0;

	do {
		html_next_token(markup, &at, false, &token);
		put_text(&w, span_make(markup.p + from, token.start - from));
		from = token.end;
		if (token.element == HTML_BLOCK)
			w.blank = true;
		if (token.kind == HTML_START && token.element >= HTML_RAW)
			from = at = html_raw_end(markup, token.end, &token);
	} while (token.kind != HTML_END && token.kind != HTML_OPEN);
}
