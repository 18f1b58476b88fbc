/* reply_subject - the words of a reply in the one form that rules are written for. */
#include "replies.h"

static bool three_digits(struct span s)
{
	return s.n >= 3 && s.p[0] >= '2' && s.p[0] <= '5' && ascii_digit(s.p[1]) &&
	       ascii_digit(s.p[2]);
}

/* Octets of an enhanced status code (RFC 3463 section 2) that s starts with; 0: it does not. */
static size_t status_length(struct span s)
{
	size_t n = 2;

	if (s.n < 5 || (s.p[0] != '2' && s.p[0] != '4' && s.p[0] != '5') || s.p[1] != '.')
		return 0;
	for (int part = 0; part < 2; part++) {
		size_t digits = 0;

		while (n < s.n && digits < 4 && ascii_digit(s.p[n])) {
			n++;
			digits++;
		}
		if (digits == 0 || digits > 3)
			return 0;
		if (part == 0 && (n >= s.n || s.p[n++] != '.'))
			return 0;
	}
	return n < s.n && (ascii_digit(s.p[n]) || s.p[n] == '.') ? 0 : n;
}

static size_t find_text(struct span s, struct span what)
{
	for (size_t i = 0; i + what.n <= s.n; i++)
		if (memcmp(s.p + i, what.p, what.n) == 0)
			return i;
	return s.n;
}

/* What is in front of the reply and behind it in a log or a report goes. */
static struct span bare_reply(struct span text)
{
	static const struct span said = { " said: ", 7 },
				 refused = { " refused to talk to me: ", 24 };
	static const struct span tail = { " (in reply to ", 14 };
	size_t at = find_text(text, said);

	if (at < text.n) {
		text = span_from(text, at + said.n);
	} else {
		at = find_text(text, refused);
		if (at < text.n)
			text = span_from(text, at + refused.n);
	}
	if (span_starts_nocase(text, SPAN("smtp;")))
		text = span_from(text, 5);
	at = find_text(text, tail);
	return span_trim(span_head(text, at));
}

/* Octets of "550-5.1.1 " or "550 5.1.1-" and the like at the start of a later line, if s starts
 * with one: the same code, then the same status or none. Postfix joins lines with a blank. */
static size_t repeated_length(struct span s, struct span code, struct span status)
{
	size_t n = 4;

	if (code.n != 3 || s.n < 4 || memcmp(s.p, code.p, 3) != 0 ||
	    (s.p[3] != '-' && s.p[3] != ' '))
		return 0;
	if (status.n > 0 && span_starts(span_from(s, 4), status)) {
		n += status.n;
		if (n < s.n && (s.p[n] == ' ' || s.p[n] == '-'))
			n++;
		return n;
	}
	/* Without a status, only the dash tells a further line from a number in the text. */
	return s.p[3] == '-' ? n : 0;
}

/* One line, one blank between words, without what later lines repeat. */
static void put_text(
    struct span rest, struct span code, struct span status, size_t most, struct buf *out)
{
	bool blank = true; /* one is due before the next octet */

	while (rest.n > 0 && out->n < most && buf_ok(out)) {
		size_t skip = blank ? repeated_length(rest, code, status) : 0;
		char c = rest.p[0];

		if ((unsigned char)c <= ' ' || c == 0x7f) {
			blank = true;
			skip = 1;
		}
		if (skip == 0) {
			if (blank)
				buf_add_char(out, ' ');
			buf_add_char(out, c);
			blank = false;
			skip = 1;
		}
		rest = span_from(rest, skip);
	}
}

void reply_subject(struct span text, struct span status, struct buf *out)
{
	struct span rest = bare_reply(span_head(text, 2 * REPLY_TEXT_MAX)), code = SPAN("");
	struct span own = SPAN("");
	size_t most = out->n + REPLY_TEXT_MAX - 1;

	if (three_digits(rest) && (rest.n == 3 || rest.p[3] == ' ' || rest.p[3] == '-')) {
		code = span_head(rest, 3);
		rest = span_trim(span_from(rest, 4));
		/* Some put a mark in front: "550-#5.1.1 ...". */
		if (rest.n > 0 && rest.p[0] == '#' && status_length(span_from(rest, 1)) > 0)
			rest = span_from(rest, 1);
		own = span_head(rest, status_length(rest));
		rest = span_from(rest, own.n);
		if (own.n > 0 && rest.n > 0 && (rest.p[0] == '-' || rest.p[0] == ':'))
			rest = span_from(rest, 1);
	}
	if (own.n == 0 && status.n > 0 && status_length(status) == status.n)
		own = status;
	buf_add_span(out, code.n > 0 ? code : SPAN("000"));
	buf_add_char(out, ' ');
	buf_add_span(out, own.n > 0 ? own : SPAN("0.0.0"));
	put_text(rest, code, own, most, out);
}

void reply_mask(struct span subject, struct buf *out)
{
	size_t most = out->n + 200;

	while (subject.n > 0 && out->n < most && buf_ok(out)) {
		size_t n = 0;
		bool address = false;

		for (; n < subject.n && strchr(" <>()[]{}\"',;:", subject.p[n]) == NULL; n++)
			address = address || subject.p[n] == '@';
		if (address) {
			buf_add(out, "<@>", 3);
		} else {
			for (size_t i = 0; i < n; i++)
				buf_add_char(
				    out, ascii_digit(subject.p[i]) ? '#' : subject.p[i]);
		}
		if (n < subject.n)
			buf_add_char(out, subject.p[n++]);
		subject = span_from(subject, n);
	}
}
