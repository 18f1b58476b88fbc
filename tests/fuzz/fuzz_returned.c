/* fuzz_returned - any octets as a message that came back: what is read lies in bounds. */
#include <stdlib.h>

#include "returned.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

/* Reads every octet, so that a sanitizer sees one that is not ours. */
static size_t sum(struct span s)
{
	size_t n = 0;

	for (size_t i = 0; i < s.n; i++)
		n += (unsigned char)s.p[i];
	return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *arena = arena_new((size_t)64 << 20);
	struct returned r;
	size_t n = 0;
	enum err e;

	MUST(arena != NULL);
	e = returned_read(span_make((const char *)data, size), arena, &r);
	MUST(e == ERR_OK || e == ERR_NOMEM);
	MUST(r.kind < RETURNED_KINDS && r.count <= RETURNED_RECIPIENTS_MAX);
	for (size_t i = 0; i < r.count; i++) {
		const struct returned_recipient *one = r.recipients + i;

		MUST(one->diagnostic.n <= RETURNED_FIELD_MAX);
		MUST(one->status.n <= RETURNED_FIELD_MAX);
		n += sum(one->address) + sum(one->original) + sum(one->action) +
		     sum(one->status) + sum(one->diagnostic);
	}
	n += sum(r.feedback_type) + sum(r.complained) + sum(r.original_sender);
	MUST(n < SIZE_MAX);
	arena_free(&arena);
	return 0;
}
