/* dns_plan.h - what should be in DNS for a sending domain, and for the host that mail leaves from.
 * Decides; reads no file and asks nobody. */
#ifndef DNS_PLAN_H
#define DNS_PLAN_H

#include "arena.h"
#include "base.h"
#include "dns_ours.h"
#include "dns_record.h"
#include "settings.h"

/* The public half of a key of the domain, by its position in tenant_domain.keys. */
struct dns_public_key {
	const char *type;    /* "rsa", "ed25519" */
	struct span record;  /* "v=DKIM1; k=...; p=..." */
	const char *problem; /* why it is not known; or NULL */
};

struct dns_plan {
	const struct expected *at;
	size_t count;
};

/* All of it lives in the arena, together with what is given. ERR_NOMEM: the arena's cap. */
enum err dns_plan_domain(const struct tenant_domain *domain, const struct dns_public_key *keys,
    const struct dns_ours *ours, struct arena *arena, struct dns_plan *plan_r) CHECKED;
enum err dns_plan_host(
    const struct dns_ours *ours, struct arena *arena, struct dns_plan *plan_r) CHECKED;

/* Only its keys' records. */
enum err dns_plan_keys(const struct tenant_domain *domain, const struct dns_public_key *keys,
    struct arena *arena, struct dns_plan *plan_r) CHECKED;

/* A line of a zone file; for a kind without a record of its own, or whose contents we do not know,
 * nothing. Texts are cut into strings of at most 255 octets (RFC 1035 section 3.3.14). */
void dns_plan_line(const struct expected *e, struct buf *out);

#endif
