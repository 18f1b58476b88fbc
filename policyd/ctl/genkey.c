/* genkey - generates key pairs with OpenSSL and writes their DNS records. Knows no file and no
 * configuration. */
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "genkey.h"

#define STRING_MAX     255
#define ED25519_OCTETS 32

/* The public key as the p= tag has it: SubjectPublicKeyInfo for RSA, the bare point else. */
static bool add_public(enum genkey_type type, EVP_PKEY *key, struct buf *out)
{
	unsigned char raw[ED25519_OCTETS], *der = NULL;
	const unsigned char *bytes = raw;
	size_t size = sizeof raw;
	int n = 0;

	if (type == GENKEY_RSA) {
		n = i2d_PUBKEY(key, &der);
		bytes = der;
	} else if (EVP_PKEY_get_raw_public_key(key, raw, &size) == 1) {
		n = (int)size;
	}
	if (n > 0 && buf_reserve(out, (size_t)n * 2 + 8))
		out->n += (size_t)EVP_EncodeBlock((unsigned char *)out->p + out->n, bytes, n);
	else
		n = 0;
	OPENSSL_free(der);
	return n > 0;
}

static bool add_private(EVP_PKEY *key, struct buf *out)
{
	BIO *memory = BIO_new(BIO_s_mem());
	char *p = NULL;
	long n = 0;

	if (memory != NULL &&
	    PEM_write_bio_PKCS8PrivateKey(memory, key, NULL, NULL, 0, NULL, NULL) == 1) {
		n = BIO_get_mem_data(memory, &p);
		buf_add(out, p, n > 0 ? (size_t)n : 0);
		if (p != NULL && n > 0)
			OPENSSL_cleanse(p, (size_t)n);
	}
	BIO_free(memory);
	return n > 0;
}

enum err genkey_make(
    enum genkey_type type, unsigned bits, struct buf *private_pem, struct buf *record)
{
	EVP_PKEY *key = type == GENKEY_RSA ? EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)bits)
					   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	enum err e = ERR_CRYPTO;

	if (key == NULL)
		return e;
	buf_printf(record, "v=DKIM1; k=%s; p=", type == GENKEY_RSA ? "rsa" : "ed25519");
	if (add_private(key, private_pem) && add_public(type, key, record))
		e = buf_ok(private_pem) && buf_ok(record) ? ERR_OK : ERR_NOMEM;
	EVP_PKEY_free(key);
	return e;
}

/* A key with a passphrase is none of ours; nobody is asked for one. */
static int no_passphrase(
    char *out UNUSED, int size UNUSED, int writes UNUSED, void *context UNUSED)
{
	return -1;
}

enum err genkey_public(
    struct span private_pem, enum genkey_type *type_r, unsigned *bits_r, struct buf *record)
{
	BIO *memory = private_pem.n < INT32_MAX
			  ? BIO_new_mem_buf(private_pem.p, (int)private_pem.n)
			  : NULL;
	EVP_PKEY *key =
	    memory != NULL ? PEM_read_bio_PrivateKey(memory, NULL, no_passphrase, NULL) : NULL;
	enum err e = ERR_SYNTAX;

	if (key == NULL)
		goto out;
	e = ERR_RANGE;
	if (EVP_PKEY_is_a(key, "RSA") == 1)
		*type_r = GENKEY_RSA;
	else if (EVP_PKEY_is_a(key, "ED25519") == 1)
		*type_r = GENKEY_ED25519;
	else
		goto out;
	*bits_r = (unsigned)EVP_PKEY_get_bits(key);
	buf_printf(record, "v=DKIM1; k=%s; p=", *type_r == GENKEY_RSA ? "rsa" : "ed25519");
	e = add_public(*type_r, key, record) && buf_ok(record) ? ERR_OK : ERR_CRYPTO;
out:
	EVP_PKEY_free(key);
	BIO_free(memory);
	return e;
}

void genkey_wipe(struct buf *private_pem)
{
	if (private_pem->p != NULL)
		OPENSSL_cleanse(private_pem->p, private_pem->size);
	buf_free(private_pem);
}

void genkey_zone_line(
    struct span selector, struct span domain, struct span record, struct buf *out)
{
	buf_printf(out, "%.*s._domainkey.%.*s. IN TXT (", SPAN_ARG(selector), SPAN_ARG(domain));
	while (record.n > 0) {
		struct span string = span_head(record, STRING_MAX);

		buf_printf(out, " \"%.*s\"", SPAN_ARG(string));
		record = span_from(record, string.n);
	}
	buf_add_cstr(out, " )");
}
