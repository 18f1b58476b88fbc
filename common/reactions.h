/* reactions.h - what follows from what receivers say: rules from a data file (etc/reactions.conf).
 * A rule counts replies, or looks at a share of the last 24 hours, and pauses a source, a domain, a
 * stream or a tenant for a while, for one mailbox provider or for all. Pure but for reading the
 * file.
 *
 *   [google_rate]
 *   replies  = google_rate_source     rules of replies.conf; or "classes = rate_limit"; or
 *                                     "share = hard", "share = complained", "share = delayed"
 *   count    = 3/10m                  replies in how long
 *   percent  = 5.0                    of a share: from here on
 *   least    = 20                     and at least so many
 *   sent     = 500                    of at least so many
 *   provider = google                 groups it holds for; without: any
 *   scope    = source                 source, domain, stream or tenant
 *   where    = provider               "provider" (that said it), or "everywhere"
 *   pause    = 10m                    without: it is only told
 *   most     = 24h                    a relapse within a day doubles the pause, up to this
 *   source   = where it comes from */
#ifndef REACTIONS_H
#define REACTIONS_H

#include "base.h"
#include "err.h"
#include "replies.h"
#include "span.h"

#define REACTIONS_OCTETS   (256u * 1024)
#define REACTIONS_MAX      500u
#define REACTION_COUNT_MAX 64u

enum brake_scope { BRAKE_SOURCE, BRAKE_DOMAIN, BRAKE_STREAM, BRAKE_TENANT, BRAKE_SCOPES };
const char *brake_scope_text(enum brake_scope scope);
bool brake_scope_of(struct span word, enum brake_scope *scope_r);

enum reaction_share { SHARE_NONE, SHARE_HARD, SHARE_COMPLAINED, SHARE_DELAYED };

struct reaction {
	const char *id, *source;
	const char *const *replies;   /* NULL-terminated; or NULL */
	const char *const *providers; /* NULL-terminated; NULL: any */
	uint32_t classes;             /* bits of enum reply_class */
	enum reaction_share share;
	unsigned count; /* of replies, 1 to REACTION_COUNT_MAX */
	int64_t within_s;
	uint32_t parts; /* of QUANTITY_WHOLE */
	uint64_t least, sent;
	enum brake_scope scope;
	bool everywhere;
	int64_t pause_s, most_s; /* pause_s 0: only told */
	unsigned line;
	bool has_scope;
};

struct reactions;

/* A sentence with file and line in error on failure. The result is immutable. */
enum err reactions_parse(struct span text, const char *file, struct reactions **r_r,
    char *error, size_t size) CHECKED;
enum err reactions_read(
    const char *path, struct reactions **r_r, char *error, size_t size) CHECKED;
void reactions_free(struct reactions **r); /* NULL is fine */
size_t reactions_count(const struct reactions *r);
const struct reaction *reactions_rule(const struct reactions *r, size_t index);

/* Does the rule count a reply of that provider, rule (may be NULL) and class? Not of a share. */
bool reaction_counts(const struct reaction *r, struct span provider,
    const struct reply_rule *reply, enum reply_class class);
/* Is a share of the last 24 hours where the rule has to act? part of whole. */
bool reaction_share_reached(
    const struct reaction *r, struct span provider, uint64_t part, uint64_t whole);

/* How long the pause is at that relapse (0: the first). */
int64_t reaction_pause_s(const struct reaction *r, unsigned level);

#endif
