/* texts - the words of our pages in each language. Knows no HTML. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "texts.h"

static const char *const names[TEXT_COUNT] = {
	[TEXT_DIRECTION] = "direction",
	[TEXT_ASK_TITLE] = "ask_title",
	[TEXT_ASK] = "ask",
	[TEXT_ASK_BUTTON] = "ask_button",
	[TEXT_CHOOSE_LINK] = "choose_link",
	[TEXT_CHOOSE_TITLE] = "choose_title",
	[TEXT_CHOOSE] = "choose",
	[TEXT_CHOOSE_BUTTON] = "choose_button",
	[TEXT_ALL] = "all",
	[TEXT_ALL_BUTTON] = "all_button",
	[TEXT_DONE_TITLE] = "done_title",
	[TEXT_DONE] = "done",
	[TEXT_NOTHING_TITLE] = "nothing_title",
	[TEXT_NOTHING] = "nothing",
	[TEXT_GONE_TITLE] = "gone_title",
	[TEXT_GONE] = "gone",
	[TEXT_LATER_TITLE] = "later_title",
	[TEXT_LATER] = "later",
	[TEXT_BLOCKED_TITLE] = "blocked_title",
	[TEXT_BLOCKED] = "blocked",
};

struct place {
	const char *name;
	unsigned line;
	char *error;
	size_t size;
};

static enum err fail(const struct place *at, const char *text, struct span about)
{
	snprintf(at->error, at->size, "%s:%u: error: %s%s%.*s%s", at->name, at->line, text,
	    about.n > 0 ? " \"" : "", SPAN_ARG(span_head(about, 60)), about.n > 0 ? "\"" : "");
	return ERR_SYNTAX;
}

/* ---- lines ---- */

static bool tag_ok(struct span tag)
{
	for (size_t i = 0; i < tag.n; i++)
		if (!(tag.p[i] >= 'a' && tag.p[i] <= 'z') && !ascii_digit(tag.p[i]) &&
		    tag.p[i] != '-')
			return false;
	return tag.n >= 2 && tag.n <= 35;
}

static enum err read_section(struct texts *t, const struct place *at, struct span line)
{
	struct span tag = span_make(line.p + 1, line.n - 2);

	if (line.p[line.n - 1] != ']' || !tag_ok(tag))
		return fail(at, "expected a language, as in [en], not", line);
	for (size_t i = 0; i < t->count; i++)
		if (span_eq(t->tags[i], tag))
			return fail(at, "a second section", tag);
	if (t->count == TEXTS_LANGUAGES_MAX)
		return fail(at, "too many languages", SPAN(""));
	t->tags[t->count++] = tag;
	return ERR_OK;
}

static enum err read_text(struct texts *t, const struct place *at, struct span line)
{
	size_t equals = span_find(line, '=', 0);
	struct span name = span_trim(span_head(line, equals));
	struct span value = span_trim(span_from(line, equals < line.n ? equals + 1 : equals));

	if (equals == line.n || value.n == 0)
		return fail(at, "expected NAME = TEXT, not", line);
	if (t->count == 0)
		return fail(at, "a text before the first [language]", SPAN(""));
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		struct span *slot = &t->at[t->count - 1][i];

		if (!span_eq(name, span_cstr(names[i])))
			continue;
		if (slot->n > 0)
			return fail(at, "a second text", name);
		if (i == TEXT_DIRECTION && !span_eq(value, SPAN("ltr")) &&
		    !span_eq(value, SPAN("rtl")))
			return fail(at, "direction is \"ltr\" or \"rtl\", not", value);
		*slot = value;
		return ERR_OK;
	}
	return fail(at, "there is no text", name);
}

static enum err read_lines(struct texts *t, struct place *at, struct span text)
{
	struct span rest = text, line;
	enum err e = ERR_OK;

	while (e == ERR_OK && span_next(&rest, '\n', &line)) {
		at->line++;
		line = span_trim(line);
		for (size_t i = 0; i < line.n; i++)
			if ((unsigned char)line.p[i] < ' ')
				return fail(at, "a control character", SPAN(""));
		if (line.n == 0 || line.p[0] == '#')
			continue;
		e = line.p[0] == '[' && line.n > 2 ? read_section(t, at, line)
						   : read_text(t, at, line);
	}
	return e;
}

static enum err lend_missing(struct texts *t, const struct place *at)
{
	if (t->count == 0)
		return fail(at, "no language at all", SPAN(""));
	if (t->at[0][TEXT_DIRECTION].n == 0)
		t->at[0][TEXT_DIRECTION] = SPAN("ltr");
	for (size_t i = 0; i < TEXT_COUNT; i++) {
		if (t->at[0][i].n == 0)
			return fail(
			    at, "the first language lacks the text", span_cstr(names[i]));
		for (size_t k = 1; k < t->count; k++)
			if (t->at[k][i].n == 0)
				t->at[k][i] = t->at[0][i];
	}
	return ERR_OK;
}

/* ---- whole ---- */

enum err texts_parse(
    struct span text, const char *name, struct texts **texts_r, char *error, size_t size)
{
	struct place at = { name, 0, error, size };
	struct texts *t = calloc(1, sizeof *t);
	enum err e = ERR_NOMEM;

	*texts_r = NULL;
	snprintf(error, size, "%s: %s", name, err_text(ERR_NOMEM));
	if (t == NULL)
		return ERR_NOMEM;
	t->file_text = malloc(text.n + 1);
	if (t->file_text == NULL)
		goto out;
	memcpy(t->file_text, text.p, text.n);
	e = read_lines(t, &at, span_make(t->file_text, text.n));
	if (e == ERR_OK)
		e = lend_missing(t, &at);
out:
	if (e != ERR_OK)
		texts_free(&t);
	*texts_r = t;
	return e;
}

static enum err read_file(int fd, struct buf *text)
{
	ssize_t n = 1;

	while (n > 0) {
		if (!buf_reserve(text, 4096))
			return ERR_TOOBIG;
		n = read(fd, text->p + text->n, 4096);
		if (n < 0 && errno != EINTR)
			return err_from_errno(errno);
		if (n > 0)
			text->n += (size_t)n;
		n = n < 0 ? 1 : n;
	}
	return ERR_OK;
}

enum err texts_read(const char *path, struct texts **texts_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(TEXTS_OCTETS_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err e = fd < 0 ? err_from_errno(errno) : read_file(fd, &text);

	*texts_r = NULL;
	snprintf(error, size, "%s: error: %s", path, err_text(e));
	if (e == ERR_OK)
		e = texts_parse(buf_span(&text), path, texts_r, error, size);
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	return e;
}

void texts_free(struct texts **t)
{
	if (*t == NULL)
		return;
	free((*t)->file_text);
	free(*t);
	*t = NULL;
}
