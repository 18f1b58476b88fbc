/* fuzz_keyring - any octets as a ring: what is read keeps its bounds, is written as it was read, and
 * every step of it can be carried out. */
#include <stdlib.h>

#include "keyring.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const bool wanted[RING_TYPES] = { true, true };
	const struct ring_policy policy = RING_POLICY;
	enum ring_seen seen[RING_KEYS_MAX];
	struct ring_step steps[RING_STEPS_MAX];
	struct buf out = BUF_INIT(65536);
	struct ring r, again;
	char error[256];
	size_t n;

	if (ring_parse(span_make((const char *)data, size), "f", &r, error, sizeof error) !=
	    ERR_OK)
		return 0;
	MUST(r.count <= RING_KEYS_MAX);
	ring_put(&out, &r);
	MUST(buf_ok(&out));
	MUST(ring_parse(buf_span(&out), "f", &again, error, sizeof error) == ERR_OK);
	MUST(memcmp(&r, &again, sizeof r) == 0);
	for (size_t i = 0; i < RING_KEYS_MAX; i++)
		seen[i] = (enum ring_seen)(size > i ? data[i] % 3 : 0);
	n = ring_steps(&r, &policy, INT64_C(1780000000), seen, wanted, steps);
	MUST(n <= RING_STEPS_MAX);
	ring_apply(&r, steps, n, INT64_C(1780000000));
	MUST(r.count <= again.count);
	buf_free(&out);
	return 0;
}
