/* fuzz_rewrite - any bytes as a message whose links are replaced. Input: an octet of options (below),
 * the message. Oracles: without an edit nothing changes; the new message has the same parts, and all
 * that is not the content of an edited part is the same octets; in an edited one all text outside of
 * the links is the same, and the links' other attributes are; each link reads as what replaced it;
 * a second run over the new message changes nothing; an insertion is found where it was put. */
#include <stdlib.h>

#include "mail_split.h"
#include "rewrite.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

#define PREFIX "https://t.example/"
#define MARK   "data-no-track"
#define MARKUP "\r\n--b\r\n<img src='https://t.example/o=1' alt=\"\">"
#define NOTE   "\r\nFrom us: \r\n--b\r\n.\r\n"

enum {
	OPTION_TEXT = 1,    /* links in plain text, too */
	OPTION_CONVERT = 2, /* quoted-printable where it takes that */
	OPTION_CRLF = 4,    /* each bare LF becomes CRLF first */
	OPTION_INSERT = 8,  /* something is put in instead of replaced */
	OPTION_STINGY = 16, /* small bounds */
};

/* A message that is rewritten, and what came of it. */
struct run {
	const struct header *headers;
	size_t header_count;
	struct span body;
	struct rewrite *r;
	enum mime_skip *skips; /* before rewrite_apply */
	struct buf out;
	struct rewrite_outcome outcome;
	size_t inserted; /* a part's number + 1 */
};

static struct mail_split mail; /* large */
static struct header changed[MAIL_SPLIT_FIELDS + 1];

static bool is_http(struct span url)
{
	return span_eq_nocase(span_head(url, 7), SPAN("http://")) ||
	       span_eq_nocase(span_head(url, 8), SPAN("https://"));
}

static bool is_ours(const struct rewrite_link *link)
{
	return is_http(link->url) && !span_starts(link->url, SPAN(PREFIX));
}

/* What a link becomes: of one length, so that a URL that is listed stays so. */
static void target(struct span url, struct buf *out)
{
	uint64_t hash = 14695981039346656037u;

	for (size_t i = 0; i < url.n; i++)
		hash = (hash ^ (unsigned char)url.p[i]) * 1099511628211u;
	buf_printf(out, PREFIX "%016llx", (unsigned long long)hash);
}

static void scan(struct run *run, unsigned flags)
{
	struct rewrite_options options = { .limits = REWRITE_LIMITS_DEFAULT,
		.html = true,
		.text = flags & OPTION_TEXT,
		.convert = flags & OPTION_CONVERT };

	if (flags & OPTION_STINGY) {
		options.limits.links_max = 5;
		options.limits.url_max = 60;
		options.limits.attributes_max = 5;
		options.limits.line_max = 100;
	}
	MUST(rewrite_scan(run->headers, run->header_count, run->body, &options, &run->r) ==
	     ERR_OK);
	run->skips = calloc(run->r->part_count, sizeof *run->skips);
	MUST(run->skips != NULL);
	for (size_t i = 0; i < run->r->part_count; i++)
		run->skips[i] = run->r->parts[i].mime.skip;
}

static void replace(struct run *run)
{
	for (size_t i = 0; i < run->r->link_count; i++) {
		const struct rewrite_link *link = &run->r->links[i];
		struct buf url = BUF_INIT(100);
		struct html_attr attr;
		size_t at = 0;

		if (!is_ours(link))
			continue;
		target(link->url, &url);
		MUST(rewrite_replace(run->r, i, buf_span(&url)) == ERR_OK);
		MUST(rewrite_replace(run->r, i, buf_span(&url)) == ERR_EXISTS);
		buf_free(&url);
		while (link->kind == REWRITE_HTML && html_next_attr(link->tag, &at, &attr))
			if (span_eq_nocase(
				span_make(link->tag.p + attr.name, attr.name_end - attr.name),
				SPAN(MARK)))
				MUST(rewrite_remove_attr(run->r, i, &attr) == ERR_OK);
	}
}

static void insert(struct run *run)
{
	for (size_t i = 0; i < run->r->part_count; i++) {
		const struct rewrite_part *part = &run->r->parts[i];
		struct span what = part->kind == REWRITE_HTML ? SPAN(MARKUP) : SPAN(NOTE);

		if (!part->body_end_usable ||
		    rewrite_insert(run->r, i, part->body_end, what) != ERR_OK)
			continue;
		run->inserted = i + 1;
		return;
	}
}

