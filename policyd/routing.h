/* routing.h - what Postfix's trivial-rewrite is told when it asks how mail leaves: the answers of
 * the socketmap "routes" (socketmap_table(5)), from one immutable snapshot and the keys of return
 * paths. Knows no socket and no thread; nothing here waits for anything. */
#ifndef ROUTING_H
#define ROUTING_H

#include "buf.h"
#include "senders.h"
#include "settings.h"
#include "span.h"

#define ROUTING_REQUEST_MAX 16384u /* octets of "NAME KEY"; Postfix's line limit is 2,048 */

#define ROUTING_WAY_MAX 384

struct routing {
	struct snapshot *snapshot;   /* a reference */
	struct senders senders;      /* its keys; without a ring no return path is known */
	bool *paused;                /* by the provider's sources; owned; NULL: none is */
	char split[ROUTING_WAY_MAX]; /* "penguin-split:[127.0.0.1]:10027"; empty: no split */
};

/* Takes a reference to the snapshot and reads the keys where a split or sources are configured.
 * Keys that cannot be read are said in the log, and turn the split off: mail is then refused in
 * smaller portions, never sent to a way that leads nowhere; mail that has a source waits. paused:
 * an array as long as the provider's sources, which r owns from now on; or NULL. */
void routing_init(struct routing *r, const struct snapshot *snapshot, bool *paused);
void routing_deinit(struct routing *r); /* also of a zeroed one */

/* How Postfix sends mail of that source: "TRANSPORT:NEXTHOP". False: it does not fit. */
bool routing_way(const struct source *source, char out[ROUTING_WAY_MAX]) CHECKED;

/* The way of mail whose copies are still to be made; empty when there is none. */
const char *routing_split_way(const struct routing *r);

/* The reply to "NAME KEY", without its frame: "OK data", "NOTFOUND ", "PERM reason". By one
 * thread at a time.
 *
 *   sdt  an envelope sender (sender_dependent_default_transport_maps): ours, and with copies still
 *        to be made: the transport that makes them; ours with a source: that source's transport, or
 *        "retry:" while it is paused or not configured. Everything else, also "*", "<>", a sender
 *        that is not ours and a token that does not open: NOTFOUND
 *   tr   a recipient (transport_maps): NOTFOUND */
void routing_answer(struct routing *r, struct span request, struct buf *out);

#endif
