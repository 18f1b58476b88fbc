/* footer_write - the words of a footer, as HTML and as plain text. Knows no message. */
#include "fold.h"
#include "footer.h"
#include "footer_parts.h"
#include "html.h"

#define COLUMNS 72 /* of a line of plain text */

bool footer_is_url(struct span url)
{
	if (!span_eq_nocase(span_head(url, 8), SPAN("https://")) &&
	    !span_eq_nocase(span_head(url, 7), SPAN("http://")) &&
	    !span_eq_nocase(span_head(url, 7), SPAN("mailto:")))
		return false;
	for (size_t i = 0; i < url.n; i++)
		if (url.p[i] <= ' ' || url.p[i] > '~' || strchr("<>\"", url.p[i]) != NULL)
			return false;
	return true;
}

bool footer_is_page(struct span text)
{
	return span_starts(text, SPAN("https://")) && footer_is_url(text);
}

static bool has_words(struct span text)
{
	struct buf folded = BUF_INIT(SIZE_MAX / 2);
	bool has;

	fold(text, &folded);
	has = folded.n > 0 && span_is_utf8(text);
	buf_free(&folded);
	return has;
}

static bool has_lines(const char *const *lines, bool pages)
{
	for (; lines != NULL && *lines != NULL; lines++)
		if ((pages && footer_is_page(span_cstr(*lines))) ||
		    has_words(span_cstr(*lines)))
			return true;
	return false;
}

unsigned footer_known(const struct footer_facts *facts)
{
	unsigned known = 0;

	if (facts->texts == NULL)
		return 0;
	known |= FOOTER_BIT(FOOTER_ADVERTISING);
	if (has_words(facts->name))
		known |= FOOTER_BIT(FOOTER_NAME);
	if (has_lines(facts->address, false))
		known |= FOOTER_BIT(FOOTER_ADDRESS);
	if (has_words(facts->contact))
		known |= FOOTER_BIT(FOOTER_CONTACT);
	if (footer_is_url(facts->unsubscribe))
		known |= FOOTER_BIT(FOOTER_WAY_OUT);
	if (footer_is_url(facts->preferences))
		known |= FOOTER_BIT(FOOTER_PREFERENCES);
	if (has_lines(facts->imprint, true))
		known |= FOOTER_BIT(FOOTER_IMPRINT);
	return known;
}

/* ---- what is written, in whatever form ---- */

struct writer {
	struct buf *out;
	bool html;
	bool in_block; /* a paragraph has begun */
};

static void escape(struct buf *out, struct span text)
{
	html_escape_url(text, out);
}

/* Paragraphs of lines. */
static void end_block(struct writer *w)
{
	if (w->in_block)
		buf_add_cstr(w->out, w->html ? "</p>\r\n" : "\r\n");
	w->in_block = false;
}

static void next_line(struct writer *w)
{
	if (!w->in_block)
		buf_add_cstr(w->out, w->html ? "<p style=\"margin:0 0 8px\">" : "");
	else if (w->html)
		buf_add_cstr(w->out, "<br>\r\n");
	w->in_block = true;
}

static size_t characters(struct span utf8)
{
	size_t n = 0;

	for (size_t i = 0; i < utf8.n; i++)
		n += ((unsigned char)utf8.p[i] & 0xc0) != 0x80;
	return n;
}

/* Words up to a line's length. A line begins with what is neither stuffing, nor a quote, nor the
 * start of a message in a mailbox (RFC 3676 section 4.4, RFC 4155), and ends without a blank. */
static void wrap(struct buf *out, struct span text)
{
	size_t column = 0;
	struct span word;

	while (span_next(&text, ' ', &word)) {
		size_t n = characters(word);

		if (n == 0)
			continue;
		if (column > 0 && column + 1 + n > COLUMNS) {
			buf_add_cstr(out, "\r\n");
			column = 0;
		}
		if (column > 0 || word.p[0] == '>' || span_eq(word, SPAN("From"))) {
			buf_add_char(out, ' ');
			column++;
		}
		buf_add_span(out, word);
		column += n;
	}
	buf_add_cstr(out, "\r\n");
}

