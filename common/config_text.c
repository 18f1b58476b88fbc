/* config_text - configuration files as text, before libconfig sees them. Knows no key. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

#include "config.h"

#define REPORT_MAX (1024 * 1024)
#define DEPTH_MAX  16
#define KEYS_MAX   256 /* in one group; libconfig searches them one by one */
#define DIGITS_MAX 9   /* more may not fit 32 bits, which libconfig cuts without a word */

/* ---- messages ---- */

static void report_line(struct config_reader *r, unsigned line, const char *kind,
    const char *format, va_list ap) PRINTF_LIKE(4, 0);

static void report_line(
    struct config_reader *r, unsigned line, const char *kind, const char *format, va_list ap)
{
	struct buf *b = &r->report->text;
	const char *consequence = "";
	char text[1024];

	if (kind[0] == 'e' && r->consequence != NULL)
		consequence = r->consequence;
	vsnprintf(text, sizeof text, format, ap);
	if (b->max == 0) /* a caller that left the report all zero */
		b->max = REPORT_MAX;
	/* Thousands of files may be wrong in the same way; what no longer fits is only
	 * counted. */
	if (b->n + strlen(r->file) + sizeof text + 64 > b->max)
		return;
	buf_add_cstr(b, r->file);
	if (line > 0)
		buf_printf(b, ":%u", line);
	buf_printf(b, ": %s: %s%s\n", kind, text, consequence);
}

void config_error(struct config_reader *r, unsigned line, const char *format, ...)
{
	va_list ap;

	r->errors++;
	r->report->errors++;
	va_start(ap, format);
	report_line(r, line, "error", format, ap);
	va_end(ap);
}

void config_warning(struct config_reader *r, unsigned line, const char *format, ...)
{
	va_list ap;

	r->report->warnings++;
	va_start(ap, format);
	report_line(r, line, "warning", format, ap);
	va_end(ap);
}

const char *config_quote(struct span value, char out[CONFIG_QUOTE_MAX])
{
	const size_t room = CONFIG_QUOTE_MAX - 4; /* "..." and the NUL */
	size_t n = 0;

	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];
		bool plain = c >= ' ' && c < 0x7f;

		if (n + (plain ? 1 : 4) > room) {
			memcpy(out + n, "...", 3);
			n += 3;
			break;
		}
		if (plain)
			out[n++] = (char)c;
		else
			n += (size_t)snprintf(out + n, 5, "\\x%02x", c);
	}
	out[n] = '\0';
	return out;
}

/* ---- files ---- */

struct config_identity config_identity_of(const struct stat *st)
{
	return (struct config_identity){ st->st_dev, st->st_ino, st->st_size, st->st_mtim,
		st->st_ctim };
}

static bool same_time(struct timespec a, struct timespec b)
{
	return a.tv_sec == b.tv_sec && a.tv_nsec == b.tv_nsec;
}

bool config_identity_eq(const struct config_identity *a, const struct config_identity *b)
{
	return a->device == b->device && a->inode == b->inode && a->octets == b->octets &&
	       same_time(a->modified, b->modified) && same_time(a->changed, b->changed);
}

/* A file that grows meanwhile is as well read as it was. */
static enum err read_all(
    struct config_reader *r, int fd, size_t octets, size_t max, struct buf *text)
{
	ssize_t got;

	while (text->n < octets) {
		if (!buf_reserve(text, 4096)) {
			config_error(r, 0, "the file is over %zu octets", max);
			return ERR_TOOBIG;
		}
		got = read(fd, text->p + text->n, text->size - text->n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			config_error(r, 0, "cannot read: %s", strerror(errno));
			return err_from_errno(errno);
		}
		if (got == 0)
			break;
		text->n += (size_t)got;
	}
	if (text->n > octets)
		text->n = octets;
	/* A comment in the last line is one for libconfig only with its newline. */
	buf_add(text, "\n", 2);
	text->n--;
	return buf_ok(text) ? ERR_OK : ERR_NOMEM;
}

enum err config_read_file_text(struct config_reader *r, const char *path, bool allow_symlink,
    size_t max, struct buf *text, struct config_identity *identity_r)
{
	/* O_NONBLOCK: opening a FIFO must not wait for a writer. */
	int flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
	struct stat st;
	enum err e = ERR_SYNTAX;
	int fd;

	buf_reset(text);
	text->max = max + 8192;
	fd = open(path, allow_symlink ? flags : flags | O_NOFOLLOW);
	if (fd < 0) {
		if (errno == ENOENT && !allow_symlink) /* gone since the directory was read */
			return ERR_NOTFOUND;
		if (errno == ELOOP)
			config_error(r, 0, "is a symbolic link; only plain files are read");
		else
			config_error(r, 0, "cannot open: %s", strerror(errno));
		return err_from_errno(errno);
	}
	if (fstat(fd, &st) != 0) {
		config_error(r, 0, "cannot stat: %s", strerror(errno));
		e = err_from_errno(errno);
	} else if (!S_ISREG(st.st_mode)) {
		config_error(r, 0, "is not a plain file");
	} else if (st.st_size > (off_t)max) {
		config_error(r, 0, "the file is over %zu octets", max);
		e = ERR_TOOBIG;
	} else {
		*identity_r = config_identity_of(&st);
		e = read_all(r, fd, (size_t)st.st_size, max, text);
	}
	close(fd);
	return e;
}

