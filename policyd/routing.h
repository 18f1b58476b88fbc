/* routing.h - what Postfix's trivial-rewrite is told when it asks how mail leaves: the answers of
 * the socketmap "routes" (socketmap_table(5)), from one immutable snapshot and the keys of return
 * paths. Knows no socket and no thread; nothing here waits for anything. */
#ifndef ROUTING_H
#define ROUTING_H

#include "brakes.h"
#include "buf.h"
#include "domain.h"
#include "providers.h"
#include "senders.h"
#include "settings.h"
#include "span.h"

#define ROUTING_REQUEST_MAX 16384u /* octets of "NAME KEY"; Postfix's line limit is 2,048 */

#define ROUTING_WAY_MAX 384

struct routing {
	struct snapshot *snapshot;   /* a reference */
	struct senders senders;      /* its keys; without a ring no return path is known */
	bool *paused;                /* by the provider's sources; owned; NULL: none is */
	struct brakes *brakes;       /* a copy, owned; NULL: none */
	struct providers *providers; /* owned; read where there are brakes */
	char split[ROUTING_WAY_MAX]; /* "penguin-split:[127.0.0.1]:10027"; empty: no split */
};

/* Whose mail a connection asked about last: trivial-rewrite asks for the sender, then for the
 * recipient, on one connection (its resolve_addr, Postfix 3.7). */
struct routing_memory {
	int64_t asked_s; /* 0: nobody's of ours */
	char tenant[TRACK_NAME_MAX], stream[TRIGGER_NAME_MAX], source[TRACK_NAME_MAX];
	char domain[DOMAIN_MAX];
};
#define ROUTING_MEMORY_S 5 /* an older question belongs to another recipient */

/* Takes a reference to the snapshot and reads the keys where a split or sources are configured.
 * Keys that cannot be read are said in the log, and turn the split off: mail is then refused in
 * smaller portions, never sent to a way that leads nowhere; mail that has a source waits. paused:
 * an array as long as the provider's sources; brakes: a copy of those in force. r owns both from
 * now on; either may be NULL. */
void routing_init(
    struct routing *r, const struct snapshot *snapshot, bool *paused, struct brakes *brakes);
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
 *   tr   a recipient (transport_maps): a return path of ours, where reports are read by us:
 *        "penguin-returns:"; "retry:" while mail from the sender that was asked about
 *        last is paused to there; else NOTFOUND
 *
 * memory: of the connection; all zero at its beginning. */
void routing_answer(struct routing *r, struct span request, struct routing_memory *memory,
    int64_t now_s, struct buf *out);

#endif
