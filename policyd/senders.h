/* senders.h - envelope senders that are return paths of ours, opened: whose mail it is, which
 * message, stream and source. From one immutable snapshot and the keys of return paths; asks
 * nobody, and waits for nothing. By one thread at a time. */
#ifndef SENDERS_H
#define SENDERS_H

#include "settings.h"
#include "span.h"
#include "token.h"
#include "token_payload.h"

#define SENDERS_KEYS 256u /* tenants whose keys are kept ready: so many that a campaign's are */

struct senders {
	const struct snapshot *snapshot; /* not owned */
	struct token_ring *ring;         /* owned; NULL: no return path is known */
	struct senders_key {
		size_t tenant;
		struct token_key *key;
	} * keys; /* owned; NULL without a ring */
};

/* Reads the keys. On failure a sentence in error, and no return path opens. snapshot must outlive
 * it. */
enum err senders_init(
    struct senders *s, const struct snapshot *snapshot, char *error, size_t size) CHECKED;
void senders_deinit(struct senders *s); /* also of a zeroed one */

enum sender_kind {
	SENDER_FOREIGN, /* does not look like one, or its token is not genuine */
	SENDER_UNKNOWN, /* looks like one, but there are no keys, or no memory: ask again */
	SENDER_OURS,
};

/* sender: as the envelope has it, without brackets. tenant_r: its index in the snapshot. */
enum sender_kind senders_open(struct senders *s, struct span sender, size_t *tenant_r,
    struct token_return *token_r) CHECKED;

/* Does it look like a return path of ours (whether or not it is one)? */
bool senders_is_path(const struct senders *s, struct span address);

/* The tenant's domain whose return paths those are, or that the sender is in; NULL: of none. */
const struct tenant_domain *senders_domain(const struct tenant *tenant, struct span sender);
/* The stream that a token's check names; the tenant's first when none does (any more). */
const struct stream *senders_stream(const struct tenant *tenant, uint16_t check);

#endif
