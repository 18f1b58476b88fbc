/* recent - a small memory of who opened which links just now. Knows no HTTP. */
#include <stdlib.h>

#include "hash.h"
#include "recent.h"

struct slot {
	uint64_t key; /* hash of address and message; 0: free */
	uint64_t links;
	int64_t since_ns;
};

struct recent {
	uint64_t seed;
	struct slot at[RECENT_SLOTS];
};

struct recent *recent_new(uint64_t seed)
{
	struct recent *r = calloc(1, sizeof *r);

	if (r != NULL)
		r->seed = seed;
	return r;
}

void recent_free(struct recent **r)
{
	free(*r);
	*r = NULL;
}

unsigned recent_note(struct recent *r, const uint8_t address[16], uint64_t message,
    uint16_t link, int64_t now_ns)
{
	uint8_t bytes[24];
	struct slot *s;
	uint64_t key;

	memcpy(bytes, address, 16);
	memcpy(bytes + 16, &message, sizeof message);
	key = hash64(span_make((const char *)bytes, sizeof bytes), r->seed) | 1;
	s = &r->at[key >> 32 & (RECENT_SLOTS - 1)];
	if (s->key != key || now_ns - s->since_ns > RECENT_WINDOW_NS)
		*s = (struct slot){ .key = key, .since_ns = now_ns };
	s->links |= UINT64_C(1) << link % 64;
	return (unsigned)__builtin_popcountll(s->links);
}
