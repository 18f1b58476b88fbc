/* fingerprints.h - a set of 64-bit values in memory: eight octets a value and room to grow. One
 * thread. Values 0 and 1 are not for callers. */
#ifndef FINGERPRINTS_H
#define FINGERPRINTS_H

#include "base.h"

struct fingerprints {    /* all zero is the empty set */
	uint64_t *slots; /* owned; linear probing; 0 is empty, 1 is a grave */
	size_t size;     /* power of two, or 0 */
	size_t used, graves;
};

void fingerprints_free(struct fingerprints *f);
bool fingerprints_have(const struct fingerprints *f, uint64_t v);
/* Room for more values; false when out of memory. Call before fingerprints_add. */
bool fingerprints_reserve(struct fingerprints *f, size_t more);
void fingerprints_add(struct fingerprints *f, uint64_t v);
void fingerprints_remove(struct fingerprints *f, uint64_t v);

#endif
