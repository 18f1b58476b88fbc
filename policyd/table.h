/* table.h - uthash with our hash function, and without its exit() when memory runs out. */
#ifndef TABLE_H
#define TABLE_H

#include "hash.h"

#define HASH_FUNCTION(key, length, value_r)                                                    \
	((value_r) = (unsigned)hash64(span_make((const char *)(key), (length)), 0))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#endif
