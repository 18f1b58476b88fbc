/* footer_look - which parts of a message its recipients read, and what of a footer each of them
 * has. Changes nothing. */
#include "charset.h"
#include "fold.h"
#include "footer.h"
#include "footer_parts.h"
#include "html.h"
#include "html_token.h"
#include "html_view.h"
#include "links.h"
#include "text_links.h"

#define LINE_OCTETS_MAX     1000 /* of a line of plain text, as far as it is looked at for words */
#define SIGNATURE_LINES_MAX 10   /* more than this behind "-- " is no signature */
#define TEXT_LINKS_MAX      5000 /* in front of a line "-- ", behind it, ... */
#define ANCHOR_OCTETS_MAX   65536u

/* ---- which parts count ---- */

enum { ENTERED = 1, HAS_TEXT = 2 };

/* Would a reader take it for the text of the message, readable or not? */
static bool counts(const struct mime_part *mime)
{
	if (span_eq(mime->type, SPAN("application/pkcs7-mime")) ||
	    span_eq(mime->type, SPAN("application/x-pkcs7-mime")))
		return true;
	if (!span_starts(mime->type, SPAN("multipart/")) &&
	    !span_eq(mime->type, SPAN("text/html")) && !span_eq(mime->type, SPAN("text/plain")))
		return false;
	return mime->skip != MIME_ATTACHMENT;
}

static enum err choose(struct arena *arena, const struct rewrite *r, struct footer *f)
{
	unsigned char *states = arena_alloc(arena, r->part_count);

	f->at = arena_array(arena, r->part_count, sizeof *f->at);
	if (states == NULL || f->at == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < r->part_count; i++) {
		const struct mime_part *mime = &r->parts[i].mime;
		int above = mime->parent;

		/* Of alternatives all are read, of other multiparts the first that is text. */
		if (above >= 0 &&
		    (states[above] == 0 || ((states[above] & HAS_TEXT) != 0 &&
					       !span_eq(r->parts[above].mime.type,
						   SPAN("multipart/alternative")))))
			continue;
		if (mime->boundary.p != NULL && mime->skip == MIME_EDITABLE) {
			states[i] = ENTERED;
			continue;
		}
		if (!counts(mime))
			continue;
		f->at[f->count++] = (struct footer_part){ .part = i };
		for (; above >= 0; above = r->parts[above].mime.parent)
			states[above] |= HAS_TEXT;
	}
	return ERR_OK;
}

static bool is_blank(const struct rewrite *r, const struct footer_part *part)
{
	return part->unread == NULL && span_trim(r->parts[part->part].text).n == 0;
}

/* An empty alternative says nothing that would need a footer, unless all are empty. */
static void drop_blank(const struct rewrite *r, struct footer *f)
{
	size_t kept = 0;

	for (size_t i = 0; i < f->count; i++)
		if (!is_blank(r, &f->at[i]))
			f->at[kept++] = f->at[i];
	if (kept > 0)
		f->count = kept;
}

/* ---- phrases ---- */

/* What is looked for, folded once for all parts. */
struct seeker {
	struct arena *arena;
	const struct rewrite *r;
	const struct footer_facts *facts;
	struct buf name, address, contact, imprint; /* folded */
	bool name_is_prose, address_is_prose;       /* they hold no URL and no mail address */
	struct span advertising[PHRASES_LANGUAGES_MAX];
};

/* What one part shows. */
struct shown {
	struct buf text;  /* folded */
	struct buf prose; /* the same without URLs and mail addresses */
	bool way_out, preferences, contact;
	uint32_t pages; /* bit n: line n of the imprint, a page that is linked to */
};

/* acme.example in an address or URL does not say that Acme sends. False: there were some. */
static bool cut_addresses(struct span text, struct buf *out)
{
	bool none = true;

	while (text.n > 0) {
		size_t n = 0;
		struct span word;

		while (n < text.n && !html_is_blank(text.p[n]))
			n++;
		word = span_head(text, n);
		if (memchr(word.p, '@', word.n) != NULL ||
		    memmem(word.p, word.n, "://", 3) != NULL ||
		    span_eq_nocase(span_head(word, 4), SPAN("www.")))
			none = false;
		else
			buf_add_span(out, word);
		if (n < text.n)
			buf_add_char(out, ' ');
		text = span_from(text, n + 1);
	}
	return none;
}

static bool is_prose(struct span text)
{
	struct buf ignored = BUF_INIT(SIZE_MAX / 2);
	bool is = cut_addresses(text, &ignored);

	buf_free(&ignored);
	return is;
}

static bool are_prose(const char *const *lines)
{
	while (lines != NULL && *lines != NULL && is_prose(span_cstr(*lines)))
		lines++;
	return lines == NULL || *lines == NULL;
}

