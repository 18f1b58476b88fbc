/* keycache - PEM_read_bio_PrivateKey() of our own, so that libopendkim gets keys that are parsed
 * already.
 *
 * How: the executable defines (and, because a library it is linked with wants that symbol, exports)
 * a function of that name; the dynamic linker looks into the executable first, so libopendkim's
 * calls arrive here. A BIO that holds keycache_token and nothing else, while the thread has offered
 * a key, is answered with one more reference to that key: the library frees it as its own. All
 * other calls behave as ever, through the _ex function that OpenSSL's own version wraps.
 *
 * When it does not work (a libopendkim bound differently, linked statically, or built without
 * OpenSSL), the trial signature at start fails (sign.h, signer_cache_works), keys keep their PEM
 * text and the library parses it: slower, never wrong. Without an offer the token is no PEM.
 *
 * The offer is the one piece of per-thread state in the milter: the interposed function has a fixed
 * signature and nothing else to carry it. Knows no files and no messages. */
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "keycache.h"
#include "span.h"

const char keycache_token[] = "-----KEY OFFERED BY THE CALLING THREAD-----\n";

static _Thread_local const struct key *offered;

void keycache_offer(const struct key *key)
{
	offered = key;
}

EVP_PKEY *PEM_read_bio_PrivateKey(
    BIO *bio, EVP_PKEY **out, pem_password_cb *callback, void *context)
{
	char *p = NULL;
	long n;

	if (offered != NULL && out == NULL && BIO_method_type(bio) == BIO_TYPE_MEM) {
		n = BIO_get_mem_data(bio, &p);
		if (n > 0 && span_eq(span_make(p, (size_t)n), span_cstr(keycache_token))) {
			EVP_PKEY *pkey = key_pkey(offered);

			return EVP_PKEY_up_ref(pkey) == 1 ? pkey : NULL;
		}
	}
	return PEM_read_bio_PrivateKey_ex(bio, out, callback, context, NULL, NULL);
}
