/* mailbox.h - address lists of From, Sender, Reply-To and Resent-* (RFC 5322 section 3.4), read
 * strictly: what two readers could take for different addresses is refused, because a check here
 * must see what the recipient's program will show. Bytes from outside. Pure. */
#ifndef MAILBOX_H
#define MAILBOX_H

#include "base.h"
#include "err.h"
#include "span.h"

#define MAILBOX_MAX 64 /* mailboxes in one field */

struct mailbox {
	struct span local;  /* as written, quotes included; points into the value */
	struct span domain; /* as written, may hold UTF-8; points into the value */
};

struct mailbox_list {
	struct mailbox at[MAILBOX_MAX];
	size_t count;
	bool has_group; /* "name: a@x, b@x;" appeared (it may be empty: count 0) */
};

/* Parses the whole value of an address header. Folding is LF followed by a blank, as Postfix hands
 * it to milters. ERR_SYNTAX, beside plain mistakes:
 *   - control octets, a CR, and bytes that are not UTF-8 (charsets such as Shift_JIS hide '<');
 *   - the obsolete forms: routes, comments or blanks inside an address, empty list elements;
 *   - '<' or '>' inside a comment or a quoted string, where simple readers look for the address;
 *   - a quoted local part with more in it than letters, digits, blanks and dots;
 *   - an encoded word that does not end, or not before a quote, bracket or parenthesis;
 *   - an encoded word as local part (RFC 2047 section 5); address literals; a trailing dot.
 * ERR_TOOBIG: more than MAILBOX_MAX. Time is linear in the length. */
enum err mailbox_parse_list(struct span value, struct mailbox_list *list_r) CHECKED;

#endif
