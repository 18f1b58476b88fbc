/* gate.h - the last look at bulk mail before it leaves (RFC 8058 section 4). It trusts none of the
 * stages before it: it reads the header that will leave and the finished signatures. Pure but for
 * the opening of a token; thread safe. */
#ifndef GATE_H
#define GATE_H

#include "list_fields.h"
#include "message.h"
#include "settings.h"
#include "sign.h"

struct gate {
	const struct message *final; /* as it will leave, without our signatures */
	const struct signature *signatures;
	size_t signature_count;
	const struct snapshot *snapshot;
	size_t tenant;
	const struct list_facts *list; /* NULL: the fields are the tenant's own work */
};

/* NULL: there is one List-Unsubscribe with one https URI at a host of the tenant's, and one
 * List-Unsubscribe-Post beside it; where the fields are ours to set, a URI at the tracking host is
 * of ours and names the only recipient; every signature covers both fields and names them once more
 * than they are there. Else what is wrong, in a few words. */
const char *gate_judge(const struct gate *gate);

#endif
