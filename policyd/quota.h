/* quota.h - which limits hold for a message, the buckets they count in, and the charges it asks
 * of them. Limits come from four scopes: plan, tenant, stream, login; all hold together. Pure;
 * counts and storage are the store's. */
#ifndef QUOTA_H
#define QUOTA_H

#include "admission.h"
#include "buf.h"
#include "settings.h"
#include "span.h"

enum quota_scope { SCOPE_PLAN, SCOPE_TENANT, SCOPE_STREAM, SCOPE_LOGIN, SCOPE_COUNT };

const char *quota_scope_text(enum quota_scope s);

/* One limit as it holds for somebody. */
struct quota {
	const struct limit *limit;
	enum quota_scope scope;
	struct span name; /* of the plan, tenant, stream or login */
	bool alert_only;  /* the plan's overage */
	bool stored_name; /* name is a part of a bucket's name already: not replaced again */
	uint32_t bucket;  /* filled by whoever asks the store; BUCKET_NONE before */
};

#define QUOTA_MAX 48 /* the pool's charges find room beside them */
_Static_assert(QUOTA_MAX + 12 <= CHARGES_MAX, "common and candidate together");

/* The limits that hold for mail of that login (may be empty) in that stream. Where a scope names
 * the same unit and window twice, or plan and tenant both limit a login, the smaller amount holds
 * (one bucket). Returns how many; more than QUOTA_MAX never hold at once (the configuration check
 * refuses them). */
size_t quota_list(const struct tenant *tenant, const struct plan *plan,
    const struct stream *stream, struct span login, struct quota out[QUOTA_MAX]);

/* The bucket's name: tenant, scope, name, unit, period, separated by tabs. It stays the same when
 * an amount changes, so a raised limit keeps its count. Names over 200 octets or with control
 * characters are replaced by a hash. */
void quota_bucket_name(struct buf *out, struct span tenant, const struct quota *q);

struct quota_bucket_parts {
	struct span tenant, scope, name, unit, period;
};
bool quota_split_bucket_name(struct span bucket_name, struct quota_bucket_parts *parts_r);

/* Calendar windows of now in a tenant's zone; recomputed only when one has ended. */
struct quota_windows {
	struct window_bounds at[WINDOW_CYCLE + 1];
};
void quota_windows_update(struct quota_windows *w, const struct tenant *tenant, int64_t now_s);

struct quota_amounts {
	uint64_t units[LIMIT_UNITS]; /* 0: limits of that unit are not asked */
};

/* Charges of the quotas whose unit has an amount. Returns how many. */
size_t quota_charges(const struct quota *quotas, size_t count,
    const struct quota_windows *windows, const struct quota_amounts *amounts,
    struct charge out[CHARGES_MAX]);

#endif
