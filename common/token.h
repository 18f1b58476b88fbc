/* token.h - opaque values in links, unsubscribe URIs and return paths: encrypted and authenticated
 * with AES-256-SIV (RFC 5297), so the same contents give the same token, there is no nonce to lose,
 * and nothing of an address can be read. A token is void for another purpose, another tenant and
 * another host. OpenSSL's SIV and KDF have their home here.
 *
 * Text: base64url (RFC 4648 section 5) without padding, of key id u8, SIV 16 octets, ciphertext.
 * TOKEN_RETURN is lower-case base32 (section 6) instead, because local parts lose their case; then
 * TOKEN_RETURN_TEXT_MAX characters hold TOKEN_RETURN_PAYLOAD_MAX octets of payload.
 *
 * Keys: a directory with one file a purpose, each holding all keys that still verify; the newest
 * one mints (token_ring.h). A tenant's key is derived from it by HKDF-SHA-256 (RFC 5869). Rings may
 * be read by many threads at once; a token_key is used by one thread at a time. */
#ifndef TOKEN_H
#define TOKEN_H

#include "base.h"
#include "buf.h"
#include "err.h"
#include "span.h"

enum token_purpose { TOKEN_CLICK, TOKEN_OPEN, TOKEN_UNSUBSCRIBE, TOKEN_RETURN, TOKEN_PURPOSES };

#define TOKEN_OVERHEAD           17u /* octets: key id, SIV */
#define TOKEN_PAYLOAD_MAX        3000u
#define TOKEN_TEXT_MAX           4023u /* characters of the longest token */
#define TOKEN_RETURN_PAYLOAD_MAX 21u
#define TOKEN_RETURN_TEXT_MAX    62u

/* All keys of one purpose; immutable. */
struct token_ring;

/* Reads directory/PURPOSE.keys. A sentence for the administrator in error on failure: ERR_NOTFOUND
 * when there is no such file, ERR_DENIED when it is open to others, a link or not readable,
 * ERR_SYNTAX with the line. */
enum err token_ring_read(const char *directory, enum token_purpose purpose,
    struct token_ring **ring_r, char *error, size_t size) CHECKED;
void token_ring_free(struct token_ring **ring);             /* NULL is fine; wipes */
const char *token_purpose_text(enum token_purpose purpose); /* "click", ... */

/* The ring's keys for one tenant, ready for use; costs a few microseconds for each key of the ring,
 * so keep it for a message (milter) or cache it by tenant (web). Holds no pointer to the ring. */
struct token_key;
struct token_key *token_key_new(const struct token_ring *ring, struct span tenant);
void token_key_free(struct token_key **key); /* NULL is fine */

/* Appends the token's text to out. host: where it will be presented, canonical (domain.h): the
 * tracking host, or the bounce domain of a return path. ERR_TOOBIG for a payload over the bound,
 * ERR_NOMEM. */
enum err token_seal(
    struct token_key *key, struct span host, struct span payload, struct buf *out) CHECKED;

/* The payload of a genuine token into payload_r, which has room for TOKEN_PAYLOAD_MAX octets.
 * Anything else is ERR_NOTFOUND: wrong alphabet, cut, changed, another purpose's, tenant's, host's,
 * or of a key that is gone. What decodes takes the same way, good or bad; OpenSSL compares the SIV
 * in constant time. A text has one spelling, but for the case of base32. */
enum err token_open(struct token_key *key, struct span host, struct span text,
    uint8_t payload_r[TOKEN_PAYLOAD_MAX], size_t *n_r) CHECKED;

/* Which key of the ring made it; 0 when the text is none. Says nothing about its being genuine. */
unsigned token_key_id(const struct token_key *key, struct span text);

/* 64 bits that stand for a recipient of this tenant in events, never 0; lower-case the address
 * first. Does not change when keys rotate. The click key's is used for opens too, so that both
 * speak of the same reader. */
enum err token_pseudonym(
    struct token_key *key, struct span address, uint64_t *pseudonym_r) CHECKED;

#endif
