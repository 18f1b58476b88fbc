/* html_token - a tokenizer after section 13.2.5 of the WHATWG standard. States that differ only in
 * the errors they report are one here. Knows no tree: who calls says what is raw text. */
#include "html_token.h"

static bool is_tag_end(char c)
{
	return html_is_blank(c) || c == '/' || c == '>';
}

/* In the order of strcmp: it is searched by halves. */
static const struct {
	struct span name;
	enum html_element element;
} known_elements[] = {
#define ROW(name, element)                                                                     \
	{                                                                                      \
		SPAN(name), element                                                            \
	}
	ROW("a", HTML_A),
	ROW("annotation-xml", HTML_INTEGRATION),
	ROW("area", HTML_AREA),
	ROW("b", HTML_BREAKOUT),
	ROW("big", HTML_BREAKOUT),
	ROW("blockquote", HTML_BLOCK),
	ROW("body", HTML_BODY),
	ROW("br", HTML_BLOCK),
	ROW("center", HTML_BLOCK),
	ROW("code", HTML_BREAKOUT),
	ROW("dd", HTML_BLOCK),
	ROW("desc", HTML_INTEGRATION),
	ROW("div", HTML_BLOCK),
	ROW("dl", HTML_BLOCK),
	ROW("dt", HTML_BLOCK),
	ROW("em", HTML_BREAKOUT),
	ROW("embed", HTML_BREAKOUT),
	ROW("font", HTML_BREAKOUT),
	ROW("foreignobject", HTML_INTEGRATION),
	ROW("frameset", HTML_FRAMESET),
	ROW("h1", HTML_BLOCK),
	ROW("h2", HTML_BLOCK),
	ROW("h3", HTML_BLOCK),
	ROW("h4", HTML_BLOCK),
	ROW("h5", HTML_BLOCK),
	ROW("h6", HTML_BLOCK),
	ROW("head", HTML_BREAKOUT),
	ROW("hr", HTML_BLOCK),
	ROW("html", HTML_HTML),
	ROW("i", HTML_BREAKOUT),
	ROW("iframe", HTML_RAW),
	ROW("img", HTML_BREAKOUT),
	ROW("li", HTML_BLOCK),
	ROW("listing", HTML_BLOCK),
	ROW("math", HTML_MATH),
	ROW("menu", HTML_BLOCK),
	ROW("meta", HTML_BREAKOUT),
	ROW("mi", HTML_INTEGRATION),
	ROW("mn", HTML_INTEGRATION),
	ROW("mo", HTML_INTEGRATION),
	ROW("ms", HTML_INTEGRATION),
	ROW("mtext", HTML_INTEGRATION),
	ROW("nobr", HTML_BREAKOUT),
	ROW("noembed", HTML_RAW),
	ROW("noframes", HTML_RAW),
	ROW("noscript", HTML_NOSCRIPT),
	ROW("ol", HTML_BLOCK),
	ROW("p", HTML_BLOCK),
	ROW("plaintext", HTML_PLAINTEXT),
	ROW("pre", HTML_BLOCK),
	ROW("ruby", HTML_BREAKOUT),
	ROW("s", HTML_BREAKOUT),
	ROW("script", HTML_SCRIPT),
	ROW("select", HTML_SELECT),
	ROW("small", HTML_BREAKOUT),
	ROW("span", HTML_BREAKOUT),
	ROW("strike", HTML_BREAKOUT),
	ROW("strong", HTML_BREAKOUT),
	ROW("style", HTML_RAW),
	ROW("sub", HTML_BREAKOUT),
	ROW("sup", HTML_BREAKOUT),
	ROW("svg", HTML_SVG),
	ROW("table", HTML_BLOCK),
	ROW("td", HTML_BLOCK),
	ROW("template", HTML_TEMPLATE),
	ROW("textarea", HTML_TEXTAREA),
	ROW("th", HTML_BLOCK),
	ROW("title", HTML_TITLE),
	ROW("tr", HTML_BLOCK),
	ROW("tt", HTML_BREAKOUT),
	ROW("u", HTML_BREAKOUT),
	ROW("ul", HTML_BLOCK),
	ROW("var", HTML_BREAKOUT),
	ROW("xmp", HTML_RAW),
#undef ROW
};

