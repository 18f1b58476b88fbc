/* content.h - the stages that change what a message says: links, and the image that counts
 * openings. What is to be done is planned at the end of the headers, when stream, author and keys
 * are known; analytics never hold mail up: what they lack is complained about, and the message
 * leaves without them. */
#ifndef CONTENT_H
#define CONTENT_H

#include "base.h"
#include "links.h"
#include "list_fields.h"
#include "log.h"
#include "token.h"
#include "x_track.h"

struct mail;

struct content {
	/* the plan */
	struct span host;     /* tracking host, canonical; empty: nothing of ours goes in */
	struct x_track modes; /* in force for this message */
	bool lists;           /* the list fields are ours to set */
	bool wants_body;
	bool may_read_body;    /* it is text, or may hold text */
	struct span recipient; /* the only one; empty where there are several */
	uint64_t message;      /* in tokens; of pass 1 where there were two */
	uint64_t pseudonym;    /* of the recipient; 0: not wanted */
	struct token_key *keys[TOKEN_PURPOSES]; /* those that are needed */
	struct list_facts list;
	/* a copy (split.h): the host of its return path */
	char split_host[DOMAIN_MAX];
	/* what was done */
	unsigned fates[LINK_FATES];
	size_t left_out; /* links that could not be read */
	unsigned skipped[MIME_SKIP_COUNT];
	bool pixel, presigned, too_big, examined;
};

/* End of headers: decides what is to be done. Takes internal fields into account, leaves them. */
bool content_plan(struct mail *mail);
/* The tenant's keys of one purpose are in content.keys then; false after a complaint when they
 * cannot be had. */
bool content_need_keys(struct mail *mail, enum token_purpose purpose);
/* The body is there, in memory: looks for links; changes them where the message leaves now. */
bool content_edit_body(struct mail *mail);
/* Appends what was done to the fields of the log line; texts live in out. */
#define CONTENT_FIELDS_MAX 5
size_t content_log_fields(
    const struct content *c, struct buf *out, struct log_field fields[CONTENT_FIELDS_MAX]);

void content_deinit(struct content *c);

#endif
