/* mailbox - address lists of header fields, read strictly. Knows no tenants and no policy. */
#include "mailbox.h"

struct cursor {
	struct span text;
	size_t at;
};

static int peek(const struct cursor *c)
{
	return c->at < c->text.n ? (unsigned char)c->text.p[c->at] : -1;
}

static bool take(struct cursor *c, char wanted)
{
	if (peek(c) != (unsigned char)wanted)
		return false;
	c->at++;
	return true;
}

/* atext of RFC 5322 section 3.2.3, and UTF-8 octets (RFC 6532); the text is valid UTF-8. */
static bool is_atext(int ch)
{
	return ch >= 0x80 || ascii_alpha((char)ch) || ascii_digit((char)ch) ||
	       (ch > 0 && strchr("!#$%&'*+-/=?^_`{|}~", ch) != NULL);
}

/* Printable ASCII, tabs, folds and UTF-8 only, so that the parser below need not care. */
static bool is_clean(struct span s)
{
	const unsigned char *p = (const unsigned char *)s.p;

	for (size_t i = 0; i < s.n;) {
		size_t length = 1;

		if (p[i] >= 0x80)
			length = span_utf8_length(span_from(s, i));
		else if (p[i] == '\n')
			length = i + 1 < s.n && (p[i + 1] == ' ' || p[i + 1] == '\t');
		else if ((p[i] < ' ' && p[i] != '\t') || p[i] == 0x7f)
			length = 0;
		if (length == 0)
			return false;
		i += length;
	}
	return true;
}

/* The text after "=?charset?Q?" where at stands at such a beginning, else NULL. */
static const char *encoded_text(const char *at, const char *end)
{
	const char *mark = NULL;

	if (end - at > 2 && at[0] == '=' && at[1] == '?')
		mark = memchr(at + 2, '?', (size_t)(end - at - 2));
	if (mark == NULL || end - mark < 3 || strchr("BbQq", mark[1]) == NULL || mark[2] != '?')
		return NULL;
	return mark + 3;
}

/* Some readers take an encoded word (RFC 2047) up to the next "?=", over the end of a quoted string
 * or over the address, or up to the end of the field when there is none. */
static bool encoded_words_end(struct span s)
{
	const char *end = s.p + s.n, *at = s.p, *text;

	for (; at < end; at++) {
		text = encoded_text(at, end);
		if (text == NULL)
			continue;
		for (at = text; end - at < 2 || at[0] != '?' || at[1] != '='; at++)
			if (end - at < 2 || strchr("\"()<>\\", *at) != NULL)
				return false;
		at++;
	}
	return true;
}

/* A comment, its nesting counted, not recursed into. */
static bool skip_comment(struct cursor *c)
{
	size_t depth = 0;

	do {
		switch (peek(c)) {
		case -1:
		case '<':
		case '>': return false;
		case '(': depth++; break;
		case ')': depth--; break;
		case '\\':
			c->at++;
			if (peek(c) < ' ' || peek(c) == '<' || peek(c) == '>')
				return false;
			break;
		default: break;
		}
		c->at++;
	} while (depth > 0);
	return true;
}

/* Blanks, folds and comments. */
static bool skip_cfws(struct cursor *c)
{
	for (;;) {
		switch (peek(c)) {
		case ' ':
		case '\t':
		case '\n': c->at++; break;
		case '(':
			if (!skip_comment(c))
				return false;
			break;
		default: return true;
		}
	}
}

static bool read_quoted(struct cursor *c)
{
	if (!take(c, '"'))
		return false;
	for (;;) {
		int ch = peek(c);

		if (ch < 0 || ch == '<' || ch == '>')
			return false;
		c->at++;
		if (ch == '"')
			return true;
		if (ch == '\\') {
			ch = peek(c);
			if (ch < ' ' || ch == '<' || ch == '>')
				return false;
			c->at++;
		}
	}
}

static bool read_dot_atom(struct cursor *c, struct span *atom_r)
{
	size_t start = c->at;

	do {
		if (!is_atext(peek(c)))
			return false;
		while (is_atext(peek(c)))
			c->at++;
	} while (take(c, '.'));
	*atom_r = span_make(c->text.p + start, c->at - start);
	return true;
}

static bool quoted_local_is_plain(struct span quoted)
{
	if (quoted.n <= 2)
		return false;
	for (size_t i = 1; i + 1 < quoted.n; i++) {
		int ch = (unsigned char)quoted.p[i];

		if (!is_atext(ch) && ch != '.' && ch != ' ')
			return false;
	}
	return true;
}

