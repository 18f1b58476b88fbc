/* phrases - words in several languages. Knows neither what they say nor where they are shown. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "buf.h"
#include "phrases.h"

const char *const phrase_directions[] = { "ltr", "rtl", NULL };

struct place {
	const char *name;
	unsigned line;
	char *error;
	size_t size;
	const struct phrases_table *table;
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

static enum err read_section(struct phrases *p, const struct place *at, struct span line)
{
	struct span tag = span_make(line.p + 1, line.n - 2);

	if (line.p[line.n - 1] != ']' || !tag_ok(tag))
		return fail(at, "expected a language, as in [en], not", line);
	for (size_t i = 0; i < p->count; i++)
		if (span_eq(p->tags[i], tag))
			return fail(at, "a second section", tag);
	if (p->count == PHRASES_LANGUAGES_MAX)
		return fail(at, "too many languages", SPAN(""));
	p->tags[p->count++] = tag;
	return ERR_OK;
}

static bool is_one_of(const char *const *words, struct span value)
{
	if (words == NULL)
		return true;
	while (*words != NULL && !span_eq(span_cstr(*words), value))
		words++;
	return *words != NULL;
}

static enum err read_text(struct phrases *p, const struct place *at, struct span line)
{
	size_t equals = span_find(line, '=', 0);
	struct span name = span_trim(span_head(line, equals));
	struct span value = span_trim(span_from(line, equals < line.n ? equals + 1 : equals));

	if (equals == line.n || value.n == 0)
		return fail(at, "expected NAME = TEXT, not", line);
	if (p->count == 0)
		return fail(at, "a text before the first [language]", SPAN(""));
	for (size_t i = 0; i < p->width; i++) {
		struct span *slot = &p->at[(p->count - 1) * p->width + i];

		if (!span_eq(name, span_cstr(at->table->rows[i].name)))
			continue;
		if (slot->n > 0)
			return fail(at, "a second text", name);
		if (!is_one_of(at->table->rows[i].words, value))
			return fail(at, "not one of the words for this text:", value);
		*slot = value;
		return ERR_OK;
	}
	return fail(at, "there is no text", name);
}

static enum err read_lines(struct phrases *p, struct place *at, struct span text)
{
	struct span rest = text, line;
	enum err e = ERR_OK;

	while (e == ERR_OK && span_next(&rest, '\n', &line)) {
		at->line++;
		line = span_trim(line);
		for (size_t i = 0; i < line.n; i++)
			if ((unsigned char)line.p[i] < ' ')
				return fail(at, "a control character", SPAN(""));
		if (!span_is_utf8(line))
			return fail(at, "octets that are not UTF-8", SPAN(""));
		if (line.n == 0 || line.p[0] == '#')
			continue;
		e = line.p[0] == '[' && line.n > 2 ? read_section(p, at, line)
						   : read_text(p, at, line);
	}
	return e;
}

static enum err lend_missing(struct phrases *p, const struct place *at)
{
	if (p->count == 0)
		return fail(at, "no language at all", SPAN(""));
	for (size_t i = 0; i < p->width; i++) {
		const struct phrase_row *row = &at->table->rows[i];

		if (p->at[i].n == 0 && row->fallback == NULL)
			return fail(
			    at, "the first language lacks the text", span_cstr(row->name));
		if (p->at[i].n == 0)
			p->at[i] = span_cstr(row->fallback);
		for (size_t k = 1; k < p->count; k++)
			if (p->at[k * p->width + i].n == 0)
				p->at[k * p->width + i] = p->at[i];
	}
	return ERR_OK;
}

/* ---- whole ---- */

enum err phrases_parse(struct span text, const char *name, const struct phrases_table *table,
    struct phrases **phrases_r, char *error, size_t size)
{
	struct place at = { name, 0, error, size, table };
	struct phrases *p = calloc(1, sizeof *p);
	enum err e = ERR_NOMEM;

	*phrases_r = NULL;
	snprintf(error, size, "%s: %s", name, err_text(ERR_NOMEM));
	if (p == NULL)
		return ERR_NOMEM;
	p->width = table->count;
	p->at = calloc(PHRASES_LANGUAGES_MAX * table->count, sizeof *p->at);
	p->file_text = malloc(text.n + 1);
	if (p->at == NULL || p->file_text == NULL)
		goto out;
	memcpy(p->file_text, text.p, text.n);
	e = read_lines(p, &at, span_make(p->file_text, text.n));
	if (e == ERR_OK)
		e = lend_missing(p, &at);
out:
	if (e != ERR_OK)
		phrases_free(&p);
	*phrases_r = p;
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

enum err phrases_read(const char *path, const struct phrases_table *table,
    struct phrases **phrases_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(PHRASES_OCTETS_MAX);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	enum err e = fd < 0 ? err_from_errno(errno) : read_file(fd, &text);

	*phrases_r = NULL;
	snprintf(error, size, "%s: error: %s", path, err_text(e));
	if (e == ERR_OK)
		e = phrases_parse(buf_span(&text), path, table, phrases_r, error, size);
	if (fd >= 0)
		close(fd);
	buf_free(&text);
	return e;
}

void phrases_free(struct phrases **p)
{
	if (*p == NULL)
		return;
	free((*p)->file_text);
	free((*p)->at);
	free(*p);
	*p = NULL;
}

size_t phrases_find(const struct phrases *p, struct span tag)
{
	size_t i = 0;

	while (i < p->count && !span_eq_nocase(p->tags[i], tag))
		i++;
	return i < p->count ? i : 0;
}
