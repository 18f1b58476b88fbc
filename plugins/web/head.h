/* head - the head of a request, judged before anything acts on it: what two readers (a proxy in
 * front, and we) could understand differently is refused (RFC 9112 section 11.2). Fed field by
 * field; knows no library. Pure. */
#ifndef HEAD_H
#define HEAD_H

#include "base.h"
#include "site.h"
#include "span.h"

#define HEAD_OCTETS_MAX 8192 /* request line and fields */
#define HEAD_FIELDS_MAX 100

struct head {
	struct site_request request;
	struct span content_length;
	unsigned hosts, lengths, types, codings, fields; /* how many came */
	size_t octets;
	bool malformed; /* a name or value that must not be */
};

/* method, target (as it came) and version of the request line. */
void head_begin(struct head *h, struct span method, struct span target, struct span version);
void head_field(struct head *h, struct span name, struct span value);
/* After the last field: 0 to go on, else the status to refuse it with. */
unsigned head_judge(const struct head *h);

#endif
