/* log - one printable line per record. Knows no configuration and no mail. */
#include <errno.h>
#include <paths.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"

#define LINE_MAX_OCTETS 2048
#define LOOK_NS         (100 * NS_PER_MS) /* between looks whether syslog has a daemon */

/* The sink is one per process, as syslog(3) itself is: set once in main, read by all threads. */
static struct {
	const char *ident;
	bool to_stderr;
	_Atomic int most;
	_Atomic int64_t looked_ns; /* monotonic; 0: never */
	_Atomic bool heard;        /* a syslog daemon was there then */
} sink = { .ident = "penguinmails", .to_stderr = true, .most = LOG_LEVEL_INFO };

static const struct {
	int priority;
	const char *word;
} levels[] = {
	[LOG_LEVEL_ERROR] = { LOG_ERR, "error: " },
	[LOG_LEVEL_WARNING] = { LOG_WARNING, "warning: " },
	[LOG_LEVEL_INFO] = { LOG_INFO, "" },
	[LOG_LEVEL_DEBUG] = { LOG_DEBUG, "debug: " },
};

struct line {
	char *p;
	size_t n, size;
};

static void put(struct line *l, const char *p, size_t n)
{
	if (n > l->size - 1 - l->n)
		n = l->size - 1 - l->n;
	memcpy(l->p + l->n, p, n);
	l->n += n;
}

static void put_char(struct line *l, char c, bool quoted)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char u = (unsigned char)c;

	if (quoted && (c == '"' || c == '\\')) {
		put(l, "\\", 1);
		put(l, &c, 1);
	} else if (u >= 0x20 && u < 0x7f) {
		put(l, &c, 1);
	} else {
		const char escape[4] = { '\\', 'x', hex[u >> 4], hex[u & 15] };

		put(l, escape, sizeof escape);
	}
}

static bool needs_quotes(struct span s)
{
	if (s.n == 0)
		return true;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] <= ' ' || s.p[i] == '"' || s.p[i] == '\\' || s.p[i] == ',' ||
		    s.p[i] == 0x7f)
			return true;
	return false;
}

static void put_value(struct line *l, struct span s)
{
	bool quoted = needs_quotes(s);

	if (quoted)
		put(l, "\"", 1);
	for (size_t i = 0; i < s.n && l->n < l->size - 1; i++)
		put_char(l, s.p[i], quoted);
	if (quoted)
		put(l, "\"", 1);
}

size_t log_format(char *out, size_t size, struct span queue_id, const char *event,
    const struct log_field *fields, size_t count)
{
	struct line l = { out, 0, size };
	char number[24];

	for (size_t i = 0; i < queue_id.n && i < 64; i++)
		put_char(&l, queue_id.p[i], false);
	if (queue_id.n == 0)
		put(&l, "NOQUEUE", 7);
	put(&l, ": ", 2);
	put(&l, event, strlen(event));
	for (size_t i = 0; i < count; i++) {
		put(&l, " ", 1);
		put(&l, fields[i].key, strlen(fields[i].key));
		put(&l, "=", 1);
		if (fields[i].is_number) {
			int n = snprintf(
			    number, sizeof number, "%lld", (long long)fields[i].number);
			put(&l, number, (size_t)n);
		} else {
			put_value(&l, fields[i].text);
		}
	}
	out[l.n] = '\0';
	return l.n;
}

/* Under systemd stderr may be the journal, where syslog's lines come, too: once is enough there
 * (systemd.exec(5), JOURNAL_STREAM). */
static bool stderr_is_journal(void)
{
	const char *journal = getenv("JOURNAL_STREAM");
	char own[64];
	struct stat st;

	if (journal == NULL || fstat(STDERR_FILENO, &st) != 0)
		return false;
	snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
	return strcmp(journal, own) == 0;
}

void log_open(const char *ident, bool to_stderr, enum log_level most)
{
	sink.ident = ident;
	sink.to_stderr = to_stderr && !stderr_is_journal();
	atomic_store(&sink.most, (int)most);
	openlog(ident, LOG_PID | LOG_NDELAY, LOG_MAIL);
}

void log_set_level(enum log_level most)
{
	atomic_store(&sink.most, (int)most);
}

static bool syslog_answers(void)
{
	struct sockaddr_un to = { .sun_family = AF_UNIX, .sun_path = _PATH_LOG };
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	bool answers;

	if (fd < 0)
		return true; /* nothing is known */
	/* A daemon that wants a stream socket is one, too; syslog(3) tries both. */
	answers =
	    connect(fd, (const struct sockaddr *)&to, sizeof to) == 0 || errno == EPROTOTYPE;
	close(fd);
	return answers;
}

/* Without a daemon syslog(3) makes a socket, looks for the path and closes again at every line,
 * which costs more than what the line tells of. So one look stands for a while. */
static bool syslog_hears(void)
{
	int64_t now = clock_mono_ns(), looked = atomic_load(&sink.looked_ns);

	if (looked == 0 || now - looked >= LOOK_NS) {
		atomic_store(&sink.heard, syslog_answers());
		atomic_store(&sink.looked_ns, now);
	}
	return atomic_load(&sink.heard);
}

static void emit(enum log_level level, const char *line)
{
	char text[LINE_MAX_OCTETS + 128];
	int n;

	if (syslog_hears())
		syslog(levels[level].priority, "%s%s", levels[level].word, line);
	if (!sink.to_stderr)
		return;
	n = snprintf(text, sizeof text, "%s[%ld]: %s%s\n", sink.ident, (long)getpid(),
	    levels[level].word, line);
	/* One write, so lines of several threads do not mix. A lost line is no reason to stop. */
	if (n > 0 && write(STDERR_FILENO, text, (size_t)n) < 0)
		return;
}

void log_fields(enum log_level level, struct span queue_id, const char *event,
    const struct log_field *fields, size_t count)
{
	char line[LINE_MAX_OCTETS];

	if ((int)level > atomic_load(&sink.most))
		return;
	log_format(line, sizeof line, queue_id, event, fields, count);
	emit(level, line);
}

void log_text(enum log_level level, const char *format, ...)
{
	char raw[LINE_MAX_OCTETS], line[LINE_MAX_OCTETS];
	struct line l = { line, 0, sizeof line };
	va_list ap;

	if ((int)level > atomic_load(&sink.most))
		return;
	va_start(ap, format);
	vsnprintf(raw, sizeof raw, format, ap);
	va_end(ap);
	for (const char *p = raw; *p != '\0'; p++)
		put_char(&l, *p, false);
	line[l.n] = '\0';
	emit(level, line);
}