static void put_line(struct writer *w, struct span label, struct span text)
{
	struct buf line = BUF_INIT(SIZE_MAX / 2);

	if (label.n > 0)
		buf_printf(&line, "%.*s: ", SPAN_ARG(label));
	for (size_t i = 0; i < text.n; i++)
		/* A line is one. */
		buf_add_char(&line, (unsigned char)text.p[i] < ' ' ? ' ' : text.p[i]);
	next_line(w);
	if (w->html)
		escape(w->out, buf_span(&line));
	else
		wrap(w->out, buf_span(&line));
	w->out->failed = w->out->failed || line.failed;
	buf_free(&line);
}

static void put_link(struct writer *w, struct span label, struct span url)
{
	if (!w->html) {
		put_line(w, label, url);
		return;
	}
	next_line(w);
	buf_add_cstr(w->out, "<a href=\"");
	escape(w->out, url);
	buf_add_cstr(w->out, "\" style=\"color:#0b4da2;text-decoration:underline\">");
	escape(w->out, label);
	buf_add_cstr(w->out, "</a>");
}

/* Does the address begin with the name? */
static bool is_named(const struct footer_facts *facts)
{
	struct buf name = BUF_INIT(SIZE_MAX / 2), first = BUF_INIT(SIZE_MAX / 2);
	bool is;

	fold(facts->name, &name);
	fold(span_cstr(facts->address[0]), &first);
	is = span_starts(buf_span(&first), buf_span(&name));
	buf_free(&name);
	buf_free(&first);
	return is;
}

static void put_sender(struct writer *w, const struct footer_facts *facts, unsigned items)
{
	bool address = (items & FOOTER_BIT(FOOTER_ADDRESS)) != 0;

	if ((items & FOOTER_BIT(FOOTER_NAME)) != 0 && !(address && is_named(facts)))
		put_line(w, SPAN(""), facts->name);
	for (const char *const *line = facts->address; address && *line != NULL; line++)
		put_line(w, SPAN(""), span_cstr(*line));
	if ((items & FOOTER_BIT(FOOTER_CONTACT)) == 0)
		return;
	if (footer_is_page(facts->contact) && w->html)
		put_link(w, facts->contact, facts->contact);
	else
		put_line(w, phrases_of(facts->texts, facts->language)[FOOTER_TEXT_CONTACT],
		    facts->contact);
}

static void put_imprint(struct writer *w, const struct footer_facts *facts, struct span label)
{
	struct span first = label;

	for (const char *const *line = facts->imprint; *line != NULL; line++) {
		if (footer_is_page(span_cstr(*line)))
			continue;
		put_line(w, first, span_cstr(*line));
		first = SPAN("");
	}
	for (const char *const *line = facts->imprint; *line != NULL; line++)
		if (footer_is_page(span_cstr(*line)))
			put_link(w, label, span_cstr(*line));
}

static void put_items(struct writer *w, const struct footer_facts *facts, unsigned items)
{
	const struct span *texts = phrases_of(facts->texts, facts->language);

	if ((items & FOOTER_BIT(FOOTER_ADVERTISING)) != 0)
		put_line(w, SPAN(""), texts[FOOTER_TEXT_ADVERTISING]);
	end_block(w);
	put_sender(w, facts, items);
	end_block(w);
	if ((items & FOOTER_BIT(FOOTER_WAY_OUT)) != 0)
		put_link(w, texts[FOOTER_TEXT_UNSUBSCRIBE], facts->unsubscribe);
	if ((items & FOOTER_BIT(FOOTER_PREFERENCES)) != 0)
		put_link(w, texts[FOOTER_TEXT_PREFERENCES], facts->preferences);
	end_block(w);
	if ((items & FOOTER_BIT(FOOTER_IMPRINT)) != 0)
		put_imprint(w, facts, texts[FOOTER_TEXT_IMPRINT]);
	end_block(w);
}

