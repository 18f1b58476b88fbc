/* addr - splitting envelope addresses. Knows nothing of who owns them.
 *
 * Postfix hands over its internal form, where a local part may hold blanks or '@' without
 * quotes, and log lines and lists hold the quoted form: both are read here, and have one
 * canonical form. */
#include "addr.h"

/* Length of the UTF-8 sequence at s (RFC 3629 section 4: no overlong forms, no surrogates), 0
 * when there is none. RFC 6531 section 3.3 allows such octets in both halves. */
static size_t utf8_length(struct span s)
{
	static const struct {
		unsigned char from, to, second_from, second_to, length;
	} forms[] = {
		{ 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 },
		{ 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 },
		{ 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 },
		{ 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (p[0] < forms[i].from || p[0] > forms[i].to)
			continue;
		if (s.n < forms[i].length || p[1] < forms[i].second_from ||
		    p[1] > forms[i].second_to)
			return 0;
		for (size_t k = 2; k < forms[i].length; k++)
			if (p[k] < 0x80 || p[k] > 0xbf)
				return 0;
		return forms[i].length;
	}
	return 0;
}

/* Printable ASCII and whole UTF-8 sequences. */
static bool text_ok(struct span s)
{
	while (s.n > 0) {
		size_t n = (unsigned char)s.p[0] < 0x80 ? 1 : utf8_length(s);

		if (n == 0 || s.p[0] == 0x7f || (n == 1 && s.p[0] < ' '))
			return false;
		s = span_from(s, n);
	}
	return true;
}

/* Octets of the quoted string at the start, both quotes included; 0 when it does not end. */
static size_t quoted_length(struct span s)
{
	for (size_t i = 1; i < s.n; i++) {
		if (s.p[i] == '\\')
			i++;
		else if (s.p[i] == '"')
			return i + 1;
	}
	return 0;
}

static size_t last_at(struct span s)
{
	size_t i = s.n;

	while (i > 0 && s.p[i - 1] != '@')
		i--;
	return i > 0 ? i - 1 : s.n;
}

enum err addr_split(struct span address, struct addr *addr_r)
{
	struct addr a;
	size_t at;

	if (address.n == 0)
		return ERR_SYNTAX;
	if (address.n >= ADDR_MAX)
		return ERR_TOOBIG;
	at = address.p[0] == '"' ? quoted_length(address) : last_at(address);
	if (at == 0 || at >= address.n || address.p[at] != '@')
		return ERR_SYNTAX;
	a.local = span_head(address, at);
	a.domain = span_from(address, at + 1);
	if (a.domain.n == 0 || !text_ok(a.local) || !text_ok(a.domain) ||
	    span_find(a.domain, '@', 0) < a.domain.n ||
	    span_find(a.domain, ' ', 0) < a.domain.n ||
	    span_find(a.domain, '"', 0) < a.domain.n)
		return ERR_SYNTAX;
	if (a.local.n > ADDR_LOCAL_MAX || a.domain.n > 255)
		return ERR_TOOBIG;
	*addr_r = a;
	return ERR_OK;
}

static bool is_atext(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || (unsigned char)c >= 0x80 ||
	       (c != '\0' && strchr("!#$%&'*+-/=?^_`{|}~", c) != NULL);
}

/* May stand without quotes (RFC 5321 section 4.1.2, Dot-string). */
static bool is_dot_string(struct span s)
{
	bool after_dot = true;

	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '.' ? after_dot : !is_atext(s.p[i]))
			return false;
		after_dot = s.p[i] == '.';
	}
	return !after_dot;
}

/* The local part's meaning: without its quotes and backslashes. */
static struct span unquote(struct span local, char out[ADDR_LOCAL_MAX])
{
	size_t n = 0;

	if (local.p[0] != '"')
		return local;
	for (size_t i = 1; i + 1 < local.n; i++) {
		if (local.p[i] == '\\')
			i++;
		out[n++] = local.p[i];
	}
	return span_make(out, n);
}

enum err addr_canonical(struct span address, char out[ADDR_MAX])
{
	char plain[ADDR_LOCAL_MAX], text[2 * ADDR_LOCAL_MAX + 3], domain[DOMAIN_MAX];
	struct addr a;
	struct span local;
	size_t n = 0, domain_n;
	bool quote;
	enum err e;

	out[0] = '\0';
	e = addr_split(address, &a);
	if (e == ERR_OK)
		e = domain_canonical(a.domain, domain);
	if (e != ERR_OK)
		return e;
	local = unquote(a.local, plain);
	quote = !is_dot_string(local);
	if (quote)
		text[n++] = '"';
	for (size_t i = 0; i < local.n; i++) {
		if (quote && (local.p[i] == '"' || local.p[i] == '\\'))
			text[n++] = '\\';
		text[n++] = local.p[i];
	}
	if (quote)
		text[n++] = '"';
	text[n++] = '@';
	domain_n = strlen(domain);
	if (n + domain_n >= ADDR_MAX || n - 1 > ADDR_LOCAL_MAX)
		return ERR_TOOBIG;
	memcpy(out, text, n);
	memcpy(out + n, domain, domain_n + 1);
	return ERR_OK;
}
