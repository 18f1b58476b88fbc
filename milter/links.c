/* links - rules for single links, as tables. Knows no tokens and no MIME. */
#include <assert.h>

#include "links.h"

static const char *const fate_words[] = {
	[LINK_TRACKED] = "tracked",
	[LINK_TEMPLATE] = "template",
	[LINK_OPTED_OUT] = "opted_out",
	[LINK_SCHEME] = "scheme",
	[LINK_USERINFO] = "userinfo",
	[LINK_UNREADABLE] = "unreadable",
	[LINK_OWN_HOST] = "own_host",
	[LINK_LISTED] = "listed",
	[LINK_UNSUBSCRIBE] = "unsubscribe",
	[LINK_EXCLUDED] = "excluded",
	[LINK_MISLEADING] = "misleading",
	[LINK_TOO_LONG] = "too_long",
};
static_assert(ARRAY_SIZE(fate_words) == LINK_FATES, "a word for every fate");

const char *links_fate_word(enum link_fate fate)
{
	return (unsigned)fate < LINK_FATES ? fate_words[fate] : "unknown";
}

/* ---- words ---- */

/* Index of needle (lower case) in s from an offset on, s.n when it is not there. */
static size_t find_nocase(struct span s, struct span needle, size_t from)
{
	for (size_t i = from; i + needle.n <= s.n; i++)
		if (ascii_lower(s.p[i]) == needle.p[0] &&
		    span_eq_nocase(span_make(s.p + i, needle.n), needle))
			return i;
	return s.n;
}

bool links_speaks_of_unsubscribing(struct span s)
{
	static const char *const words[] = { "unsub", "opt-out", "optout", "preferences",
		"abmeld", "abbestell", "desab", "desinscr", "d\xc3\xa9sab", "d\xc3\xa9sinscr",
		"darse de baja", "dar de baja", "desuscri" };

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (find_nocase(s, span_cstr(words[i]), 0) < s.n)
			return true;
	return false;
}

bool links_has_template(struct span url)
{
	static const struct {
		const char *open, *close;
	} marks[] = {
		{ "{{", "}}" },
		{ "%7b%7b", "%7d%7d" },
		{ "*|", "|*" },
		{ "%%", "%%" },
		{ "${", "}" },
		{ "[[", "]]" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		struct span open = span_cstr(marks[i].open);
		size_t at = find_nocase(url, open, 0);

		if (at < url.n &&
		    find_nocase(url, span_cstr(marks[i].close), at + open.n) < url.n)
			return true;
	}
	return false;
}

/* ---- opting out ---- */

bool links_next_opt_out(
    const struct rewrite_link *link, size_t *at_io, struct html_attr *attr_r)
{
	/* value: NULL: whatever it is. */
	static const struct {
		const char *name, *value;
	} table[] = {
		{ "data-no-track", NULL },
		{ "data-notrack", NULL },
		{ "data-pm-no-track", NULL },
		{ "ses:no-track", NULL },
		{ "clicktracking", "off" },
		{ "data-msys-clicktrack", "0" },
		{ "disable-tracking", "true" },
	};

	if (link->tag.n == 0)
		return false;
	while (html_next_attr(link->tag, at_io, attr_r)) {
		struct span name =
		    span_make(link->tag.p + attr_r->name, attr_r->name_end - attr_r->name);
		struct span value =
		    span_make(link->tag.p + attr_r->value, attr_r->value_end - attr_r->value);

		for (size_t i = 0; i < ARRAY_SIZE(table); i++)
			if (span_eq_nocase(name, span_cstr(table[i].name)) &&
			    (table[i].value == NULL ||
				span_eq_nocase(span_trim(value), span_cstr(table[i].value))))
				return true;
	}
	return false;
}

/* ---- URLs ---- */

struct url {
	bool https, opted_out;
	struct span authority;
	struct span rest; /* from '/', '?' or '#' on, or empty */
};

static bool split_url(struct span text, struct url *url_r)
{
	static const struct {
		const char *text;
		bool https, opted_out;
	} schemes[] = {
		{ "https://", true, false },
		{ "http://", false, false },
		{ "https+notrack://", true, true },
		{ "http+notrack://", false, true },
	};

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		struct span scheme = span_cstr(schemes[i].text);
		size_t n = 0;

		if (!span_eq_nocase(span_head(text, scheme.n), scheme))
			continue;
		text = span_from(text, scheme.n);
		while (n < text.n && text.p[n] != '/' && text.p[n] != '?' && text.p[n] != '#')
			n++;
		*url_r = (struct url){ schemes[i].https, schemes[i].opted_out,
			span_head(text, n), span_from(text, n) };
		return true;
	}
	return false;
}

