/* shared.h - what all connections of the milter share: the configuration generation in force, the
 * keys, and which complaints were made lately. A message holds a reference to one generation from
 * its first to its last event, so no mail sees a mixed configuration. Thread safe. */
#ifndef SHARED_H
#define SHARED_H

#include <pthread.h>
#include <stdatomic.h>

#include "base.h"
#include "buf.h"
#include "err.h"
#include "keys.h"
#include "phrases.h"
#include "plugin.h"
#include "policy_client.h"
#include "settings.h"
#include "sign.h"
#include "token.h"

/* One loaded configuration with all that is made from it; immutable. */
struct generation {
	atomic_uint references;
	struct snapshot *snapshot;
	struct signer *signer;
	struct policy_client *policy;
	/* NULL: cannot be read, for the reason that stands beside it; who needs them complains. */
	struct token_ring *rings[TOKEN_PURPOSES];
	char ring_errors[TOKEN_PURPOSES][256];
	struct phrases *footer_texts; /* NULL: no tenant has a footer */
};

#define COMPLAINTS 256 /* a collision silences one of two subjects for a minute */

struct shared {
	const char *config_file;
	struct keys *keys;
	bool cached;             /* keycache works */
	struct plugins *plugins; /* not owned; NULL: none; set before there are threads */
	pthread_mutex_t lock;
	struct generation *current; /* under lock */
	int64_t
	    complained_ns[COMPLAINTS]; /* hash of the subject => when; 0 never; under lock */
};

/* Takes the first snapshot over. user, group: who will read key files. */
enum err shared_init(struct shared *s, const char *config_file, struct snapshot *snapshot,
    uid_t user, gid_t group, char *error, size_t size) CHECKED;
void shared_deinit(struct shared *s);

/* The generation in force; to be given back by generation_unref. */
struct generation *shared_generation(struct shared *s);
void generation_unref(struct generation **g); /* NULL is fine; sets *g to NULL */

/* Reads the configuration again. On success new messages see it; otherwise the old one stays.
 * report gets the lines for the log in both cases. */
enum err shared_reload(struct shared *s, struct config_report *report) CHECKED;

/* True once a minute for each thing complained about (a domain, a path): log now. */
bool shared_may_complain(struct shared *s, struct span about, int64_t now_ns);

#endif