static enum html_element element_of(struct span name)
{
	size_t low = 0, high = ARRAY_SIZE(known_elements);
	char lower[16];

	if (name.n >= sizeof lower || !span_lower(name, lower, sizeof lower))
		return HTML_OTHER;
	while (low < high) {
		size_t middle = (low + high) / 2;
		/* Names are NUL-terminated literals; one of outside may hold a NUL. */
		int order = strcmp(lower, known_elements[middle].name.p);

		if (order == 0)
			return known_elements[middle].name.n == name.n
				   ? known_elements[middle].element
				   : HTML_OTHER;
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return HTML_OTHER;
}

bool html_next_attr(struct span tag, size_t *at_io, struct html_attr *attr_r)
{
	const char *p = tag.p;
	size_t at = *at_io, n = tag.n;
	struct html_attr a = { 0 };
	bool found = false;

	if (at == 0)
		while (at < n && (at < 2 || !is_tag_end(p[at])))
			at++;
	a.start = at;
	while (at < n && (html_is_blank(p[at]) || p[at] == '/'))
		at++;
	if (at >= n || p[at] == '>')
		goto out;
	/* An '=' may begin a name. */
	a.name = at++;
	while (at < n && !is_tag_end(p[at]) && p[at] != '=')
		at++;
	a.name_end = a.value = a.value_end = a.end = at;
	while (at < n && html_is_blank(p[at]))
		at++;
	if (at >= n || p[at] != '=') {
		found = at < n;
		at = a.name_end;
		goto out;
	}
	at++;
	while (at < n && html_is_blank(p[at]))
		at++;
	if (at < n && (p[at] == '"' || p[at] == '\'')) {
		a.quote = p[at];
		a.value = at + 1;
		a.value_end = span_find(tag, a.quote, a.value);
		at = a.value_end < n ? a.value_end + 1 : n;
		found = a.value_end < n;
	} else {
		a.value = at;
		while (at < n && !html_is_blank(p[at]) && p[at] != '>')
			at++;
		a.value_end = at;
		found = at < n;
	}
	a.end = at;
out:
	if (found)
		*attr_r = a;
	else if (at < n && p[at] != '>')
		at = n;
	*at_io = at;
	return found;
}

/* A tag at token->start; name_at: its first letter. */
static void read_tag(struct span text, size_t name_at, struct html_token *token)
{
	struct span tag = span_from(text, token->start);
	size_t end = name_at, at;
	struct html_attr attr;

	while (end < text.n && !is_tag_end(text.p[end]))
		end++;
	token->name = span_make(text.p + name_at, end - name_at);
	token->element = element_of(token->name);
	at = end - token->start;
	while (html_next_attr(tag, &at, &attr)) {
		token->attributes++;
		if (token->has_href || attr.name_end - attr.name != 4 ||
		    !span_eq_nocase(span_make(tag.p + attr.name, 4), SPAN("href")))
			continue;
		token->has_href = true;
		token->value = token->start + attr.value;
		token->value_end = token->start + attr.value_end;
		token->quote = attr.quote;
	}
	if (at >= tag.n) {
		token->kind = HTML_OPEN;
		token->end = text.n;
		return;
	}
	/* A '/' that is the end of an unquoted value closes nothing; it was not skipped as a
	 * separator, so only a '/' behind the last attribute is looked at. */
	token->self_closing =
	    tag.p[at - 1] == '/' && !(token->attributes > 0 && attr.end == at);
	token->end = token->start + at + 1;
}

/* Behind "<!--". */
static size_t comment_end(struct span text, size_t from)
{
	if (from < text.n && text.p[from] == '>')
		return from + 1;
	if (span_starts(span_from(text, from), SPAN("->")))
		return from + 2;
	for (size_t at = from;; at++) {
		at = span_find(text, '>', at);
		if (at >= text.n)
			return SIZE_MAX;
		if (at >= from + 2 && text.p[at - 1] == '-' && text.p[at - 2] == '-')
			return at + 1;
		if (at >= from + 3 && text.p[at - 1] == '!' && text.p[at - 2] == '-' &&
		    text.p[at - 3] == '-')
			return at + 1;
	}
}

static size_t behind(struct span text, size_t from, struct span what)
{
	const char *hit =
	    from < text.n ? memmem(text.p + from, text.n - from, what.p, what.n) : NULL;

	return hit != NULL ? (size_t)(hit - text.p) + what.n : SIZE_MAX;
}

void html_next_token(struct span text, size_t *at_io, bool foreign, struct html_token *token_r)
{
	size_t at = *at_io, end;

	for (;; at++) {
		struct span rest;
		char c, after;

		at = span_find(text, '<', at);
		rest = span_from(text, at);
		*token_r = (struct html_token){ .kind = HTML_END, .start = at, .end = at };
		if (rest.n == 0)
			break;
		/* What comes behind would make it a tag. */
		if (rest.n == 1) {
			token_r->kind = HTML_OPEN;
			token_r->end = text.n;
			break;
		}
		c = rest.p[1];
		after = rest.n > 2 ? rest.p[2] : '\0';
		if (ascii_alpha(c) || (c == '/' && ascii_alpha(after))) {
			token_r->kind = c == '/' ? HTML_CLOSE : HTML_START;
			read_tag(text, at + (c == '/' ? 2 : 1), token_r);
			break;
		}
		if (c != '!' && c != '?' && c != '/')
			continue;
		token_r->kind = HTML_COMMENT;
		if (span_starts(rest, SPAN("<!--")))
			end = comment_end(text, at + 4);
		else if (foreign && span_starts(rest, SPAN("<![CDATA[")))
			end = behind(text, at + 9, SPAN("]]>"));
		else
			end = behind(text, at + 2, SPAN(">"));
		if (end == SIZE_MAX) {
			token_r->kind = HTML_OPEN;
			end = text.n;
		}
		token_r->end = end;
		break;
	}
	if (token_r->kind == HTML_END)
		token_r->start = token_r->end = text.n;
	*at_io = token_r->end;
}

/* "</name" or "<name" at s, with an octet behind that ends a name. */
static bool is_tag(struct span s, bool close, struct span name)
{
	size_t skip = close ? 2 : 1;

	return s.n > skip + name.n && s.p[0] == '<' && (!close || s.p[1] == '/') &&
	       span_eq_nocase(span_make(s.p + skip, name.n), name) &&
	       is_tag_end(s.p[skip + name.n]);
}

/* Script: after "<!--" a "<script" hides the next "</script", up to "-->". */
static size_t script_end(struct span text, size_t from, struct span name)
{
	enum { PLAIN, ESCAPED, TWICE } state = PLAIN;
	size_t dashes = 0; /* directly in front */

	for (size_t at = from; at < text.n; at++) {
		struct span rest = span_from(text, at);
		char c = text.p[at];

		if (c == '-') {
			dashes++;
			continue;
		}
		if (c == '>' && dashes >= 2)
			state = PLAIN;
		dashes = 0;
		if (c != '<')
			continue;
		if (state == PLAIN && span_starts(rest, SPAN("<!--"))) {
			state = ESCAPED;
			at += 3;
			dashes = 2;
		} else if (is_tag(rest, true, name)) {
			if (state != TWICE)
				return at;
			state = ESCAPED;
		} else if (state == ESCAPED && is_tag(rest, false, name)) {
			state = TWICE;
		}
	}
	return text.n;
}

size_t html_raw_end(struct span text, size_t from, const struct html_token *start)
{
	if (start->element == HTML_PLAINTEXT)
		return text.n;
	if (start->element == HTML_SCRIPT)
		return script_end(text, from, start->name);
	for (size_t at = from;; at++) {
		at = span_find(text, '<', at);
		if (at >= text.n)
			return text.n;
		if (is_tag(span_from(text, at), true, start->name))
			return at;
	}
}