static void apply(struct run *run)
{
	MUST(rewrite_apply(run->r, &run->out, &run->outcome) == ERR_OK);
	MUST(run->outcome.changed == (run->outcome.parts_edited > 0));
	MUST(run->outcome.changed || run->out.n == 0);
}

static void finish(struct run *run)
{
	rewrite_free(&run->r);
	free(run->skips);
	buf_free(&run->out);
}

/* The message as it is sent on. */
static struct run next_run(const struct run *before)
{
	struct run next = { .headers = before->headers,
		.header_count = before->header_count,
		.body = before->outcome.changed ? buf_span(&before->out) : before->body,
		.out = BUF_INIT(1 << 24) };

	if (!before->outcome.root_quoted)
		return next;
	next.headers = changed;
	next.header_count = 0;
	for (size_t i = 0; i < before->header_count; i++)
		if (!span_eq_nocase(before->headers[i].name, SPAN("Content-Transfer-Encoding")))
			changed[next.header_count++] = before->headers[i];
	changed[next.header_count++] =
	    (struct header){ .name = SPAN("Content-Transfer-Encoding"),
		    .value = SPAN(" quoted-printable") };
	return next;
}

/* The octets without blanks and line ends, which a reflowed text may have others of. */
static void add_squeezed(struct buf *out, struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (strchr(" \r\n", s.p[i]) == NULL || s.p[i] == '\0')
			buf_add_char(out, s.p[i]);
}

static void same_text(const struct rewrite_part *part, struct span old, struct span new)
{
	struct buf a = BUF_INIT(1 << 22), b = BUF_INIT(1 << 22);

	if (part->mime.flowed && part->kind == REWRITE_TEXT) {
		add_squeezed(&a, old);
		add_squeezed(&b, new);
		MUST(span_eq(buf_span(&a), buf_span(&b)));
	} else {
		MUST(span_eq(old, new));
	}
	buf_free(&a);
	buf_free(&b);
}

/* Both tags have the same attributes, the value of the first href and what was to go aside. */
static void same_attributes(struct span old, struct span new, bool replaced)
{
	struct html_attr a, b;
	size_t i = 0, k = 0;
	bool more = true, href = false;

	while (more) {
		struct span name;
		bool skip;

		more = html_next_attr(old, &i, &a);
		name = more ? span_make(old.p + a.name, a.name_end - a.name) : SPAN("");
		if (more && replaced && span_eq_nocase(name, SPAN(MARK)))
			continue;
		MUST(html_next_attr(new, &k, &b) == more);
		if (!more)
			break;
		MUST(span_eq(name, span_make(new.p + b.name, b.name_end - b.name)) &&
		     a.quote == b.quote);
		skip = !href && replaced && span_eq_nocase(name, SPAN("href"));
		href = href || span_eq_nocase(name, SPAN("href"));
		MUST(skip || span_eq(span_make(old.p + a.value, a.value_end - a.value),
				 span_make(new.p + b.value, b.value_end - b.value)));
	}
}

static size_t link_start(const struct rewrite_part *part, const struct rewrite_link *link)
{
	return link->kind == REWRITE_HTML ? (size_t)(link->tag.p - part->text.p) : link->start;
}

static size_t link_end(const struct rewrite_part *part, const struct rewrite_link *link)
{
	return link->kind == REWRITE_HTML ? link_start(part, link) + link->tag.n : link->end;
}

/* The text of an edited part, before and after. */
static void check_edited(const struct run *run, const struct run *next, size_t index)
{
	const struct rewrite_part *a = &run->r->parts[index], *b = &next->r->parts[index];
	size_t old = 0, new = 0;

	MUST(a->link_count == b->link_count && a->stopped == b->stopped);
	for (size_t i = 0; i < a->link_count; i++) {
		const struct rewrite_link *x = &run->r->links[a->link_first + i];
		const struct rewrite_link *y = &next->r->links[b->link_first + i];
		size_t x_start = link_start(a, x), y_start = link_start(b, y);
		struct buf url = BUF_INIT(1 << 20);

		same_text(a, span_make(a->text.p + old, x_start - old),
		    span_make(b->text.p + new, y_start - new));
		if (x->replaced)
			target(x->url, &url);
		else
			buf_add_span(&url, x->url);
		MUST(span_eq(y->url, buf_span(&url)));
		if (x->kind == REWRITE_HTML)
			same_attributes(x->tag, y->tag, x->replaced);
		buf_free(&url);
		old = link_end(a, x);
		new = link_end(b, y);
	}
	same_text(a, span_from(a->text, old), span_from(b->text, new));
}

