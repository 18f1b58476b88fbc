/* html_view - walks over the tokens and keeps which element hides, and how many tables and links
 * are open. Knows no mail. */
#include "html_view.h"
#include "html.h"
#include "html_token.h"

struct viewer {
	struct span markup;
	size_t place;
	struct html_view *view;
	struct buf *out;
	struct span hider;   /* name of the element that hides, or empty */
	size_t hider_start;  /* of its start tag */
	size_t hider_depth;  /* open ones of that name */
	size_t tables;       /* open ones */
	bool anchor, placed; /* an <a> is open; the place has been passed */
	bool full;           /* no room for another hidden stretch */
};

static bool is_in(const struct span *names, size_t count, struct span name)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq_nocase(names[i], name))
			return true;
	return false;
}

/* Elements that part no words. */
static bool is_inline(struct span name)
{
	static const struct span names[] = { SPAN("a"), SPAN("abbr"), SPAN("acronym"),
		SPAN("b"), SPAN("bdi"), SPAN("bdo"), SPAN("big"), SPAN("cite"), SPAN("code"),
		SPAN("data"), SPAN("em"), SPAN("font"), SPAN("i"), SPAN("ins"), SPAN("kbd"),
		SPAN("mark"), SPAN("q"), SPAN("s"), SPAN("small"), SPAN("span"), SPAN("strike"),
		SPAN("strong"), SPAN("sub"), SPAN("sup"), SPAN("time"), SPAN("tt"), SPAN("u"),
		SPAN("wbr") };

	return is_in(names, ARRAY_SIZE(names), name);
}

/* Elements without an end. */
static bool is_void(struct span name)
{
	static const struct span names[] = { SPAN("area"), SPAN("base"), SPAN("basefont"),
		SPAN("bgsound"), SPAN("br"), SPAN("col"), SPAN("embed"), SPAN("frame"),
		SPAN("hr"), SPAN("image"), SPAN("img"), SPAN("input"), SPAN("keygen"),
		SPAN("link"), SPAN("meta"), SPAN("param"), SPAN("source"), SPAN("track"),
		SPAN("wbr") };

	return is_in(names, ARRAY_SIZE(names), name);
}

/* Elements whose content is not shown as part of the page's text, or not by all. */
static bool hides_by_name(struct span name)
{
	static const struct span names[] = { SPAN("audio"), SPAN("canvas"), SPAN("datalist"),
		SPAN("del"), SPAN("details"), SPAN("dialog"), SPAN("math"), SPAN("object"),
		SPAN("select"), SPAN("svg"), SPAN("template"), SPAN("video") };

	return is_in(names, ARRAY_SIZE(names), name);
}

/* Is this the declaration, blanks and "!important" left out? */
static bool is_declaration(struct span written, struct span declaration)
{
	size_t matched = 0;

	for (size_t at = 0; at < written.n; at++) {
		char c = ascii_lower(written.p[at]);

		if (html_is_blank(c))
			continue;
		if (matched == declaration.n)
			return c == '!';
		if (c != declaration.p[matched++])
			return false;
	}
	return matched == declaration.n;
}

static bool style_hides(struct span style)
{
	static const struct span declarations[] = { SPAN("display:none"),
		SPAN("visibility:hidden"), SPAN("mso-hide:all"), SPAN("opacity:0"),
		SPAN("font-size:0"), SPAN("font-size:0px") };
	struct span written;

	while (span_next(&style, ';', &written))
		for (size_t i = 0; i < ARRAY_SIZE(declarations); i++)
			if (is_declaration(written, declarations[i]))
				return true;
	return false;
}

static bool hides_by_attribute(struct span tag)
{
	struct html_attr attr;
	size_t at = 0;

	while (html_next_attr(tag, &at, &attr)) {
		struct span name = span_make(tag.p + attr.name, attr.name_end - attr.name);
		struct span value = span_make(tag.p + attr.value, attr.value_end - attr.value);

		if (span_eq_nocase(name, SPAN("hidden")))
			return true;
		if (span_eq_nocase(name, SPAN("style")) && style_hides(value))
			return true;
	}
	return false;
}

static bool is_hidden(const struct viewer *v)
{
	return v->hider.n > 0 || v->full;
}