/* Octets that end up in a header field of the redirect, and '\\', which browsers take for '/'. */
static bool is_readable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] < ' ' || s.p[i] == 0x7f || s.p[i] == '\\')
			return false;
	return true;
}

static bool is_ascii(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= 0x80)
			return false;
	return true;
}

/* Unlike in mail, '_' occurs in names of web hosts. */
static bool is_ascii_host(struct span host)
{
	bool ok = host.n > 0 && host.n < DOMAIN_MAX && host.p[0] != '.' && host.p[0] != '-';

	for (size_t i = 0; ok && i < host.n; i++)
		ok = ascii_alpha(host.p[i]) || ascii_digit(host.p[i]) || host.p[i] == '-' ||
		     host.p[i] == '_' || (host.p[i] == '.' && host.p[i - 1] != '.');
	return ok && span_find(host, '.', 0) < host.n;
}

/* authority without userinfo => host and ":port" (or nothing). */
static bool read_authority(struct span authority, char host[DOMAIN_MAX], struct span *port_r)
{
	size_t colon = span_find(authority, ':', 0);
	struct span name = span_head(authority, colon);

	*port_r = span_from(authority, colon);
	for (size_t i = 1; i < port_r->n; i++)
		if (!ascii_digit(port_r->p[i]))
			return false;
	if (port_r->n == 1 || port_r->n > 6)
		return false;
	if (name.n > 0 && name.p[name.n - 1] == '.')
		name.n--;
	if (is_ascii_host(name))
		return span_lower(name, host, DOMAIN_MAX);
	return !is_ascii(name) && domain_canonical(name, host) == ERR_OK;
}

bool links_host(struct span url, char host[DOMAIN_MAX])
{
	struct span port;
	struct url u;

	return split_url(url, &u) && !u.opted_out &&
	       span_find(u.authority, '@', 0) == u.authority.n &&
	       read_authority(u.authority, host, &port);
}

/* Escaped are the octets that all parts of a URL have escaped by browsers (URL standard, section
 * 1.3), so what arrives is the same. */
static void add_escaped(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];

		if (c >= 0x80 || c == ' ' || c == '"' || c == '<' || c == '>')
			buf_printf(out, "%%%02X", c);
		else
			buf_add_char(out, (char)c);
	}
}

static bool has_parameter(struct span query, struct span name)
{
	struct span pair;

	while (span_next(&query, '&', &pair))
		if (span_eq(span_head(pair, span_find(pair, '=', 0)), name))
			return true;
	return false;
}

/* Behind the host: path, query with the utm parameters that it lacks, fragment. */
static void add_rest(struct buf *out, struct span rest, const char *const *utm)
{
	size_t hash = span_find(rest, '#', 0);
	struct span before = span_head(rest, hash), query;
	size_t mark = span_find(before, '?', 0);
	bool has_query = mark < before.n;

	query = span_from(before, mark + 1);
	add_escaped(out, before);
	for (; utm != NULL && *utm != NULL; utm++) {
		struct span pair = span_cstr(*utm);

		if (has_parameter(query, span_head(pair, span_find(pair, '=', 0))))
			continue;
		if (!has_query)
			buf_add_char(out, '?');
		else if (out->n > 0 && out->p[out->n - 1] != '?' && out->p[out->n - 1] != '&')
			buf_add_char(out, '&');
		has_query = true;
		buf_add_span(out, pair);
	}
	add_escaped(out, span_from(rest, hash));
}

/* ---- what the text of a link says ---- */