/* ---- what libconfig shall not see ---- */

struct scan {
	struct config_reader *r;
	struct span text;
	size_t at;
	unsigned line;
	unsigned depth;
	unsigned keys[DEPTH_MAX + 1];
};

static bool at_word(const struct scan *s, const char *word)
{
	return span_starts(span_from(s->text, s->at), span_cstr(word));
}

/* A text that opens and never closes swallows the rest of the file; libconfig would point
 * there, we point to where it opens. */
static bool unterminated(const struct scan *s, unsigned line, const char *what)
{
	config_error(s->r, line, "this %s does not end", what);
	return false;
}

static void skip_line(struct scan *s)
{
	s->at = span_find(s->text, '\n', s->at);
}

static bool skip_comment(struct scan *s)
{
	unsigned line = s->line;

	for (s->at += 2; s->at < s->text.n && !at_word(s, "*/"); s->at++)
		s->line += s->text.p[s->at] == '\n';
	s->at += 2;
	return s->at <= s->text.n || unterminated(s, line, "comment");
}

/* A backslash protects the octet behind it from ending the string; which one it is otherwise
 * does not matter here. */
static bool skip_string(struct scan *s)
{
	unsigned line = s->line;

	for (s->at++; s->at < s->text.n && s->text.p[s->at] != '"'; s->at++) {
		s->line += s->text.p[s->at] == '\n';
		if (s->text.p[s->at] == '\\' && s->at + 1 < s->text.n &&
		    (s->text.p[s->at + 1] == '"' || s->text.p[s->at + 1] == '\\'))
			s->at++;
	}
	s->at++;
	return s->at <= s->text.n || unterminated(s, line, "string");
}

/* A name or a number. */
static bool scan_word(struct scan *s)
{
	size_t start = s->at, n;

	while (s->at < s->text.n &&
	       (ascii_alpha(s->text.p[s->at]) || ascii_digit(s->text.p[s->at]) ||
		   (s->text.p[s->at] != '\0' && strchr("_-*", s->text.p[s->at]) != NULL)))
		s->at++;
	n = s->at - start;
	if (n > DIGITS_MAX && ascii_digit(s->text.p[start])) {
		config_error(s->r, s->line, "this number is too large");
		return false;
	}
	return true;
}

static bool scan_mark(struct scan *s)
{
	char c = s->text.p[s->at++];

	switch (c) {
	case '\n': s->line++; return true;
	case '{':
	case '(':
	case '[':
		if (++s->depth > DEPTH_MAX) {
			config_error(s->r, s->line, "brackets are nested too deep");
			return false;
		}
		s->keys[s->depth] = 0;
		return true;
	case '}':
	case ')':
	case ']': s->depth -= s->depth > 0; return true;
	case '=':
	case ':':
		if (++s->keys[s->depth] > KEYS_MAX) {
			config_error(s->r, s->line, "over %d settings in one group", KEYS_MAX);
			return false;
		}
		return true;
	case '@':
		config_error(
		    s->r, s->line, "@include is not available; each file is read by itself");
		return false;
	case '\0': config_error(s->r, s->line, "the file holds a NUL octet"); return false;
	case '\xef':
		config_error(s->r, s->line, "not ASCII here; a byte order mark?");
		return false;
	default: return true;
	}
}

bool config_text_ok(struct config_reader *r, struct span text)
{
	struct scan s = { .r = r, .text = text, .line = 1 };

	/* Inside strings and comments too: libconfig would take it for the end. */
	if (memchr(text.p, '\0', text.n) != NULL) {
		for (size_t i = 0; text.p[i] != '\0'; i++)
			s.line += text.p[i] == '\n';
		config_error(r, s.line, "the file holds a NUL octet");
		return false;
	}
	while (s.at < text.n) {
		char c = text.p[s.at];

		bool ok = true;

		if (c == '"')
			ok = skip_string(&s);
		else if (c == '#' || at_word(&s, "//"))
			skip_line(&s);
		else if (at_word(&s, "/*"))
			ok = skip_comment(&s);
		else if (ascii_alpha(c) || ascii_digit(c) || c == '*')
			ok = scan_word(&s);
		else
			ok = scan_mark(&s);
		if (!ok)
			return false;
	}
	return true;
}