static void end_hidden(struct viewer *v, size_t end)
{
	struct html_view *view = v->view;

	if (view->hidden_count == HTML_VIEW_HIDDEN_MAX) {
		/* The last one reaches to the end. */
		view->hidden[HTML_VIEW_HIDDEN_MAX - 1].end = v->markup.n + 1;
		v->full = true;
	} else {
		view->hidden[view->hidden_count].start = v->hider_start;
		view->hidden[view->hidden_count].end = end;
		view->hidden_count++;
	}
	v->hider = SPAN("");
}

/* The place lies before what comes next. */
static void judge_place(struct viewer *v)
{
	v->placed = true;
	if (is_hidden(v))
		v->view->place = HTML_PLACE_HIDDEN;
	else if (v->tables > 0)
		v->view->place = HTML_PLACE_TABLE;
	else if (v->anchor)
		v->view->place = HTML_PLACE_LINK;
	else
		v->view->place = HTML_PLACE_FREE;
}

static void start_tag(struct viewer *v, const struct html_token *token)
{
	if (v->hider.n > 0) {
		v->hider_depth += span_eq_nocase(token->name, v->hider) && !token->self_closing;
		return;
	}
	if (token->element == HTML_A)
		v->anchor = true;
	if (span_eq_nocase(token->name, SPAN("table")))
		v->tables++;
	if (is_void(token->name))
		return;
	if (hides_by_name(token->name) ||
	    hides_by_attribute(
		span_make(v->markup.p + token->start, token->end - token->start))) {
		/* "<svg/>" is over at once; of other elements browsers ignore that. */
		if (token->self_closing &&
		    (token->element == HTML_SVG || token->element == HTML_MATH))
			return;
		v->hider = token->name;
		v->hider_start = token->start;
		v->hider_depth = 1;
	}
}

static void close_tag(struct viewer *v, const struct html_token *token)
{
	if (v->hider.n > 0) {
		if (span_eq_nocase(token->name, v->hider) && --v->hider_depth == 0) {
			/* Its start tag was counted. */
			if (token->element == HTML_A)
				v->anchor = false;
			if (v->tables > 0 && span_eq_nocase(token->name, SPAN("table")))
				v->tables--;
			end_hidden(v, token->end);
		}
		return;
	}
	if (token->element == HTML_A)
		v->anchor = false;
	if (v->tables > 0 && span_eq_nocase(token->name, SPAN("table")))
		v->tables--;
}

void html_view(struct span markup, size_t place, struct html_view *view_r, struct buf *out)
{
	struct viewer v = { .markup = markup, .place = place, .view = view_r, .out = out };
	struct html_token token;
	size_t at = 0, from = 0;

	view_r->hidden_count = 0;
	view_r->place = HTML_PLACE_HIDDEN;
	do {
		html_next_token(markup, &at, span_eq_nocase(v.hider, SPAN("svg")), &token);
		if (!v.placed && token.start >= place)
			judge_place(&v);
		if (!is_hidden(&v))
			buf_add(out, markup.p + from, token.start - from);
		from = token.end;
		if (token.kind == HTML_START || token.kind == HTML_CLOSE)
			if (!is_inline(token.name) && !is_hidden(&v))
				buf_add_char(out, '\n');
		if (token.kind == HTML_START)
			start_tag(&v, &token);
		else if (token.kind == HTML_CLOSE)
			close_tag(&v, &token);
		if (token.kind == HTML_START && token.element >= HTML_RAW &&
		    !(v.hider.n > 0 && token.self_closing)) {
			from = at = html_raw_end(markup, token.end, &token);
			/* Also right in front of its end tag. */
			v.placed = v.placed || from >= place;
		}
		/* Inside of a tag or a comment. */
		v.placed = v.placed || from > place;
	} while (token.kind != HTML_END && token.kind != HTML_OPEN);
	if (v.hider.n > 0)
		end_hidden(&v, markup.n + 1);
}

bool html_view_shows(const struct html_view *view, size_t at)
{
	for (size_t i = 0; i < view->hidden_count; i++)
		if (at >= view->hidden[i].start && at < view->hidden[i].end)
			return false;
	return true;
}

void html_view_resolve(struct span text, struct buf *resolved)
{
	bool doubt;

	for (size_t at = 0; at < text.n;) {
		size_t amp = span_find(text, '&', at), taken = 0;

		buf_add(resolved, text.p + at, amp - at);
		if (amp == text.n)
			break;
		taken = html_reference(span_from(text, amp), false, resolved, &doubt);
		if (taken == 0)
			buf_add_char(resolved, '&');
		at = amp + (taken > 0 ? taken : 1);
	}
}