/* The text of a part, in UTF-8. */
static void show(struct span text, struct shown *shown)
{
	struct buf prose = BUF_INIT(SIZE_MAX / 2);

	fold(text, &shown->text);
	cut_addresses(text, &prose);
	fold(buf_span(&prose), &shown->prose);
	shown->prose.failed = shown->prose.failed || prose.failed || shown->text.failed;
	buf_free(&prose);
}

static void fold_lines(const char *const *lines, struct buf *out)
{
	struct buf text = BUF_INIT(SIZE_MAX / 2);

	for (; lines != NULL && *lines != NULL; lines++)
		if (!footer_is_page(span_cstr(*lines)))
			buf_printf(&text, "%s\n", *lines);
	fold(buf_span(&text), out);
	out->failed = out->failed || text.failed;
	buf_free(&text);
}

static enum err seeker_init(struct seeker *s)
{
	const struct footer_facts *facts = s->facts;
	enum err e = ERR_OK;

	s->name_is_prose = is_prose(facts->name);
	s->address_is_prose = are_prose(facts->address);
	fold(facts->name, &s->name);
	fold_lines(facts->address, &s->address);
	fold_lines(facts->imprint, &s->imprint);
	fold(facts->contact, &s->contact);
	for (size_t i = 0; facts->texts != NULL && i < facts->texts->count; i++) {
		struct buf out = BUF_INIT(PHRASES_OCTETS_MAX);
		char *copy;

		fold(phrases_of(facts->texts, i)[FOOTER_TEXT_ADVERTISING], &out);
		copy = arena_dup(s->arena, buf_span(&out));
		s->advertising[i] = span_make(copy, out.n);
		if (!buf_ok(&out) || copy == NULL)
			e = ERR_NOMEM;
		buf_free(&out);
	}
	if (s->name.failed || s->address.failed || s->imprint.failed || s->contact.failed)
		e = ERR_NOMEM;
	return e;
}

static void seeker_deinit(struct seeker *s)
{
	buf_free(&s->name);
	buf_free(&s->address);
	buf_free(&s->contact);
	buf_free(&s->imprint);
}

static bool has_imprint(const struct seeker *s, const struct shown *shown)
{
	const char *const *lines = s->facts->imprint;
	bool any = s->imprint.n > 0;

	if (any && !fold_has(buf_span(&shown->text), buf_span(&s->imprint)))
		return false;
	for (unsigned i = 0; lines != NULL && lines[i] != NULL && i < FOOTER_LINES_MAX; i++) {
		if (!footer_is_page(span_cstr(lines[i])))
			continue;
		if ((shown->pages >> i & 1) == 0)
			return false;
		any = true;
	}
	return any;
}

static unsigned found_in(const struct seeker *s, const struct shown *shown)
{
	struct span text = buf_span(&shown->text), prose = buf_span(&shown->prose);
	unsigned found = 0;

	for (size_t i = 0; s->facts->texts != NULL && i < s->facts->texts->count; i++)
		if (fold_has(text, s->advertising[i]))
			found |= FOOTER_BIT(FOOTER_ADVERTISING);
	if (fold_has(s->name_is_prose ? prose : text, buf_span(&s->name)))
		found |= FOOTER_BIT(FOOTER_NAME);
	if (fold_has(s->address_is_prose ? prose : text, buf_span(&s->address)))
		found |= FOOTER_BIT(FOOTER_ADDRESS);
	if (shown->contact || fold_has(text, buf_span(&s->contact)))
		found |= FOOTER_BIT(FOOTER_CONTACT);
	if (shown->way_out)
		found |= FOOTER_BIT(FOOTER_WAY_OUT);
	if (shown->preferences)
		found |= FOOTER_BIT(FOOTER_PREFERENCES);
	if (has_imprint(s, shown))
		found |= FOOTER_BIT(FOOTER_IMPRINT);
	return found;
}

/* ---- links ---- */

/* Is this a link to unsubscribe at the tracking host? */
static bool is_own(const struct footer_facts *facts, struct span url)
{
	char host[DOMAIN_MAX];
	size_t path = span_find(url, ':', 0) + 3;

	if (facts->host.n == 0 || path >= url.n || !links_host(url, host) ||
	    !span_eq(span_cstr(host), facts->host))
		return false;
	return span_starts(span_from(url, span_find(url, '/', path)), SPAN("/u/"));
}

/* says: the words that go with it. */
static bool leads_out(const struct footer_facts *facts, struct span url, struct span says)
{
	if (!footer_is_url(url) || links_has_template(url))
		return false;
	for (size_t i = 0; i < facts->listed_count; i++)
		if (span_eq(facts->listed[i], url))
			return true;
	return span_eq(url, facts->unsubscribe) || span_eq(url, facts->preferences) ||
	       is_own(facts, url) || links_speaks_of_unsubscribing(url) ||
	       links_speaks_of_unsubscribing(says);
}

