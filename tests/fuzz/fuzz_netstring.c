/* fuzz_netstring - any bytes as socketmap requests. Oracles: a cut does not change the verdict, a
 * payload lies inside the input, what netstring_put writes is read back the same; and routing
 * answers every request with a word that Postfix knows. */
#include <stdlib.h>

#include "netstring.h"
#include "routing.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void check_answer(struct span request)
{
	/* Without keys no sender has a way. */
	struct routing r = { .snapshot = NULL };
	struct routing_memory memory = { .asked_s = 0 };
	struct buf out = BUF_INIT(256);

	routing_answer(&r, request, &memory, 1, &out);
	MUST(buf_ok(&out));
	MUST(span_eq(buf_span(&out), SPAN("NOTFOUND ")) ||
	     span_starts(buf_span(&out), SPAN("PERM ")));
	buf_free(&out);
}

static void check(struct span all, size_t max)
{
	struct span payload, part;
	size_t used, part_used, step = all.n / 256 + 1;
	enum netstring_result result = netstring_scan(all, max, &payload, &used);

	if (result == NETSTRING_COMPLETE) {
		struct buf out = BUF_INIT(1 << 21);

		MUST(payload.n <= max && used <= all.n && payload.p > all.p);
		MUST(payload.p + payload.n + 1 == all.p + used);
		netstring_put(&out, payload);
		MUST(buf_ok(&out) && span_eq(buf_span(&out), span_head(all, used)));
		buf_free(&out);
		check_answer(payload);
	} else {
		MUST(used == 0);
	}
	for (size_t n = 0; n < all.n; n += step) {
		enum netstring_result r =
		    netstring_scan(span_head(all, n), max, &part, &part_used);

		MUST(r == NETSTRING_MORE || (r == result && part_used == used));
		MUST(r != NETSTRING_MORE || result != NETSTRING_COMPLETE || n < used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };

	check(all, 12);
	check(all, ROUTING_REQUEST_MAX);
	return 0;
}
