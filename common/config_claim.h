/* config_claim.h - who owns a name that two tenants' files claim: names, domains, hosts, logins,
 * networks. For common/config_*.c only; nothing of it is thread safe. */
#ifndef CONFIG_CLAIM_H
#define CONFIG_CLAIM_H

#include "config.h"

/* What was claimed so far. The tables are the snapshot's; two more say what lies below a name. */
struct claims {
	struct snapshot *s;
	const struct tenant_box **boxes; /* owner => its box */
	struct index below;       /* names with a claimed domain below them => its owner */
	struct index hosts_below; /* claimed hosts and the names above them => its owner */
	bool out_of_memory;
};

void claims_init(struct claims *c, struct snapshot *s, uint64_t seed);
void claims_deinit(struct claims *c);

/* How many claims of the box conflict with what is there; each is an error of r, if there is one.
 * Nothing of the box may have been added before. */
unsigned claims_check(struct claims *c, struct config_reader *r, const struct tenant_box *box);
/* Adds all of them for that owner, whose place in boxes is filled here. */
void claims_add(struct claims *c, const struct tenant_box *box, uint32_t owner);

#endif
