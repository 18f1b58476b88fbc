/* store_undo.h - which entries of batches that failed cancel each other: a charge and the refund
 * of just that charge. Neither of them may be undone, or redone, alone. Pure but for memory. */
#ifndef STORE_UNDO_H
#define STORE_UNDO_H

#include "buf.h"
#include "journal.h"

struct undo_pairs {
	struct buf events;  /* struct, one a charge or refund, in the order of the entries */
	struct buf paired;  /* one octet an event */
	size_t next;        /* while walking: ordinal of the next event */
	bool out_of_memory; /* nothing is known: every event counts as paired */
};

/* Reads the entries of the batches in their order. */
void undo_pairs_make(struct undo_pairs *p, const struct span *batches, size_t count);
void undo_pairs_free(struct undo_pairs *p);

/* For a second walk over the same entries: is this charge or refund half of a pair? Without
 * memory it says yes to all: memory then counts too much, never too little. */
bool undo_pairs_next(struct undo_pairs *p);

#endif
