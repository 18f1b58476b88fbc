/* patch.h - find, decide, patch: replacements at octet ranges of a text, carried out together.
 * Everything outside the ranges stays identical. Pure. */
#ifndef PATCH_H
#define PATCH_H

#include "arena.h"
#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

struct patch {
	size_t offset, length; /* octets of the original; length 0: an insertion */
	struct span text;      /* not owned: must live until the patches are carried out */
	size_t order;          /* set by patch_add */
};

struct patch_list {
	struct arena *arena; /* for the list itself; not owned */
	struct patch *at;
	size_t count, room;
};

#define PATCH_LIST_INIT(memory)                                                                \
	{                                                                                      \
		.arena = (memory)                                                              \
	}

enum err patch_add(
    struct patch_list *list, size_t offset, size_t length, struct span text) CHECKED;

/* Sorts by offset; insertions at one place keep the order in which they were added and come
 * before a replacement that starts there. ERR_RANGE: two overlap, or one ends after size. */
enum err patch_sort(struct patch_list *list, size_t size) CHECKED;

/* original with the (sorted) patches, appended to out, which is grown once. ERR_TOOBIG: over the
 * cap of out; ERR_NOMEM. */
enum err patch_apply(
    const struct patch_list *list, struct span original, struct buf *out) CHECKED;

#endif
