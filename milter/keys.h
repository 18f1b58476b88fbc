/* keys.h - private key files: proven before use, parsed once, watched for change. 100,000 keys in
 * the configuration cost nothing until a message needs one. Thread safe. Key material is never
 * logged; what remains of it in memory is wiped when the last user lets go.
 *
 * A key file must be a regular file (no symbolic link) of at most KEYS_FILE_MAX octets, owned by
 * root or by the milter's user, without any permission for others and none but read for the group,
 * which must be the milter's or root's; no directory above it may be writable by anybody else
 * (sticky ones excepted). It holds one unencrypted PEM private key: RSA of 2048 to 4096 bits
 * (RFC 8301 section 3.2) or Ed25519 (RFC 8463), which signs and verifies. */
#ifndef KEYS_H
#define KEYS_H

#include <sys/types.h>

#include "base.h"
#include "buf.h"
#include "err.h"
#include "settings.h"

#define KEYS_FILE_MAX     16384 /* octets */
#define KEYS_RSA_BITS_MIN 2048
#define KEYS_RSA_BITS_MAX 4096

struct keys;
struct key;
struct evp_pkey_st; /* OpenSSL's EVP_PKEY */

enum key_type { KEY_RSA, KEY_ED25519 };

/* user, group: who the milter runs as. keep_text: keep the PEM text beside the parsed key, for
 * libraries that cannot be handed a parsed one (keycache.h). NULL when out of memory. */
struct keys *keys_new(uid_t user, gid_t group, bool keep_text);
void keys_free(struct keys **keys);

/* The proven key of that file, from memory when the file is as it was. The caller owns a
 * reference: key_unref. On failure error gets one sentence (no key octets in it): ERR_NOTFOUND,
 * ERR_DENIED (owner, mode, kind of file), ERR_TOOBIG, ERR_SYNTAX (PEM), ERR_RANGE (type, bits),
 * ERR_CRYPTO (does not sign), ERR_IO, ERR_NOMEM. */
enum err keys_get(
    struct keys *keys, const char *path, struct key **key_r, char *error, size_t size) CHECKED;

/* Proves every key that the configuration names; a line for each that fails into report. Returns
 * how many failed. */
size_t keys_prove_all(struct keys *keys, const struct snapshot *s, struct buf *report);

/* A throwaway RSA key that is in no file, for work that needs some key (sign.c). */
enum err key_generate(unsigned bits, bool keep_text, struct key **key_r) CHECKED;

struct key *key_ref(struct key *key);
void key_unref(struct key **key); /* NULL is fine; sets *key to NULL */
enum key_type key_type(const struct key *key);
unsigned key_bits(const struct key *key);
/* Borrowed; valid as long as the reference. */
struct evp_pkey_st *key_pkey(const struct key *key);
/* PEM text, or NULL without keep_text. */
const char *key_text(const struct key *key);

#endif