static bool has_encoded_word(struct span local)
{
	bool begun = false;

	for (size_t i = 0; i + 1 < local.n; i++) {
		if (begun && local.p[i] == '?' && local.p[i + 1] == '=')
			return true;
		if (!begun && local.p[i] == '=' && local.p[i + 1] == '?') {
			begun = true;
			i++; /* "=?=" is no end */
		}
	}
	return span_starts(local, SPAN("=?"));
}

/* local@domain with nothing between; leaves the cursor anywhere on failure. */
static bool read_addr_spec(struct cursor *c, struct mailbox *mailbox_r)
{
	size_t start = c->at;

	if (peek(c) == '"') {
		if (!read_quoted(c))
			return false;
		mailbox_r->local = span_make(c->text.p + start, c->at - start);
		if (!quoted_local_is_plain(mailbox_r->local))
			return false;
	} else {
		if (!read_dot_atom(c, &mailbox_r->local))
			return false;
	}
	/* Encoded words mean nothing in an address (RFC 2047 section 5), but some readers decode
	 * them first, wherever they stand, and find another address in there. */
	if (has_encoded_word(mailbox_r->local))
		return false;
	return take(c, '@') && read_dot_atom(c, &mailbox_r->domain);
}

/* A display name. Unquoted dots are obsolete but everywhere ("J. Doe"), and nobody reads them
 * as anything else. */
static bool read_phrase(struct cursor *c, bool *any_r)
{
	*any_r = false;
	for (;;) {
		if (!skip_cfws(c))
			return false;
		if (peek(c) == '"') {
			if (!read_quoted(c))
				return false;
		} else if (is_atext(peek(c)) || peek(c) == '.') {
			while (is_atext(peek(c)) || peek(c) == '.')
				c->at++;
		} else {
			return true;
		}
		*any_r = true;
	}
}

static enum err add(struct mailbox_list *list, struct mailbox mailbox)
{
	if (list->count == MAILBOX_MAX)
		return ERR_TOOBIG;
	list->at[list->count++] = mailbox;
	return ERR_OK;
}

/* One mailbox, or the opening "name:" of a group (then *group_r). */
static enum err read_mailbox(struct cursor *c, struct mailbox_list *list, bool *group_r)
{
	struct mailbox mailbox;
	size_t start;
	bool named;

	*group_r = false;
	if (!skip_cfws(c))
		return ERR_SYNTAX;
	start = c->at;
	if (read_addr_spec(c, &mailbox))
		return add(list, mailbox);
	c->at = start;
	if (!read_phrase(c, &named))
		return ERR_SYNTAX;
	if (named && take(c, ':')) {
		*group_r = true;
		return ERR_OK;
	}
	if (!take(c, '<') || !read_addr_spec(c, &mailbox) || !take(c, '>'))
		return ERR_SYNTAX;
	return add(list, mailbox);
}

/* Members up to and with ';'. Groups do not nest. */
static enum err read_group(struct cursor *c, struct mailbox_list *list)
{
	enum err e = ERR_OK;
	bool nested;

	list->has_group = true;
	if (!skip_cfws(c))
		return ERR_SYNTAX;
	if (take(c, ';'))
		return ERR_OK;
	while (e == ERR_OK) {
		e = read_mailbox(c, list, &nested);
		if (e != ERR_OK)
			break;
		if (nested || !skip_cfws(c))
			return ERR_SYNTAX;
		if (take(c, ';'))
			return ERR_OK;
		if (!take(c, ','))
			return ERR_SYNTAX;
	}
	return e;
}

enum err mailbox_parse_list(struct span value, struct mailbox_list *list_r)
{
	struct cursor c = { value, 0 };
	enum err e;
	bool group;

	list_r->count = 0;
	list_r->has_group = false;
	if (!is_clean(value) || !encoded_words_end(value))
		return ERR_SYNTAX;
	for (;;) {
		e = read_mailbox(&c, list_r, &group);
		if (e == ERR_OK && group)
			e = read_group(&c, list_r);
		if (e != ERR_OK)
			return e;
		if (!skip_cfws(&c))
			return ERR_SYNTAX;
		if (peek(&c) < 0)
			return ERR_OK;
		if (!take(&c, ','))
			return ERR_SYNTAX;
	}
}
