/* keyring.h - the DKIM keys of a domain that are managed for it (penguinctl dkim rotate): a small
 * file "ring" beside the keys, and what is to be done with them next. A key signs only after every
 * server of its zone had its record, or by the administrator's word. Pure but for reading the
 * file.
 *
 *   generated  it waits for its record
 *   published  every server has its record; it waits for its turn
 *   active     it signs
 *   retiring   it does not sign any more; what it signed may still be under way
 *   revoked    its record should say so (RFC 6376 section 3.6.1: an empty p=)
 *
 * The file: a section for each key, oldest first.
 *
 *   [pm202611r]
 *   type  = rsa
 *   state = active
 *   since = 2026-11-27T12:00:00Z     of the state */
#ifndef KEYRING_H
#define KEYRING_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "settings.h"
#include "span.h"

#define RING_FILE         "ring"
#define RING_KEYS_MAX     32u
#define RING_SELECTOR_MAX 64u
#define RING_OCTETS       16384u

enum ring_type { RING_RSA, RING_ED25519, RING_TYPES };
const char *ring_type_text(enum ring_type t); /* "rsa", "ed25519" */
const char *ring_state_text(enum dkim_state s);

struct ring_key {
	char selector[RING_SELECTOR_MAX];
	enum ring_type type;
	enum dkim_state state;
	int64_t since_s;
};

struct ring {
	struct ring_key at[RING_KEYS_MAX];
	size_t count;
};

/* A sentence with file and line in error on failure. */
enum err ring_parse(
    struct span text, const char *file, struct ring *r_r, char *error, size_t size) CHECKED;
/* ERR_NOTFOUND, ERR_DENIED: there is none, or it is not ours to read. */
enum err ring_read(const char *path, struct ring *r_r, char *error, size_t size) CHECKED;
void ring_put(struct buf *out, const struct ring *r);

/* ---- what is to be done ---- */

struct ring_policy {
	int64_t lifetime_s; /* of an active key */
	int64_t lead_s;     /* so long before its end the next one is made */
	int64_t overlap_s;  /* a key that does not sign any more stays so long */
	int64_t revoked_s;  /* and its revocation so long */
	bool now;           /* the next one takes over as soon as it can */
	bool emergency;     /* those that sign are revoked at once */
};
#define RING_POLICY                                                                            \
	{                                                                                      \
		.lifetime_s = 180 * 86400, .lead_s = 14 * 86400, .overlap_s = 12 * 86400,      \
		.revoked_s = 30 * 86400                                                        \
	}

enum ring_seen { RING_UNKNOWN, RING_MISSING, RING_SEEN }; /* by every server of the zone */

enum ring_action { RING_GENERATE, RING_CHANGE, RING_REMOVE };
struct ring_step {
	enum ring_action action;
	size_t key;            /* CHANGE, REMOVE: its position */
	enum dkim_state state; /* CHANGE */
	enum ring_type type;   /* GENERATE */
};
#define RING_STEPS_MAX (RING_KEYS_MAX + RING_TYPES)

/* What follows at that moment; returns how many steps. wanted: the types that the domain should
 * have, beside those that it has. seen: as many as keys. No step leaves a domain that signs without
 * a key, but in an emergency. */
size_t ring_steps(const struct ring *r, const struct ring_policy *policy, int64_t now_s,
    const enum ring_seen *seen, const bool wanted[RING_TYPES],
    struct ring_step steps_r[RING_STEPS_MAX]);

/* Carries out steps that change or remove; the caller has done what goes with them. */
void ring_apply(struct ring *r, const struct ring_step *steps, size_t count, int64_t now_s);
/* False: it is full, or has that selector. */
bool ring_add(struct ring *r, struct span selector, enum ring_type type, int64_t now_s) CHECKED;
/* NULL: there is none. */
struct ring_key *ring_find(struct ring *r, struct span selector);

#endif
