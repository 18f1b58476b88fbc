/* field - values of header fields, put together so that nothing else can come of it. */
#include "field.h"
#include "message.h"

#define ENCODED_START "=?utf-8?q?"
#define ENCODED_END   "?="
#define ENCODED_MAX   75 /* octets of an encoded word, RFC 2047 section 2 */

/* ---- looking ---- */

bool field_has_8bit(struct span value)
{
	for (size_t i = 0; i < value.n; i++)
		if ((unsigned char)value.p[i] >= 0x80)
			return true;
	return false;
}

size_t field_longest_line(struct span name, struct span value)
{
	size_t longest = 0, line = name.n + 1;

	for (size_t i = 0; i < value.n; i++) {
		if (value.p[i] != '\n') {
			line++;
			continue;
		}
		longest = line > longest ? line : longest;
		line = 0;
	}
	return line > longest ? line : longest;
}

/* A line that is folded must hold more than blanks: some programs take one for the end of the
 * header (RFC 5322 section 3.2.2). */
static bool has_blank_line(struct span value)
{
	struct span line;

	while (span_next(&value, '\n', &line))
		if (span_trim(line).n == 0)
			return true;
	return false;
}

bool field_is_fit(struct span name, struct span value, bool with_8bit)
{
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		if (c == '\n') {
			if (i + 1 == value.n ||
			    (value.p[i + 1] != ' ' && value.p[i + 1] != '\t'))
				return false;
		} else if ((c < ' ' && c != '\t') || c == 0x7f || (c > 0x7f && !with_8bit)) {
			return false;
		}
	}
	return !has_blank_line(value) && field_longest_line(name, value) <= MESSAGE_LINE_MAX;
}

/* ---- building ---- */

void field_begin(struct field *f, const char *name)
{
	*f = (struct field){ .column = strlen(name) + 1, .open = true };
	buf_init(&f->value, MESSAGE_HEADER_MAX);
}

static bool is_printable(struct span s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] > '~')
			return false;
	return s.n > 0;
}

static void put(struct field *f, struct span s)
{
	buf_add_span(&f->value, s);
	f->column += s.n;
	f->open = true;
}

static void new_line(struct field *f)
{
	buf_add_cstr(&f->value, "\n ");
	f->column = 1;
}

void field_word(struct field *f, struct span word)
{
	if (!is_printable(word)) {
		f->bad = true;
		return;
	}
	/* The first line holds a word in any case: some read no field whose name stands alone. */
	if (f->open && f->value.n > 0 && f->column + 1 + word.n > FIELD_FOLD_AT)
		new_line(f);
	else if (f->open)
		put(f, SPAN(" "));
	put(f, word);
}

void field_glue(struct field *f, struct span more)
{
	if (is_printable(more))
		put(f, more);
	else
		f->bad = true;
}

void field_fold(struct field *f)
{
	new_line(f);
	f->open = false;
}

/* What stands for itself in an encoded word of a phrase, the strictest place (RFC 2047
 * section 5 rule 3). */
static bool stands_for_itself(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '!' || c == '*' || c == '+' ||
	       c == '-' || c == '/';
}

static size_t encode(struct span character, char out[12])
{
	static const char hex[] = "0123456789ABCDEF";
	size_t n = 0;

	for (size_t i = 0; i < character.n; i++) {
		unsigned char c = (unsigned char)character.p[i];

		if (c == ' ') {
			out[n++] = '_';
		} else if (stands_for_itself((char)c)) {
			out[n++] = (char)c;
		} else {
			out[n++] = '=';
			out[n++] = hex[c >> 4];
			out[n++] = hex[c & 15];
		}
	}
	return n;
}

/* As many encoded words as it takes; a character is never cut (RFC 2047 section 5). Readers drop
 * the blanks between encoded words. */
void field_encoded(struct field *f, struct span text)
{
	char word[ENCODED_MAX + 1], piece[12];
	size_t n = 0, start = sizeof ENCODED_START - 1, end = sizeof ENCODED_END - 1;

	while (text.n > 0) {
		size_t length = span_utf8_length(text), octets;

		if (length == 0 ||
		    (length == 1 && ((unsigned char)text.p[0] < ' ' || text.p[0] == 0x7f))) {
			f->bad = true;
			return;
		}
		octets = encode(span_head(text, length), piece);
		if (n > 0 && n + octets + end > ENCODED_MAX) {
			memcpy(word + n, ENCODED_END, end);
			field_word(f, span_make(word, n + end));
			n = 0;
		}
		if (n == 0) {
			memcpy(word, ENCODED_START, start);
			n = start;
		}
		memcpy(word + n, piece, octets);
		n += octets;
		text = span_from(text, length);
	}
	if (n > 0) {
		memcpy(word + n, ENCODED_END, end);
		field_word(f, span_make(word, n + end));
	}
}

/* ASCII that nobody takes for an encoded word. */
static bool is_plain(struct span word)
{
	return is_printable(word) && memmem(word.p, word.n, "=?", 2) == NULL;
}

void field_text(struct field *f, struct span utf8)
{
	struct span rest = utf8, word;
	size_t first = utf8.n, last = 0; /* what must be encoded, from the first to the last */

	while (span_next(&rest, ' ', &word)) {
		size_t at = (size_t)(word.p - utf8.p);

		if (word.n == 0 || is_plain(word))
			continue;
		first = at < first ? at : first;
		last = at + word.n;
	}
	rest = span_head(utf8, first);
	while (span_next(&rest, ' ', &word))
		if (word.n > 0)
			field_word(f, word);
	if (first < last)
		field_encoded(f, span_make(utf8.p + first, last - first));
	rest = first < last ? span_from(utf8, last) : span_make("", 0);
	while (span_next(&rest, ' ', &word))
		if (word.n > 0)
			field_word(f, word);
}

enum err field_end(struct field *f, struct arena *arena, struct span *value_r)
{
	struct span value = buf_span(&f->value);
	enum err e = ERR_OK;

	*value_r = SPAN("");
	if (!buf_ok(&f->value) || (value_r->p = arena_dup(arena, value)) == NULL)
		e = ERR_NOMEM;
	else if (f->bad || value.n == 0 || !field_is_fit(SPAN(""), value, false))
		e = ERR_SYNTAX;
	else
		value_r->n = value.n;
	buf_free(&f->value);
	return e;
}

/* ---- folding anew ---- */

struct span field_refold(struct arena *arena, struct span name, struct span value)
{
	char *p = arena_alloc(arena, value.n * 2 + 1);
	size_t n = 0, column = name.n + 1;
	struct span word;

	if (p == NULL)
		return span_make(NULL, 0);
	for (size_t i = 0; i < value.n; i += word.n) {
		/* Blanks and the word behind them; a fold stays where it is. */
		size_t end = i;

		while (end < value.n && strchr(" \t\n", value.p[end]) != NULL)
			end++;
		while (end < value.n && strchr(" \t\n", value.p[end]) == NULL)
			end++;
		word = span_make(value.p + i, end - i);
		if (memchr(word.p, '\n', word.n) != NULL) {
			column =
			    word.n -
			    (size_t)((const char *)memrchr(word.p, '\n', word.n) - word.p) - 1;
		} else if (n > 0 && column + word.n > FIELD_FOLD_AT && span_trim(word).n > 0 &&
			   (word.p[0] == ' ' || word.p[0] == '\t')) {
			p[n++] = '\n';
			column = word.n;
		} else {
			column += word.n;
		}
		memcpy(p + n, word.p, word.n);
		n += word.n;
	}
	return span_make(p, n);
}
