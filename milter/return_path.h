/* return_path.h - the envelope sender of mail of ours: "b+TOKEN@BOUNCE-DOMAIN". The token names the
 * message and the source that it leaves from, so that Postfix finds the same source at every
 * attempt (policyd/routing.h), whatever happens to the queue in between. */
#ifndef RETURN_PATH_H
#define RETURN_PATH_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"
#include "token_payload.h"

struct mail;

#define RETURN_PREFIX "b+" /* of the local part, before the token */

/* The address, without brackets, appended to out. key: the tenant's of return paths; host: the
 * bounce domain. */
enum err return_path_put(struct token_key *key, struct span host, const struct token_return *t,
    struct buf *out) CHECKED;

/* The bounce domain of the signing domain, else the tenant's first; NULL: it has none. */
const char *return_path_host(const struct mail *mail);

/* End of message: mail that has a source gets the return path that says so. The null sender stays
 * (RFC 5321 section 4.5.5), and so does the sender of a tenant without a bounce domain: policyd has
 * told Postfix the source of such mail. */
bool return_path_set(struct mail *mail);

#endif
