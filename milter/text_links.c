/* text_links - URLs in plain text. What is not surely a URL of one reading is none. */
#include "text_links.h"

struct finder {
	struct span text; /* up to the signature */
	size_t line;      /* start of the line that was last looked at */
	bool delsp;
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_url_octet(char c)
{
	return (unsigned char)c > ' ' && c != 0x7f && c != '<' && c != '>' && c != '"';
}

static bool is_word_octet(char c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

/* Where the signature line starts, or text.n. */
static size_t find_signature(struct span text)
{
	const struct span line = SPAN("\r\n-- \r\n");
	const char *hit;

	if (span_starts(text, span_from(line, 2)))
		return 0;
	hit = memmem(text.p, text.n, line.p, line.n);
	return hit != NULL ? (size_t)(hit - text.p) + 2 : text.n;
}

/* Start of the line that at is in, a byte order mark left out; at never goes back. */
static size_t line_of(struct finder *f, size_t at)
{
	const char *end = memrchr(f->text.p + f->line, '\n', at - f->line);

	if (end != NULL)
		f->line = (size_t)(end - f->text.p) + 1;
	else if (f->line == 0 && span_starts(f->text, SPAN("\xef\xbb\xbf")))
		f->line = 3;
	return f->line;
}

/* Where the scheme in front of "://" at at begins; at itself when it is not ours. */
static size_t scheme_start(struct span text, size_t at)
{
	static const struct span schemes[] = { SPAN("https"), SPAN("http") };

	for (size_t i = 0; i < ARRAY_SIZE(schemes); i++) {
		size_t n = schemes[i].n;

		if (at < n || !span_eq_nocase(span_make(text.p + at - n, n), schemes[i]))
			continue;
		if (at == n || !is_word_octet(text.p[at - n - 1]))
			return at - n;
	}
	return at;
}

/* The end of the octets that may belong to a URL; over soft line ends when these vanish. */
static size_t run_end(const struct finder *f, size_t at)
{
	struct span text = f->text;

	for (;;) {
		while (at < text.n && is_url_octet(text.p[at]))
			at++;
		if (!f->delsp || !span_starts(span_from(text, at), SPAN(" \r\n")))
			return at;
		/* A quoted line, or nothing: the paragraph is at its end. */
		if (at + 3 >= text.n ||
		    (!is_url_octet(text.p[at + 3]) && text.p[at + 3] != ' '))
			return at;
		if (text.p[at + 3] == ' ' &&
		    (at + 4 >= text.n || !is_url_octet(text.p[at + 4])))
			return at;
		at += text.p[at + 3] == ' ' ? 4 : 3;
	}
}

/* Where a URL behind a '<' ends: at the '>'. Blanks are there only around a line end, no line is
 * empty or quoted. SIZE_MAX: not of that form; 0: it may be, or end with its first line. */
static size_t bracket_end(const struct finder *f, size_t at)
{
	struct span text = f->text;
	size_t from = at, lines = 0, run;
	const char *other;
	bool blank = false;

	for (; at < text.n && text.p[at] != '>'; at++) {
		char c = text.p[at];

		if (is_blank(c)) {
			lines += c == '\n';
			blank = true;
			continue;
		}
		if ((blank && lines != 1) || !is_url_octet(c))
			return SIZE_MAX;
		blank = false;
		lines = 0;
	}
	if (at == text.n || blank)
		return SIZE_MAX;
	/* Another URL, on a line of its own or inside of this one. */
	other = memmem(text.p + from, at - from, "://", 3);
	run = other != NULL ? run_end(f, from) : at;
	if (run == at)
		return at;
	return other < text.p + run ? 0 : SIZE_MAX;
}

/* Without the punctuation of the sentence around it. */
static size_t trim(struct span text, size_t start, size_t end)
{
	static const char open[] = "([{", close[] = ")]}";
	size_t balance[3] = { 0 }; /* closing ones too many */
	size_t opened[3] = { 0 };

	for (size_t at = start; at < end; at++) {
		const char *o = strchr(open, text.p[at]), *c = strchr(close, text.p[at]);

		if (text.p[at] == '\0')
			continue;
		if (o != NULL)
			opened[o - open]++;
		else if (c != NULL && opened[c - close] > 0)
			opened[c - close]--;
		else if (c != NULL)
			balance[c - close]++;
	}
	for (; end > start; end--) {
		char last = text.p[end - 1];
		const char *c = strchr(close, last);

		if (last == '\0')
			break;
		if (c != NULL) {
			if (balance[c - close] == 0)
				break;
			balance[c - close]--;
		} else if (strchr(".,;:!?'\"*_~ \r\n", last) == NULL) {
			break;
		}
	}
	return end;
}

/* Does a letter or digit follow, maybe behind line ends that belong to no URL? */
static bool is_word_next(struct span text, size_t at, size_t end)
{
	while (at < end && is_blank(text.p[at]))
		at++;
	return at < end && is_word_octet(text.p[at]);
}

/* All ASCII, and a host with a dot. host: behind "://". */
static bool is_url(struct span text, size_t host, size_t end)
{
	size_t at = host;
	bool dot = false;

	if (host >= end || !is_word_octet(text.p[host]))
		return false;
	for (; at < end && strchr("/?#", text.p[at]) == NULL; at++)
		dot = dot || (text.p[at] == '.' && is_word_next(text, at + 1, end));
	for (at = host; at < end; at++)
		if ((unsigned char)text.p[at] >= 0x7f || text.p[at] == '\0')
			return false;
	return dot;
}

static enum err add(
    struct arena *arena, struct text_links *links, size_t *room_io, struct text_link link)
{
	size_t room = *room_io == 0 ? 32 : *room_io * 2;
	struct text_link *bigger;

	if (links->count == *room_io) {
		bigger = arena_array(arena, room, sizeof *bigger);
		if (bigger == NULL)
			return ERR_NOMEM;
		if (links->count > 0)
			memcpy(bigger, links->at, links->count * sizeof *bigger);
		links->at = bigger;
		*room_io = room;
	}
	links->at[links->count++] = link;
	return ERR_OK;
}

enum err text_links_find(struct arena *arena, struct span text, bool flowed, bool delsp,
    size_t links_max, struct text_links *links_r)
{
	struct finder f = { .delsp = flowed && delsp };
	size_t at = 0, room = 0;
	enum err r = ERR_OK;

	*links_r = (struct text_links){ .append = find_signature(text) };
	f.text = span_head(text, links_r->append);
	while (r == ERR_OK && at < f.text.n) {
		const char *hit = memmem(f.text.p + at, f.text.n - at, "://", 3);
		size_t mark, start, end, next, line;
		bool bracket;

		if (hit == NULL)
			break;
		mark = (size_t)(hit - f.text.p);
		start = scheme_start(f.text, mark);
		next = mark + 3;
		line = line_of(&f, mark);
		if (start < mark && start >= line && f.text.p[line] != '>') {
			bracket = start > 0 && f.text.p[start - 1] == '<';
			end = bracket ? bracket_end(&f, next) : SIZE_MAX;
			if (end == SIZE_MAX) {
				end = run_end(&f, next);
				next = end;
				end = trim(f.text, start, end);
			} else if (end == 0) {
				next = run_end(&f, next);
			} else {
				next = end;
			}
			if (end > 0 && is_url(f.text, mark + 3, end)) {
				if (links_r->count == links_max)
					return ERR_TOOBIG;
				r = add(
				    arena, links_r, &room, (struct text_link){ start, end });
			}
		}
		at = next;
	}
	return r;
}

void text_links_url(struct span range, struct buf *out)
{
	for (size_t at = 0; at < range.n;) {
		size_t from = at;

		while (at < range.n && !is_blank(range.p[at]))
			at++;
		buf_add(out, range.p + from, at - from);
		while (at < range.n && is_blank(range.p[at]))
			at++;
	}
}