/* ---- the two forms ---- */

/* Colours, size and place of its own: what stands around it may have any. */
void footer_write_html(const struct footer_facts *facts, unsigned items, struct buf *out)
{
	struct writer w = { .out = out, .html = true };
	struct span direction =
	    phrases_of(facts->texts, facts->language)[FOOTER_TEXT_DIRECTION];

	buf_printf(out,
	    "\r\n<div dir=\"%.*s\" style=\"clear:both;margin:16px 0 0;padding:12px;"
	    "background-color:#ffffff;color:#333333;font-family:Arial,Helvetica,sans-serif;"
	    "font-size:12px;line-height:1.5;text-align:center\">\r\n",
	    SPAN_ARG(direction));
	put_items(&w, facts, items);
	buf_add_cstr(out, "</div>\r\n");
}

void footer_write_text(const struct footer_facts *facts, unsigned items, struct buf *out)
{
	struct writer w = { .out = out };

	put_items(&w, facts, items);
	/* Between paragraphs there is an empty line, behind the last there is none. */
	if (out->n >= 4)
		out->n -= 2;
}

void footer_frame_text(
    const struct rewrite_part *part, size_t place, struct span lines, struct buf *out)
{
	struct span before = span_head(part->text, place);
	bool soft = part->mime.flowed && before.n >= 3 &&
		    span_eq(span_from(before, before.n - 3), SPAN(" \r\n"));

	if (before.n > 0 && before.p[before.n - 1] != '\n')
		buf_add_cstr(out, "\r\n");
	/* A line that flows on takes an empty one as its end. */
	if (soft)
		buf_add_cstr(out, "\r\n");
	if (before.n > 0 &&
	    (before.n < 4 || !span_eq(span_from(before, before.n - 4), SPAN("\r\n\r\n"))))
		buf_add_cstr(out, "\r\n");
	buf_add_span(out, lines);
	if (place < part->text.n)
		buf_add_cstr(out, "\r\n");
}

void footer_plainer(struct span utf8, struct buf *out)
{
	static const struct {
		struct span from, to;
	} table[] = {
		{ SPAN("\xc2\xa0"), SPAN(" ") },
		{ SPAN("\xc2\xab"), SPAN("\"") },
		{ SPAN("\xc2\xb7"), SPAN("-") },
		{ SPAN("\xc2\xbb"), SPAN("\"") },
		{ SPAN("\xc5\x92"), SPAN("OE") },
		{ SPAN("\xc5\x93"), SPAN("oe") },
		{ SPAN("\xe2\x80\x90"), SPAN("-") },
		{ SPAN("\xe2\x80\x91"), SPAN("-") },
		{ SPAN("\xe2\x80\x93"), SPAN("-") },
		{ SPAN("\xe2\x80\x94"), SPAN("-") },
		{ SPAN("\xe2\x80\x98"), SPAN("'") },
		{ SPAN("\xe2\x80\x99"), SPAN("'") },
		{ SPAN("\xe2\x80\x9a"), SPAN("'") },
		{ SPAN("\xe2\x80\x9c"), SPAN("\"") },
		{ SPAN("\xe2\x80\x9d"), SPAN("\"") },
		{ SPAN("\xe2\x80\x9e"), SPAN("\"") },
		{ SPAN("\xe2\x80\xa2"), SPAN("-") },
		{ SPAN("\xe2\x80\xa6"), SPAN("...") },
		{ SPAN("\xe2\x80\xaf"), SPAN(" ") },
	};

	for (size_t at = 0; at < utf8.n;) {
		size_t i = 0;

		while (
		    i < ARRAY_SIZE(table) && !span_starts(span_from(utf8, at), table[i].from))
			i++;
		if (i < ARRAY_SIZE(table)) {
			buf_add_span(out, table[i].to);
			at += table[i].from.n;
		} else {
			buf_add_char(out, utf8.p[at++]);
		}
	}
}
