/* held.h - queued mail that "tenant suspend" put on hold: what postqueue(1) -j says about a
 * message, and the list of the ids we held, so that resume lets exactly those go. jansson.h is
 * included only in held.c. */
#ifndef HELD_H
#define HELD_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

#define HELD_ID_MAX 64

struct held_message {
	char queue_id[HELD_ID_MAX];
	bool on_hold;
	char sender[512]; /* "MAILER-DAEMON" for the null sender */
};

/* One line of postqueue -j. ERR_SYNTAX: not an object with these members, or an id with other
 * octets than letters and digits; ERR_TOOBIG. */
enum err held_parse(struct span line, struct held_message *message_r) CHECKED;

/* The directory of the lists, below the store's: made with mode 0700 where needed. ERR_DENIED
 * when it is a link, not ours, or open to others: somebody could lead our writes astray. */
enum err held_open(const char *store_path, bool create, int *directory_r) CHECKED;
/* The ids held for a tenant, one a line; ERR_NOTFOUND when there is no list. */
enum err held_read(int directory, const char *tenant, struct buf *ids) CHECKED;
/* Replaces the list atomically, mode 0600. */
enum err held_write(int directory, const char *tenant, struct span ids) CHECKED;
/* No list is no error. */
enum err held_remove(int directory, const char *tenant) CHECKED;

#endif
