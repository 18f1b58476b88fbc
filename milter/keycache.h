/* keycache.h - hands libopendkim a parsed private key. The library takes keys as PEM text only and
 * parses the text for every message, which under OpenSSL 3 costs more than twice the signature.
 * keycache.c stands in for the OpenSSL function that it calls for that; see there. */
#ifndef KEYCACHE_H
#define KEYCACHE_H

#include "base.h"
#include "keys.h"

/* What to give dkim_sign() as secret key while a key is offered. */
extern const char keycache_token[];

/* From now on, in this thread, parsing the token yields this key (borrowed; NULL ends it). Offer,
 * call the library, take the offer back: always within one function. */
void keycache_offer(const struct key *key);

#endif
