/* replies.h - what a receiver's SMTP reply means: classes, and rules that tell them, from a data
 * file (etc/replies.conf). Rules of a mailbox provider come before general ones, because many
 * providers give one code for anything. Pure but for reading the file. pcre2.h has its home in
 * replies.c.
 *
 * The file: sections "[id]", then "key = value" lines; "#" begins a comment line.
 *
 *   [google_rate_address]
 *   class    = rate_limit
 *   provider = google              groups of providers.conf; without: any
 *   scope    = source              what the reply is about; without: what its class is about
 *   match    = ^4\d\d 4\.7\.28 .*unusual rate.*IP
 *   source   = where it is written down, with its date
 *   sample   = 421-4.7.28 ...      what it matches; may stand several times
 *
 * match is a Perl-compatible expression, without regard to case, over reply_subject(). */
#ifndef REPLIES_H
#define REPLIES_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define REPLIES_OCTETS   (1024u * 1024)
#define REPLIES_MAX      2000u /* rules of a file */
#define REPLY_TEXT_MAX   2048u /* octets of a reply that are looked at */
#define REPLY_ID_MAX     64u
#define REPLY_SAMPLE_MAX 16u /* of one rule */

/* In the order of the table of their properties (replies.c). */
enum reply_class {
	REPLY_UNKNOWN, /* no rule fits */
	REPLY_INVALID_RECIPIENT,
	REPLY_INACTIVE_MAILBOX,
	REPLY_BAD_DOMAIN,
	REPLY_MAILBOX_FULL,
	REPLY_TOO_LARGE,
	REPLY_NETWORK,
	REPLY_GREYLIST,
	REPLY_RATE_LIMIT,
	REPLY_IP_BLOCK,
	REPLY_DOMAIN_BLOCK,
	REPLY_CONTENT,
	REPLY_AUTHENTICATION,
	REPLY_TLS,
	REPLY_POLICY,
	REPLY_CLASSES,
};

/* What a reply is about: whom a reaction has to touch. */
enum reply_scope {
	REPLY_SCOPE_NONE,
	REPLY_SCOPE_RECIPIENT, /* one address */
	REPLY_SCOPE_SOURCE,    /* the address that mail leaves from */
	REPLY_SCOPE_DOMAIN,    /* the tenant's domain: a fault everywhere, from every source */
	REPLY_SCOPE_CAMPAIGN,  /* this text, these links */
	REPLY_SCOPES,
};

struct reply_class_row {
	const char *name;
	enum reply_scope scope; /* unless the rule says another */
	const char *meaning;    /* one line, for people */
	const char *reaction;   /* what follows from it, one line */
};
const struct reply_class_row *reply_class_row(enum reply_class class);
bool reply_class_of(struct span name, enum reply_class *class_r);
const char *reply_scope_text(enum reply_scope scope);
bool reply_scope_of(struct span word, enum reply_scope *scope_r);

struct reply_rule {
	const char *id, *source;
	const char *match;
	const char *const *providers; /* NULL-terminated; NULL: any */
	const char *samples[REPLY_SAMPLE_MAX];
	size_t sample_count;
	enum reply_class class;
	enum reply_scope scope;
	unsigned line; /* of the file */
};

struct replies;

/* A sentence with file and line in error on failure: ERR_SYNTAX, ERR_EXISTS (an id stands twice),
 * ERR_TOOBIG, ERR_NOMEM. The result is immutable: any number of threads may ask it. */
enum err replies_parse(
    struct span text, const char *file, struct replies **r_r, char *error, size_t size) CHECKED;
enum err replies_read(const char *path, struct replies **r_r, char *error, size_t size) CHECKED;
void replies_free(struct replies **r); /* NULL is fine */
size_t replies_count(const struct replies *r);
const struct reply_rule *replies_rule(const struct replies *r, size_t index);

/* What rules are matched against: "CODE STATUS text" in one line. text is a reply as a receiver
 * or a log gives it: "host mx[192.0.2.1] said: 550-5.1.1 no such 550 5.1.1 user (in reply to
 * RCPT TO command)", "550 5.1.1 ...", "smtp; 550 ..." or words of Postfix's own without a code. The
 * codes that each line of a reply repeats go, control characters become blanks. A reply without
 * an enhanced status takes status (RFC 3463, of the log's dsn=; may be empty); "000" stands for
 * no code, "0.0.0" for no status. Not more than REPLY_TEXT_MAX octets. */
void reply_subject(struct span text, struct span status, struct buf *out);

/* The first rule of that provider (a group; may be empty) that fits the subject, else the first
 * general one; NULL: none does. Without a provider, rules of all providers are asked first. */
const struct reply_rule *replies_match(
    const struct replies *r, struct span provider, struct span subject);

/* A subject without what differs from message to message: digits become '#', addresses "<@>", and
 * what follows 200 octets goes. For counting replies that no rule knows. */
void reply_mask(struct span subject, struct buf *out);

#endif
