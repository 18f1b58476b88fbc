/* sign_ed25519.h - an Ed25519 signature beside one that libopendkim made. The library can do it
 * itself, but leaks a key for each (its free routine knows only RSA). */
#ifndef SIGN_ED25519_H
#define SIGN_ED25519_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "keys.h"
#include "message.h"
#include "span.h"

/* model: the value of a DKIM-Signature field over the same message, as libopendkim wrote it: its
 * d=, t=, x=, c=, bh= and h= are taken over, a=, s= and b= made anew. The new value is appended to
 * out with LF folds. ERR_SYNTAX: the model has no h= or bh=; ERR_CRYPTO; ERR_NOMEM. */
enum err sign_ed25519(struct span model, const struct message *m, const char *selector,
    const struct key *key, struct buf *out) CHECKED;

#endif
