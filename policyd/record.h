/* record.h - small records of ours beside the counters: written, or deleted, by the store's thread
 * soon, all of a batch together; memory answers meanwhile. The loop's thread. */
#ifndef RECORD_H
#define RECORD_H

#include "err.h"
#include "span.h"
#include "store.h"

/* Called in the loop when they are on the disk, or could not be written; may be NULL. */
typedef void record_done(void *context, enum err e);

struct record_batch;

/* what: for the log, when it fails ("a pause"); must stay. NULL: no memory. */
struct record_batch *record_batch_new(struct store *store, unsigned database, const char *what);
void record_batch_free(struct record_batch **b); /* one that is not written; NULL is fine */
/* Copies; an empty value deletes the key (which need not be there). Want of memory shows at
 * record_batch_write. */
void record_batch_add(struct record_batch *b, struct span key, struct span value);
/* Takes the batch over, whatever comes back. ERR_NOMEM: nothing will be written, done is not
 * called. NULL counts as no memory. */
enum err record_batch_write(struct record_batch **b, record_done *done, void *context) CHECKED;

/* A batch of one. */
enum err record_change(struct store *store, unsigned database, struct span key,
    struct span value, const char *what, record_done *done, void *context) CHECKED;

#endif
