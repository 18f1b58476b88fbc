/* message.h - one message on its way: envelope, header fields, what is known of the body, and the
 * list of edits. The message itself is read-only; edits are carried out by the caller, in the order
 * in which they are listed. Everything lives in the message's arena. Not thread safe: one message
 * is worked on by one callback at a time. */
#ifndef MESSAGE_H
#define MESSAGE_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define MESSAGE_HEADER_MAX       65536  /* octets of one field: name, value */
#define MESSAGE_HEADER_BLOCK_MAX 262144 /* octets of all fields */
#define MESSAGE_HEADERS_MAX      1000
#define MESSAGE_RECIPIENTS_MAX   100000
#define MESSAGE_ARENA_MAX        (32u * 1024 * 1024)
#define MESSAGE_LINE_MAX         998 /* octets without CRLF, RFC 5322 section 2.1.1 */
#define MESSAGE_BODY_KEPT_MAX    (32u * 1024 * 1024) /* octets of a body held in memory */

struct header {
	struct span name;  /* without blanks behind it; case as written */
	struct span value; /* exact, with the octets after the colon; folds are LF + blank */
	unsigned nth;      /* 1.. among the fields of the same name, as milters count */
};

enum edit_kind {
	EDIT_DELETE_HEADER,
	EDIT_CHANGE_HEADER, /* another value in the old one's place */
	EDIT_INSERT_HEADER,
	EDIT_REPLACE_BODY,
	EDIT_CHANGE_SENDER,
	EDIT_KINDS
};

struct edit {
	enum edit_kind kind;
	const char *name;
	const char
	    *value; /* change, insert: LF folds, begins with its own blank; sender: "<a@b>" */
	unsigned
	    index; /* delete, change: nth; insert: position, 1 = right below Postfix's Received */
	struct span body; /* replace; CRLF line ends */
};

/* What could not be taken in. The first fault stays. */
enum message_fault {
	MESSAGE_FINE,
	MESSAGE_NO_MEMORY,
	MESSAGE_HEADERS_TOO_BIG,
	MESSAGE_TOO_MANY_RECIPIENTS,
	MESSAGE_BAD_HEADER, /* a name that is none, a control octet, an LF that folds nothing */
	MESSAGE_BAD_BODY,   /* bare CR, bare LF, or no CRLF at the end */
};

struct body_facts {
	uint64_t octets;
	size_t line;    /* octets of the line that is still open */
	size_t longest; /* octets of the longest line without CRLF */
	bool after_cr;  /* the last octet was a CR */
};

struct message {
	struct arena *arena;
	struct span queue_id;
	struct span sender; /* without brackets; empty: the null sender */
	struct span login;  /* SASL name or empty */
	struct span client; /* address as text, without "IPv6:" */
	struct span *recipients;
	size_t recipient_count, recipient_room;
	struct header *headers;
	size_t header_count, header_room;
	uint64_t header_octets; /* name, colon, value, line end */
	struct edit *edits;
	size_t edit_count, edit_room;
	struct body_facts body;
	struct buf kept;              /* the body so far, where message_keep_body was called */
	struct buf replaced;          /* the body that replaces it, */
	struct body_facts final_body; /* and what is known of it */
	enum message_fault fault;
};

/* NULL when out of memory. All spans are copied. */
struct message *message_new(struct span sender, struct span login, struct span client);
void message_free(struct message **m); /* NULL is fine */

/* These copy what they are given; failures are left in m->fault and later calls do no harm. */
void message_set_queue_id(struct message *m, struct span queue_id);
void message_add_recipient(struct message *m, struct span address);
void message_add_header(struct message *m, struct span name, struct span value);

/* Looks at the next body octets (not kept): counts them and finds what no signature survives. */
void message_scan_body(struct message *m, struct span chunk);
/* After the last chunk. */
void message_end_body(struct message *m);

/* Holds the next body octets in m->kept. False, and nothing changes, when that would take more
 * than MESSAGE_BODY_KEPT_MAX octets or memory is short. */
bool message_keep_body(struct message *m, struct span chunk);
/* Gives the memory of m->kept back. */
void message_drop_body(struct message *m);

/* Size as Postfix counts it: header fields and body with CRLF line ends. */
uint64_t message_octets(const struct message *m);

/* The first field of that name at or after from (an index), or NULL. */
const struct header *message_find_header(
    const struct message *m, struct span name, size_t from, size_t *index_r);

enum err message_delete_header(struct message *m, const struct header *h) CHECKED;
/* Both: ERR_SYNTAX for a value that is not fit to leave (field.h). */
enum err message_change_header(
    struct message *m, const struct header *h, struct span value) CHECKED;
enum err message_insert_header(
    struct message *m, unsigned position, const char *name, struct span value) CHECKED;
/* Takes the contents of body over (also when it fails), once a message. ERR_SYNTAX for a body that
 * no signature would survive, or one with a longer line than MESSAGE_LINE_MAX that the original had
 * not; then there is no edit. */
enum err message_replace_body(struct message *m, struct buf *body) CHECKED;
/* sender: without brackets; empty for the null sender. */
enum err message_change_sender(struct message *m, struct span sender) CHECKED;

/* The message as it is when all edits are carried out: header fields, and facts of the body. The
 * rest is m's. *final_r lives in m's arena and owns nothing; it must not be freed. */
enum err message_final(const struct message *m, struct message *final_r) CHECKED;
/* The body as it will leave, where it was kept. */
struct span message_final_body(const struct message *m);

#endif
