/* sections - lines to sections and keys. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "sections.h"

enum err sections_fail(
    const struct sections *s, unsigned line, enum err e, const char *what, struct span value)
{
	(void)snprintf(s->error, s->size, "%s:%u: %s%s%.*s%s", s->file, line, what,
	    value.n > 0 ? " \"" : "", SPAN_ARG(span_head(value, 80)), value.n > 0 ? "\"" : "");
	return e;
}

bool section_word_ok(struct span word, size_t most)
{
	bool ok = word.n > 0 && word.n < most;

	for (size_t i = 0; ok && i < word.n; i++)
		ok = ascii_alpha(word.p[i]) || ascii_digit(word.p[i]) || word.p[i] == '_' ||
		     word.p[i] == '-';
	return ok;
}

static enum err begin(struct sections *s, const struct section_form *form, struct span line)
{
	struct span id = span_head(span_from(line, 1), line.n < 2 ? 0 : line.n - 2);
	enum err e = s->begun ? form->end(s) : ERR_OK;

	if (e != ERR_OK)
		return e;
	if (line.n < 3 || line.p[line.n - 1] != ']' || !section_word_ok(id, SECTION_ID_MAX))
		return sections_fail(
		    s, s->line, ERR_SYNTAX, "expected [name of a rule], not", line);
	s->begun = true;
	return form->begin(s, id);
}

static enum err read_line(struct sections *s, const struct section_form *form, struct span line)
{
	struct span rest = span_trim(line), key;

	if (rest.n == 0 || rest.p[0] == '#')
		return ERR_OK;
	if (rest.p[0] == '[')
		return begin(s, form, rest);
	if (span_find(rest, '=', 0) == rest.n)
		return sections_fail(s, s->line, ERR_SYNTAX, "expected key = value, not", rest);
	if (!s->begun)
		return sections_fail(s, s->line, ERR_SYNTAX, "no [name of a rule] above", rest);
	(void)span_next(&rest, '=', &key);
	key = span_trim(key);
	rest = span_trim(rest);
	for (size_t i = 0; i < form->key_count; i++)
		if (span_eq(key, form->keys[i].key))
			return rest.n > 0
				   ? form->keys[i].set(s, rest)
				   : sections_fail(s, s->line, ERR_SYNTAX, "no value:", key);
	return sections_fail(s, s->line, ERR_SYNTAX, "unknown key", key);
}

enum err sections_read(struct sections *s, const struct section_form *form, struct span text)
{
	struct span line;
	enum err e = ERR_OK;

	s->line = 0;
	s->begun = false;
	while (e == ERR_OK && span_next(&text, '\n', &line)) {
		s->line++;
		e = read_line(s, form, line);
	}
	return e == ERR_OK && s->begun ? form->end(s) : e;
}

enum err sections_file(const char *path, struct buf *text, char *error, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_from_errno(errno) : ERR_OK;
	ssize_t n = 1;

	while (e == ERR_OK && n > 0) {
		if (!buf_reserve(text, 4096)) {
			e = ERR_TOOBIG;
			break;
		}
		n = read(fd, text->p + text->n, 4096);
		if (n < 0)
			e = err_from_errno(errno);
		else
			text->n += (size_t)n;
	}
	if (e != ERR_OK)
		(void)snprintf(error, size, "%s: %s", path, err_text(e));
	if (fd >= 0)
		close(fd);
	return e;
}