static void check_inserted(const struct run *run, const struct run *next, size_t index)
{
	const struct rewrite_part *a = &run->r->parts[index], *b = &next->r->parts[index];
	struct span what = a->kind == REWRITE_HTML ? SPAN(MARKUP) : SPAN(NOTE);

	MUST(b->text.n == a->text.n + what.n);
	MUST(span_eq(span_head(a->text, a->body_end), span_head(b->text, a->body_end)));
	MUST(span_starts(span_from(b->text, a->body_end), what));
	MUST(
	    span_eq(span_from(a->text, a->body_end), span_from(b->text, a->body_end + what.n)));
}

/* Parts, and octets outside of edited ones. */
static void check_frame(const struct run *run, const struct run *next)
{
	size_t old = 0, new = 0;

	MUST(run->r->part_count == next->r->part_count);
	for (size_t i = 0; i < run->r->part_count; i++) {
		const struct rewrite_part *p = &run->r->parts[i];
		const struct mime_part *a = &p->mime, *b = &next->r->parts[i].mime;
		bool quoted = a->encoding != b->encoding;

		MUST(span_eq(a->type, b->type) && span_eq(a->charset, b->charset) &&
		     a->parent == b->parent);
		MUST(run->skips[i] == next->skips[i]);
		MUST(!quoted || (p->edited && a->encoding == MIME_IDENTITY &&
				    b->encoding == MIME_QUOTED_PRINTABLE));
		if (a->boundary.p != NULL)
			continue;
		/* Of a part that became quoted-printable the header tells so. */
		MUST(
		    span_eq(span_make(run->body.p + old, (quoted ? a->head : a->content) - old),
			span_make(next->body.p + new, (quoted ? b->head : b->content) - new)));
		if (!p->edited)
			MUST(span_eq(span_make(run->body.p + a->content, a->end - a->content),
			    span_make(next->body.p + b->content, b->end - b->content)));
		else if (run->inserted > 0)
			check_inserted(run, next, i);
		else
			check_edited(run, next, i);
		old = a->end;
		new = b->end;
	}
	MUST(span_eq(span_from(run->body, old), span_from(next->body, new)));
}

static size_t longest_line(struct span rest)
{
	size_t longest = 0;

	for (struct span line; span_next(&rest, '\n', &line);) {
		if (line.n > 0 && line.p[line.n - 1] == '\r')
			line.n--;
		longest = line.n > longest ? line.n : longest;
	}
	return longest;
}

/* Lines that the edit made are none that a server would break. */
static void check_lines(const struct run *run)
{
	size_t longest = longest_line(buf_span(&run->out));

	MUST(longest <= 990 || longest <= longest_line(run->body));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run first = { .out = BUF_INIT(1 << 24) }, second = { 0 }, none;
	unsigned flags;

	if (size < 1 || size > 1 << 16)
		return 0;
	flags = data[0];
	MUST(mail_split(
	    span_make((const char *)data + 1, size - 1), flags & OPTION_CRLF, &mail));
	first.headers = mail.headers;
	first.header_count = mail.header_count;
	first.body = mail.body;
	none = first;
	scan(&none, flags);
	apply(&none);
	MUST(!none.outcome.changed);
	finish(&none);
	scan(&first, flags);
	if (flags & OPTION_INSERT)
		insert(&first);
	else
		replace(&first);
	apply(&first);
	if (!(flags & OPTION_STINGY))
		check_lines(&first);
	second = next_run(&first);
	scan(&second, flags);
	check_frame(&first, &second);
	if (!(flags & OPTION_INSERT)) {
		replace(&second);
		apply(&second);
		MUST(!second.outcome.changed);
		MUST(second.outcome.parts_failed == first.outcome.parts_failed);
	}
	finish(&first);
	finish(&second);
	mail_split_free(&mail);
	return 0;
}
