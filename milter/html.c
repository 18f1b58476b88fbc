/* html - links in HTML: walks over the tokens and keeps the little state that decides whether a tag
 * is one. Knows neither mail nor URLs. */
#include "html.h"
#include "html_token.h"

struct finder {
	struct arena *arena;
	struct span text;
	const struct html_limits *limits;
	struct html_links *links;
	size_t room;
	size_t anchor;                 /* index of the open <a> + 1; 0: none */
	size_t body_close, html_close; /* the last of them + 1; 0: none */
	size_t templates;              /* open ones */
	bool select;
	bool raw_open;             /* raw text that does not end */
	enum html_element foreign; /* HTML_SVG or HTML_MATH while inside */
	size_t foreign_depth;      /* open ones of that name */
	bool integrated; /* an element with HTML in it was seen inside of foreign content */
};

/* Is what stands here shown as HTML? */
static bool is_shown(const struct finder *f)
{
	return f->templates == 0 && !f->select && f->foreign_depth == 0;
}

static enum err add_link(struct finder *f, const struct html_token *token)
{
	struct html_links *links = f->links;
	size_t room = f->room == 0 ? 32 : f->room * 2;
	struct html_link *bigger;

	if (links->count == f->limits->links_max)
		return ERR_TOOBIG;
	if (links->count == f->room) {
		bigger = arena_array(f->arena, room, sizeof *bigger);
		if (bigger == NULL)
			return ERR_NOMEM;
		if (links->count > 0)
			memcpy(bigger, links->at, links->count * sizeof *bigger);
		links->at = bigger;
		f->room = room;
	}
	links->at[links->count++] = (struct html_link){ .tag = token->start,
		.tag_end = token->end,
		.value = token->value,
		.value_end = token->value_end,
		.text = token->end,
		.text_end = token->end,
		.quote = token->quote,
		.area = token->element == HTML_AREA };
	return ERR_OK;
}

static void end_anchor(struct finder *f, size_t at)
{
	if (f->anchor > 0)
		f->links->at[f->anchor - 1].text_end = at;
	f->anchor = 0;
}

/* The content of <noscript> is raw text for browsers that run scripts and markup for others: true
 * when both see its end at the same place and nothing in it reaches further. */
static bool both_see_end(struct span content)
{
	struct html_token token;
	size_t at = 0;

	do {
		html_next_token(content, &at, false, &token);
		if (token.kind == HTML_OPEN || token.kind == HTML_COMMENT ||
		    token.element >= HTML_RAW || token.element == HTML_SVG ||
		    token.element == HTML_MATH || token.element == HTML_TEMPLATE ||
		    token.element == HTML_SELECT || token.element == HTML_A)
			return false;
	} while (token.kind != HTML_END);
	return true;
}

/* Raw text begins behind token. Gives where it ends. */
static size_t skip_raw(struct finder *f, const struct html_token *token)
{
	size_t end = html_raw_end(f->text, token->end, token);
	struct span content = { f->text.p + token->end, end - token->end };

	f->raw_open = end == f->text.n;
	if (f->foreign_depth > 0) {
		/* There it is markup for browsers, but not for all programs. */
		if (!token->self_closing &&
		    (f->integrated || memchr(content.p, '<', content.n) != NULL))
			f->links->stopped = true;
		if (token->element == HTML_TITLE)
			f->integrated = true;
		return token->self_closing ? token->end : end;
	}
	/* Most start tags are ignored inside <select>, which changes what they begin. */
	if (f->select && token->element != HTML_SCRIPT && token->element != HTML_TEXTAREA)
		f->links->stopped = true;
	if (token->element == HTML_NOSCRIPT && !both_see_end(content))
		f->links->stopped = true;
	return end;
}

static void enter_foreign(struct finder *f, const struct html_token *token)
{
	if (f->select || f->integrated)
		f->links->stopped = true;
	if (token->self_closing)
		return;
	if (f->foreign_depth == 0)
		f->foreign = token->element;
	if (f->foreign == token->element)
		f->foreign_depth++;
}

