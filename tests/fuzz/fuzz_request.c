/* fuzz_request - any attributes as a policy request. Oracles: what is found lies inside the
 * input, bounds hold, and the answer is the same the second time. */
#include <stdlib.h>

#include "request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };
	struct attr_request attributes;
	struct policy_request r, again;
	const char *wrong;
	size_t used;

	if (attr_scan(all, &attr_limits_policy, &attributes, &used) != ATTR_COMPLETE)
		return 0;
	wrong = request_read(&attributes, &r);
	MUST(request_read(&attributes, &again) == wrong);
	{
		const struct span fields[] = { r.instance, r.queue_id, r.sender, r.recipient,
			r.login, r.client_address, r.context };

		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			MUST(
			    fields[i].n == 0 || (fields[i].p >= all.p &&
						    fields[i].p + fields[i].n <= all.p + used));
	}
	if (wrong != NULL)
		return 0;
	MUST(span_eq(attr_get(&attributes, SPAN("request")), SPAN("smtpd_access_policy")));
	MUST(span_eq(attr_get(&attributes, SPAN("sasl_username")), r.login));
	MUST(r.instance.n <= 128 && r.size <= INT64_MAX);
	MUST(r.state != STATE_RCPT || (r.recipient.n > 0 && r.instance.n > 0));
	MUST(r.state != STATE_END_OF_MESSAGE || r.instance.n > 0);
	return 0;
}
