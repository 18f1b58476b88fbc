/* log_line.h - one line of Postfix's mail log, read. Pure; knows no tenant and no file.
 *
 * Lines are as postlogd(8) and syslog daemons write them: a time stamp ("Nov 22 10:11:12", without
 * year and zone, or RFC 3339), a host, "NAME/service[pid]: ", then "QUEUEID: " and what the service
 * says (bounce_append and log_adhoc of Postfix 3.7; pickup's "orig_id=" for postsuper -r). All
 * that is quoted from outside (recipients, replies) is untrusted: it is found by its quotes and
 * place, never by looking for a keyword in it. */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include "base.h"
#include "span.h"

#define LOG_LINE_MAX 4096u /* octets; the rest of a longer line is not looked at */

enum log_line_kind {
	LOG_LINE_OTHER,  /* nothing that we need */
	LOG_LINE_CLIENT, /* smtpd took a message: login, client */
	LOG_LINE_PICKUP, /* local submission, or a message that was put back: sender, previous */
	LOG_LINE_SENDER,   /* qmgr took it up: sender, recipients */
	LOG_LINE_DELIVERY, /* one recipient: recipient, relay, status, text */
	LOG_LINE_REMOVED,  /* it left the queue */
};

enum delivery_status {
	DELIVERY_SENT,
	DELIVERY_DEFERRED,
	DELIVERY_BOUNCED,
	DELIVERY_EXPIRED, /* too long in the queue, or removed by its administrator */
};

/* Spans point into the line. */
struct log_line {
	enum log_line_kind kind;
	int64_t time_s;      /* 1970; valid when the stamp could be read */
	struct span service; /* "smtp", "qmgr": behind the last '/' of the name */
	struct span queue_id;
	struct span login;          /* CLIENT: sasl_username; may be empty */
	struct span client_address; /* CLIENT: without brackets; empty when unknown */
	struct span sender;         /* SENDER, PICKUP: without <> */
	struct span previous;       /* PICKUP: the queue id it had before; or empty */
	uint64_t recipients;        /* SENDER: nrcpt */
	enum delivery_status status;
	struct span recipient; /* DELIVERY: without <> */
	struct span relay_host, relay_address, dsn, text;
};

/* The offset of the log's local time at a moment that is given as if it were UTC, in seconds. */
typedef int32_t log_line_offset(const void *context, int64_t local_s);

struct log_clock {
	int64_t now_s; /* a stamp without year is of the last year that is not after this */
	log_line_offset *offset; /* NULL: UTC */
	const void *context;
};

/* False: the line has another form, or its time cannot be read; *line_r is of kind OTHER. */
bool log_line_read(struct span line, const struct log_clock *clock, struct log_line *line_r);

#endif
