/* log.h - one line a record: syslog (facility mail), and stderr in the foreground. A line is
 * "QUEUEID: event key=value key=value", NOQUEUE where there is no id. Values from outside cannot
 * start a new field or line: they are quoted where they hold blanks or quotes, every other octet
 * that is not printable ASCII is written as \xHH, and a line ends at 2 KiB. Where no syslog daemon
 * listens lines go nowhere, and one that comes is noticed within 100 ms. Thread safe after
 * log_open. Never log secrets. */
#ifndef LOG_H
#define LOG_H

#include "base.h"
#include "span.h"

enum log_level {
	LOG_LEVEL_ERROR,   /* we cannot do our work until somebody acts */
	LOG_LEVEL_WARNING, /* something is wrong; we went on, the line says how */
	LOG_LEVEL_INFO,    /* one line per decision */
	LOG_LEVEL_DEBUG,   /* -v */
};

struct log_field {
	const char *key; /* ours: lower case, '_' between words */
	struct span text;
	int64_t number;
	bool is_number;
};

#define LOG_SPAN(key, value)   ((struct log_field){ (key), (value), 0, false })
#define LOG_CSTR(key, value)   ((struct log_field){ (key), span_cstr(value), 0, false })
#define LOG_NUMBER(key, value) ((struct log_field){ (key), { "", 0 }, (int64_t)(value), true })

/* ident is what syslog shows ("penguin-policyd"); to_stderr in the foreground. Call once, before
 * threads start. The string must stay. */
void log_open(const char *ident, bool to_stderr, enum log_level most);

/* The most detailed level that is written, e.g. after -v. */
void log_set_level(enum log_level most);

void log_fields(enum log_level level, struct span queue_id, const char *event,
    const struct log_field *fields, size_t count);

/* log_record(LOG_LEVEL_INFO, queue_id, "admitted", LOG_SPAN("tenant", t), LOG_NUMBER("n", 3)) */
#define log_record(level, queue_id, event, ...)                                                \
	log_fields((level), (queue_id), (event), (const struct log_field[]){ __VA_ARGS__ },    \
	    sizeof((const struct log_field[]){ __VA_ARGS__ }) / sizeof(struct log_field))

/* A sentence of ours without a queue id, printf style; the whole text is made printable. */
void log_text(enum log_level level, const char *format, ...) PRINTF_LIKE(2, 3);

/* The line that log_fields writes, into out (NUL-terminated, cut at size). For tests. */
size_t log_format(char *out, size_t size, struct span queue_id, const char *event,
    const struct log_field *fields, size_t count);

#endif
