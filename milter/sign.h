/* sign.h - DKIM signatures (RFC 6376) of one message, as its body streams by. RSA through
 * libopendkim; Ed25519 (RFC 8463) over the body hash that libopendkim computed (sign_ed25519.h).
 *
 * Every signature is relaxed/relaxed over sha256, without l= and i=, with t= and x=. Signed are the
 * fields of one table in sign.c, all instances of each. Named once more than present, so that
 * nobody can add one later (RFC 6376 section 8.15): From, Reply-To, Subject, To and Cc always; the
 * structural fields where present; for class bulk List-Unsubscribe, List-Unsubscribe-Post and
 * Feedback-ID where present. */
#ifndef SIGN_H
#define SIGN_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "keys.h"
#include "message.h"
#include "settings.h"
#include "span.h"

#define SIGN_KEYS_MAX 8 /* signatures of one message */

struct signer;  /* what one configuration generation needs to sign; thread safe */
struct signing; /* one message; not thread safe */

struct signing_key {
	const char *selector;
	struct key *key; /* borrowed */
};

struct signature {
	const char *selector;
	const char *algorithm; /* "rsa-sha256", "ed25519-sha256" */
	struct span value;     /* of the DKIM-Signature field, LF folds, no blank in front */
};

/* Whether libopendkim takes parsed keys from keycache.h in this process: makes a trial signature
 * with a throwaway key. Call once at start. */
bool signer_cache_works(void);

/* ttl_s: x= minus t=, 0 for no x=. cached: the answer of signer_cache_works(); without it keys
 * must have their text. NULL on failure. */
struct signer *signer_new(int64_t ttl_s, bool cached);
void signer_free(struct signer **s); /* no signing of it may be left; NULL is fine */

/* Starts with the final header fields. domain: d=, an A-label. id: for the library's log; domain,
 * id and keys must outlive the signing. ERR_TOOBIG: more signed fields than a signature can name;
 * ERR_SYNTAX: the library cannot read the fields; error gets a sentence. */
enum err signing_start(struct signer *s, const char *id, const char *domain,
    enum stream_class stream_class, const struct signing_key *keys, size_t key_count,
    const struct message *m, struct signing **signing_r, char *error, size_t size) CHECKED;

/* The next body octets, cut anywhere; CRLF line ends only (message_scan_body tells). */
enum err signing_body(struct signing *signing, struct span chunk) CHECKED;

/* After the body, once. Signatures in the order of keys; values live in the arena. */
enum err signing_finish(struct signing *signing, struct arena *arena,
    struct signature out[SIGN_KEYS_MAX], size_t *count_r, char *error, size_t size) CHECKED;

void signing_free(struct signing **signing); /* NULL is fine */

#endif