static void judge_url(
    const struct footer_facts *facts, struct span url, struct span says, struct shown *shown)
{
	const char *const *lines = facts->imprint;
	struct span address = url;

	if (leads_out(facts, url, says))
		shown->way_out = true;
	if (facts->preferences.n > 0 && span_eq(url, facts->preferences))
		shown->preferences = true;
	if (span_eq_nocase(span_head(url, 7), SPAN("mailto:")))
		address = span_head(span_from(url, 7), span_find(span_from(url, 7), '?', 0));
	if (facts->contact.n > 0 && span_eq_nocase(address, facts->contact))
		shown->contact = true;
	for (unsigned i = 0; lines != NULL && lines[i] != NULL && i < FOOTER_LINES_MAX; i++)
		if (footer_is_page(span_cstr(lines[i])) && span_eq(url, span_cstr(lines[i])))
			shown->pages |= UINT32_C(1) << i;
}

/* ---- HTML ---- */

static void judge_html_links(const struct seeker *s, const struct rewrite_part *part,
    const struct html_view *view, struct shown *shown)
{
	for (size_t i = 0; i < part->link_count; i++) {
		const struct rewrite_link *link = &s->r->links[part->link_first + i];
		struct buf says = BUF_INIT(ANCHOR_OCTETS_MAX);
		bool area = span_eq_nocase(span_head(link->tag, 5), SPAN("<area"));

		if (link->kind != REWRITE_HTML ||
		    !html_view_shows(view, (size_t)(link->tag.p - part->text.p)))
			continue;
		html_plain_text(link->anchor, &says);
		/* A link around nothing is not seen. */
		if (area || says.n > 0 || says.failed ||
		    memmem(link->anchor.p, link->anchor.n, "<img", 4) != NULL ||
		    memmem(link->anchor.p, link->anchor.n, "<IMG", 4) != NULL)
			judge_url(s->facts, link->url,
			    buf_ok(&says) ? buf_span(&says) : SPAN(""), shown);
		buf_free(&says);
	}
}

/* Text as UTF-8 where it is known how, else as it is. ERR_NOMEM only. */
static enum err to_utf8(const struct seeker *s, const struct rewrite_part *part,
    struct span text, struct span *utf8_r)
{
	enum err e;

	*utf8_r = text;
	if (charset_kind(part->mime.charset) != CHARSET_SAFE)
		return ERR_OK;
	e = charset_decode(s->arena, part->mime.charset, text, utf8_r);
	if (e != ERR_OK)
		*utf8_r = text;
	return e == ERR_NOMEM ? e : ERR_OK;
}

static enum err look_at_html(
    const struct seeker *s, struct footer_part *part, struct shown *shown)
{
	static const char *const closed[] = {
		[HTML_PLACE_FREE] = NULL,
		[HTML_PLACE_TABLE] = "it ends inside of a table",
		[HTML_PLACE_LINK] = "it ends inside of a link",
		[HTML_PLACE_HIDDEN] = "its end is not shown",
	};
	const struct rewrite_part *p = &s->r->parts[part->part];
	struct buf seen = BUF_INIT(SIZE_MAX / 2), text = BUF_INIT(SIZE_MAX / 2);
	struct html_view view;
	struct span utf8;
	enum err e;

	part->place = p->body_end;
	html_view(p->text, part->place, &view, &seen);
	part->closed =
	    p->body_end_usable ? closed[view.place] : "it has no end that all readers agree on";
	e = to_utf8(s, p, buf_span(&seen), &utf8);
	if (e == ERR_OK) {
		html_view_resolve(utf8, &text);
		show(buf_span(&text), shown);
		judge_html_links(s, p, &view, shown);
	}
	if (seen.failed || text.failed || shown->prose.failed)
		e = ERR_NOMEM;
	buf_free(&seen);
	buf_free(&text);
	return e;
}

/* ---- plain text ---- */

/* Without quoted lines; where soft line ends vanish, without these. */
static void unquote(struct span text, bool delsp, struct buf *out)
{
	struct span line;

	while (span_next(&text, '\n', &line)) {
		if (line.n > 0 && line.p[0] == '>')
			continue;
		if (delsp && line.n >= 2 && span_eq(span_from(line, line.n - 2), SPAN(" \r")) &&
		    !span_eq(line, SPAN("-- \r")))
			line.n -= 2;
		else
			line.n += text.p > line.p + line.n ? 1 : 0;
		buf_add_span(out, line);
	}
}

/* Start of the line that ends in front of at, not before first. */
static size_t line_start(struct span text, size_t first, size_t at)
{
	const char *end = memrchr(text.p + first, '\n', at - first);

	return end != NULL ? (size_t)(end - text.p) + 1 : first;
}

