/* edition - what one reading of the configuration gives: snapshot, token keys, words. Changes as
 * a whole or not at all. References are thread safe; the keys of tenants are for one thread. */
#ifndef EDITION_H
#define EDITION_H

#include <stdatomic.h>

#include "err.h"
#include "settings.h"
#include "texts.h"
#include "token.h"

#define EDITION_KEYS     1024 /* tenants' keys kept ready, of all purposes together */
#define EDITION_PURPOSES 3    /* TOKEN_CLICK, TOKEN_OPEN, TOKEN_UNSUBSCRIBE */

struct edition {
	atomic_uint references;
	struct snapshot *snapshot;
	struct phrases *texts;
	struct token_ring *rings[EDITION_PURPOSES];
	struct {
		size_t tenant;
		enum token_purpose purpose;
		struct token_key *key; /* NULL: free */
	} keys[EDITION_KEYS];
};

/* Takes the snapshot over in every case. error gets a sentence. */
enum err edition_new(
    struct snapshot *snapshot, struct edition **edition_r, char *error, size_t size) CHECKED;
struct edition *edition_ref(struct edition *g);
void edition_unref(struct edition **g); /* NULL is fine */

/* The keys of a tenant (its index) for a purpose; NULL when out of memory. Valid until the next
 * call. */
struct token_key *edition_key(struct edition *g, enum token_purpose purpose, size_t tenant);

#endif