static enum err start_tag(struct finder *f, const struct html_token *token, size_t *at_io)
{
	enum err r;

	switch (token->element) {
	case HTML_A:
		if (is_shown(f))
			end_anchor(f, token->start);
		/* fall through */
	case HTML_AREA:
		if (!is_shown(f) || !token->has_href)
			return ERR_OK;
		r = add_link(f, token);
		if (r == ERR_OK && token->element == HTML_A)
			f->anchor = f->links->count;
		return r;
	case HTML_SELECT: f->select = true; return ERR_OK;
	case HTML_TEMPLATE:
		if (f->foreign_depth == 0)
			f->templates++;
		return ERR_OK;
	case HTML_FRAMESET: f->links->stopped = true; return ERR_OK;
	case HTML_SVG:
	case HTML_MATH: enter_foreign(f, token); return ERR_OK;
	case HTML_INTEGRATION:
		if (f->foreign_depth > 0)
			f->integrated = true;
		return ERR_OK;
	case HTML_BREAKOUT:
	case HTML_BLOCK:
		/* Ends foreign content for a browser: nothing else need think so. */
		if (f->foreign_depth > 0 && !f->integrated)
			f->links->stopped = true;
		return ERR_OK;
	case HTML_RAW:
	case HTML_TITLE:
	case HTML_TEXTAREA:
	case HTML_NOSCRIPT:
	case HTML_SCRIPT:
	case HTML_PLAINTEXT: *at_io = skip_raw(f, token); return ERR_OK;
	case HTML_OTHER:
	case HTML_BODY:
	case HTML_HTML: break;
	}
	return ERR_OK;
}

static void close_tag(struct finder *f, const struct html_token *token)
{
	switch (token->element) {
	case HTML_A:
		if (is_shown(f))
			end_anchor(f, token->start);
		break;
	case HTML_SELECT: f->select = false; break;
	case HTML_TEMPLATE:
		if (f->templates > 0 && f->foreign_depth == 0)
			f->templates--;
		break;
	case HTML_SVG:
	case HTML_MATH:
		if (f->foreign_depth > 0 && token->element == f->foreign &&
		    --f->foreign_depth == 0)
			f->integrated = false;
		break;
	case HTML_BODY:
		if (is_shown(f))
			f->body_close = token->start + 1;
		break;
	case HTML_HTML:
		if (is_shown(f))
			f->html_close = token->start + 1;
		break;
	default: break;
	}
}

enum err html_scan(struct arena *arena, struct span text, const struct html_limits *limits,
    struct html_links *links_r)
{
	struct finder f = { .arena = arena, .text = text, .limits = limits, .links = links_r };
	struct html_token token = { 0 };
	enum err r = ERR_OK;
	size_t at = 0;

	*links_r = (struct html_links){ 0 };
	while (r == ERR_OK && !links_r->stopped) {
		html_next_token(text, &at, f.foreign_depth > 0, &token);
		if (token.kind == HTML_END || token.kind == HTML_OPEN)
			break;
		if (token.attributes > limits->attributes_max)
			r = ERR_RANGE;
		else if (token.kind == HTML_START)
			r = start_tag(&f, &token, &at);
		else if (token.kind == HTML_CLOSE)
			close_tag(&f, &token);
		else if (f.integrated &&
			 span_starts(span_from(text, token.start), SPAN("<![CDATA[")))
			links_r->stopped = true;
	}
	if (r != ERR_OK)
		return r;
	end_anchor(&f, links_r->stopped ? token.start : text.n);
	links_r->body_end = text.n;
	links_r->body_end_usable =
	    token.kind == HTML_END && is_shown(&f) && !f.raw_open && !links_r->stopped;
	if (!links_r->stopped && (f.body_close > 0 || f.html_close > 0)) {
		links_r->body_end = (f.body_close > 0 ? f.body_close : f.html_close) - 1;
		links_r->body_end_usable = true;
	}
	return ERR_OK;
}