/* The host that a link's text shows: with a scheme, or one word that looks like a host. */
static bool shown_host(struct span text, char host[DOMAIN_MAX])
{
	struct span port;
	size_t n = 0, dot;

	text = span_trim(text);
	if (links_host(text, host))
		return true;
	while (n < text.n && strchr("/?#", text.p[n]) == NULL)
		n++;
	if (span_find(text, ' ', 0) < text.n || span_find(text, '@', 0) < n ||
	    !read_authority(span_head(text, n), host, &port))
		return false;
	/* "v1.2" and "3.50" are no hosts: the last label of one is a word. */
	dot = strlen(host);
	while (dot > 0 && host[dot - 1] != '.')
		dot--;
	return ascii_alpha(host[dot]) && host[dot + 1] != '\0';
}

/* Readers (and their mail programs) take a text that shows one domain over a link to another for
 * fraud. The author's own domain is trusted whatever the text says; there is no list of public
 * suffixes here, so any other host counts as another domain. */
static bool is_misleading(const struct link_rules *rules, struct span text)
{
	char host[DOMAIN_MAX];

	return !domain_is_within(rules->host, rules->domain) && shown_host(text, host) &&
	       !domain_is_within(span_cstr(host), rules->host) &&
	       !domain_is_within(rules->host, span_cstr(host));
}

/* ---- the decision ---- */

static bool is_excluded(const struct link_rules *rules, struct span host)
{
	const char *const *name = rules->stream->exclude_hosts;

	for (; name != NULL && *name != NULL; name++)
		if (domain_is_within(host, span_cstr(*name)))
			return true;
	return false;
}

static bool is_listed(const struct link_rules *rules, struct span url)
{
	for (size_t i = 0; i < rules->listed_count; i++)
		if (span_eq(rules->listed[i], url))
			return true;
	return false;
}

static enum link_fate judge_text(
    const struct link_rules *rules, const struct rewrite_link *link)
{
	struct buf text = BUF_INIT(65536);
	enum link_fate fate = LINK_TRACKED;

	if (link->anchor.n == 0)
		return LINK_TRACKED;
	html_plain_text(link->anchor, &text);
	/* A text over the bound is a page, not the name of a link. */
	if (buf_ok(&text) && links_speaks_of_unsubscribing(buf_span(&text)))
		fate = LINK_UNSUBSCRIBE;
	else if (buf_ok(&text) && is_misleading(rules, buf_span(&text)))
		fate = LINK_MISLEADING;
	buf_free(&text);
	return fate;
}

enum link_fate links_judge(const struct link_rules *rules, const struct rewrite_link *link,
    bool foreign_charset, struct buf *target)
{
	struct span url = span_trim(link->url), port;
	char host[DOMAIN_MAX];
	enum link_fate fate;
	struct url u;

	if (links_has_template(url))
		return LINK_TEMPLATE;
	if (!split_url(url, &u))
		return LINK_SCHEME;
	if (span_find(u.authority, '@', 0) < u.authority.n)
		return LINK_USERINFO;
	if (!is_readable(url) || (foreign_charset && !is_ascii(url)) ||
	    !read_authority(u.authority, host, &port))
		return LINK_UNREADABLE;
	buf_printf(target, "%s", u.https ? "https://" : "http://");
	if (is_ascii(u.authority))
		buf_add_span(target, u.authority);
	else
		buf_printf(target, "%s%.*s", host, SPAN_ARG(port));
	if (u.opted_out) {
		add_rest(target, u.rest, NULL);
		return buf_ok(target) ? LINK_OPTED_OUT : LINK_TOO_LONG;
	}
	if (snapshot_find_tracking_host(rules->snapshot, span_cstr(host), NULL) != TENANT_NONE)
		return LINK_OWN_HOST;
	if (is_listed(rules, url))
		return LINK_LISTED;
	if (links_speaks_of_unsubscribing(url))
		return LINK_UNSUBSCRIBE;
	if (is_excluded(rules, span_cstr(host)))
		return LINK_EXCLUDED;
	fate = judge_text(rules, link);
	if (fate != LINK_TRACKED)
		return fate;
	add_rest(target, u.rest, rules->stream->utm);
	return buf_ok(target) ? LINK_TRACKED : LINK_TOO_LONG;
}
