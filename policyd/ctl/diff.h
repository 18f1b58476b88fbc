/* diff.h - a unified diff of two small texts, as diff -u writes it. Pure. */
#ifndef DIFF_H
#define DIFF_H

#include "base.h"
#include "buf.h"
#include "span.h"

/* Appends nothing when the texts are equal. name goes into the header lines. */
void diff_unified(struct buf *out, const char *name, struct span before, struct span after);

#endif