/* The line around an octet, and the one before it that is not empty, as far as they are short. */
static struct span around(struct span text, size_t at)
{
	size_t first = at > LINE_OCTETS_MAX ? at - LINE_OCTETS_MAX : 0;
	size_t start = line_start(text, first, at), before = start;

	while (before > first && strchr(" \t\r\n", text.p[before - 1]) != NULL &&
	       text.p[before - 1] != '\0')
		before--;
	if (before > first)
		start = line_start(text, first, before);
	return span_make(
	    text.p + start, span_find(span_head(text, at + LINE_OCTETS_MAX), '\n', at) - start);
}

static enum err judge_text_links(
    const struct seeker *s, const struct mime_part *mime, struct span text, struct shown *shown)
{
	enum err e = ERR_OK;

	/* What stands in a signature is seen, too. */
	while (e == ERR_OK && text.n > 0) {
		struct text_links found;

		e = text_links_find(
		    s->arena, text, mime->flowed, mime->delsp, TEXT_LINKS_MAX, &found);
		for (size_t i = 0; e == ERR_OK && i < found.count; i++) {
			const struct text_link *at = &found.at[i];
			struct buf url = BUF_INIT(SIZE_MAX / 2);

			text_links_url(
			    span_make(text.p + at->start, at->end - at->start), &url);
			judge_url(s->facts, buf_span(&url), around(text, at->start), shown);
			e = buf_ok(&url) ? ERR_OK : ERR_NOMEM;
			buf_free(&url);
		}
		if (e == ERR_OK)
			text = span_from(text, found.append + sizeof "-- \r\n" - 1);
	}
	return e;
}

/* Before a signature, when that is short; else at the end. */
static size_t text_place(const struct rewrite_part *p)
{
	struct span rest = span_from(p->text, p->body_end), line;
	size_t lines = 0;

	while (lines <= SIGNATURE_LINES_MAX + 1 && span_next(&rest, '\n', &line))
		lines++;
	return lines <= SIGNATURE_LINES_MAX + 1 ? p->body_end : p->text.n;
}

static enum err look_at_text(
    const struct seeker *s, struct footer_part *part, struct shown *shown)
{
	const struct rewrite_part *p = &s->r->parts[part->part];
	struct buf text = BUF_INIT(SIZE_MAX / 2);
	struct span utf8;
	enum err e;

	part->place = text_place(p);
	if (!p->body_end_usable)
		part->closed = "it has no place for a line";
	e = to_utf8(s, p, p->text, &utf8);
	if (e == ERR_OK) {
		unquote(utf8, p->mime.flowed && p->mime.delsp, &text);
		show(buf_span(&text), shown);
		e = judge_text_links(s, &p->mime, utf8, shown);
	}
	if (text.failed || shown->prose.failed)
		e = ERR_NOMEM;
	buf_free(&text);
	return e;
}

/* ---- whole ---- */

enum err footer_look(struct arena *arena, const struct rewrite *r,
    const struct footer_facts *facts, struct footer *f_r)
{
	struct seeker s = { .arena = arena,
		.r = r,
		.facts = facts,
		.name = BUF_INIT(SIZE_MAX / 2),
		.address = BUF_INIT(SIZE_MAX / 2),
		.contact = BUF_INIT(SIZE_MAX / 2),
		.imprint = BUF_INIT(SIZE_MAX / 2) };
	enum err e;

	*f_r = (struct footer){ .known = footer_known(facts), .unasked = facts->unasked };
	e = choose(arena, r, f_r);
	if (e == ERR_OK)
		e = seeker_init(&s);
	for (size_t i = 0; e == ERR_OK && i < f_r->count; i++) {
		struct footer_part *part = &f_r->at[i];
		const struct rewrite_part *p = &r->parts[part->part];
		struct shown shown = { .text = BUF_INIT(SIZE_MAX / 2),
			.prose = BUF_INIT(SIZE_MAX / 2) };
		enum err look;

		if (p->mime.skip != MIME_EDITABLE) {
			part->unread = mime_skip_text(p->mime.skip);
			continue;
		}
		look = p->kind == REWRITE_HTML ? look_at_html(&s, part, &shown)
					       : look_at_text(&s, part, &shown);
		/* The arena has a cap, the next part may be smaller. */
		if (look != ERR_OK)
			part->unread = mime_skip_text(
			    look == ERR_TOOBIG ? MIME_TOO_MANY_LINKS : MIME_OVER_MEMORY);
		else
			part->found = found_in(&s, &shown);
		buf_free(&shown.text);
		buf_free(&shown.prose);
	}
	drop_blank(r, f_r);
	seeker_deinit(&s);
	return e;
}
