/* token - sealing and opening. Knows keys and octets; not what a payload says, nor URLs. */
#include <openssl/evp.h>
#include <stdlib.h>

#include "hash.h"
#include "token_ring.h"

#define SIV_OCTETS     16u
#define SIV_KEY_OCTETS 64u /* AES-256-SIV: two keys, RFC 5297 section 2.2 */
#define HOST_MAX       255u

/* OpenSSL takes longer to key a context of SIV than to use it; a copy of a keyed one is cheaper. */
struct tenant_secret {
	uint8_t id;
	uint8_t key[SIV_KEY_OCTETS];
	EVP_CIPHER_CTX *seals, *opens; /* keyed, never used themselves; NULL until needed */
};

struct token_key {
	enum token_purpose purpose;
	EVP_CIPHER *cipher;
	EVP_CIPHER_CTX *ctx;
	struct digest_key *pseudonyms;
	int8_t digit_of[256]; /* octet => digit of the text; -1: none */
	size_t count;
	struct tenant_secret at[];
};

/* ---- text: bits of octets in groups of 5 or 6, most significant first ---- */

struct alphabet {
	const char *digits;
	unsigned bits;
	bool any_case;
};

static const struct alphabet base64url = {
	"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", 6, false
};
static const struct alphabet base32 = { "abcdefghijklmnopqrstuvwxyz234567", 5, true };

static const struct alphabet *alphabet_of(enum token_purpose purpose)
{
	return purpose == TOKEN_RETURN ? &base32 : &base64url;
}

static void put_text(const struct alphabet *a, const uint8_t *octets, size_t n, struct buf *out)
{
	unsigned have = 0;
	uint32_t bits = 0;

	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | octets[i];
		for (have += 8; have >= a->bits; have -= a->bits)
			buf_add_char(
			    out, a->digits[bits >> (have - a->bits) & ((1u << a->bits) - 1)]);
		bits &= (1u << have) - 1;
	}
	if (have > 0)
		buf_add_char(out, a->digits[bits << (a->bits - have)]);
}

static void list_digits(const struct alphabet *a, int8_t digit_of[256])
{
	memset(digit_of, -1, 256);
	for (int8_t i = 0; a->digits[i] != '\0'; i++) {
		digit_of[(unsigned char)a->digits[i]] = i;
		if (a->any_case && ascii_alpha(a->digits[i]))
			digit_of[(unsigned char)(a->digits[i] - 'a' + 'A')] = i;
	}
}

/* Bits left over at the end must be zero and fewer than a digit's: one text for each token. */
static bool get_text(
    const struct token_key *key, struct span text, uint8_t *octets, size_t *n_r)
{
	unsigned have = 0, width = alphabet_of(key->purpose)->bits;
	uint32_t bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		int digit = key->digit_of[(unsigned char)text.p[i]];

		if (digit < 0)
			return false;
		bits = bits << width | (uint32_t)digit;
		have += width;
		if (have < 8)
			continue;
		have -= 8;
		octets[n++] = (uint8_t)(bits >> have);
		bits &= (1u << have) - 1;
	}
	*n_r = n;
	return have < width && bits == 0;
}

/* ---- keys ---- */

static enum err derive(const struct token_ring *ring, struct span tenant, struct token_key *key)
{
	struct buf info = BUF_INIT(1024);
	uint8_t secret[DIGEST_KEY_SIZE];
	enum err e = ERR_OK;

	buf_add_cstr(&info, "penguinmails 1 tenant ");
	buf_add_span(&info, tenant);
	for (size_t i = 0; e == ERR_OK && i < ring->count; i++) {
		key->at[i].id = ring->at[i].id;
		e = token_hkdf(
		    ring->at[i].key, buf_span(&info), key->at[i].key, SIV_KEY_OCTETS);
	}
	key->count = ring->count;
	buf_reset(&info);
	buf_add_cstr(&info, "penguinmails 1 recipients ");
	buf_add_span(&info, tenant);
	if (!buf_ok(&info))
		e = ERR_NOMEM;
	if (e == ERR_OK)
		e = token_hkdf(ring->at[0].key, buf_span(&info), secret, sizeof secret);
	if (e == ERR_OK)
		key->pseudonyms = digest_key_new(secret);
	token_wipe(secret, sizeof secret);
	buf_free(&info);
	return e;
}

struct token_key *token_key_new(const struct token_ring *ring, struct span tenant)
{
	struct token_key *key = calloc(1, sizeof *key + ring->count * sizeof key->at[0]);

	if (key == NULL)
		return NULL;
	key->purpose = ring->purpose;
	list_digits(alphabet_of(key->purpose), key->digit_of);
	key->cipher = EVP_CIPHER_fetch(NULL, "AES-256-SIV", NULL);
	key->ctx = EVP_CIPHER_CTX_new();
	if (key->cipher == NULL || key->ctx == NULL || ring->count == 0 ||
	    derive(ring, tenant, key) != ERR_OK || key->pseudonyms == NULL)
		token_key_free(&key);
	return key;
}

void token_key_free(struct token_key **key)
{
	struct token_key *k = *key;

	if (k == NULL)
		return;
	digest_key_free(&k->pseudonyms);
	for (size_t i = 0; i < k->count; i++) {
		EVP_CIPHER_CTX_free(k->at[i].seals);
		EVP_CIPHER_CTX_free(k->at[i].opens);
	}
	EVP_CIPHER_CTX_free(k->ctx);
	EVP_CIPHER_free(k->cipher);
	token_wipe(k, sizeof *k + k->count * sizeof k->at[0]);
	free(k);
	*key = NULL;
}

static struct tenant_secret *find_secret(struct token_key *key, uint8_t id)
{
	for (size_t i = 0; i < key->count; i++)
		if (key->at[i].id == id)
			return &key->at[i];
	return NULL;
}

/* ---- sealing and opening ---- */

/* key->ctx ready for one message. */
static bool start(struct token_key *key, struct tenant_secret *s, bool seal)
{
	EVP_CIPHER_CTX **keyed = seal ? &s->seals : &s->opens;

	if (*keyed == NULL) {
		*keyed = EVP_CIPHER_CTX_new();
		if (*keyed == NULL ||
		    EVP_CipherInit_ex2(*keyed, key->cipher, s->key, NULL, seal, NULL) != 1) {
			EVP_CIPHER_CTX_free(*keyed);
			*keyed = NULL;
			return false;
		}
	}
	return EVP_CIPHER_CTX_copy(key->ctx, *keyed) == 1;
}

/* What the cipher authenticates besides the payload: which key it is said to be, and the host. */
static size_t associated(uint8_t id, struct span host, uint8_t out[1 + HOST_MAX])
{
	out[0] = id;
	memcpy(out + 1, host.p, host.n);
	return 1 + host.n;
}

enum err token_seal(
    struct token_key *key, struct span host, struct span payload, struct buf *out)
{
	struct tenant_secret *s = &key->at[key->count - 1];
	uint8_t space[TOKEN_OVERHEAD + TOKEN_PAYLOAD_MAX], bound[1 + HOST_MAX];
	int n = 0;

	if (host.n > HOST_MAX || payload.n == 0 ||
	    payload.n >
		(key->purpose == TOKEN_RETURN ? TOKEN_RETURN_PAYLOAD_MAX : TOKEN_PAYLOAD_MAX))
		return ERR_TOOBIG;
	space[0] = s->id;
	if (!start(key, s, true) ||
	    EVP_EncryptUpdate(key->ctx, NULL, &n, bound, (int)associated(s->id, host, bound)) !=
		1 ||
	    EVP_EncryptUpdate(key->ctx, space + TOKEN_OVERHEAD, &n,
		(const unsigned char *)payload.p, (int)payload.n) != 1 ||
	    EVP_EncryptFinal_ex(key->ctx, space + TOKEN_OVERHEAD + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(key->ctx, EVP_CTRL_AEAD_GET_TAG, SIV_OCTETS, space + 1) != 1)
		return ERR_CRYPTO;
	put_text(alphabet_of(key->purpose), space, TOKEN_OVERHEAD + payload.n, out);
	return buf_ok(out) ? ERR_OK : ERR_NOMEM;
}

enum err token_open(struct token_key *key, struct span host, struct span text,
    uint8_t payload_r[TOKEN_PAYLOAD_MAX], size_t *n_r)
{
	uint8_t space[TOKEN_OVERHEAD + TOKEN_PAYLOAD_MAX], bound[1 + HOST_MAX];
	struct tenant_secret *s, *used;
	size_t octets, n;
	int written = 0;
	bool genuine;

	*n_r = 0;
	if (host.n > HOST_MAX || text.n > TOKEN_TEXT_MAX ||
	    !get_text(key, text, space, &octets) || octets <= TOKEN_OVERHEAD)
		return ERR_NOTFOUND;
	n = octets - TOKEN_OVERHEAD;
	/* An unknown key takes as long as a known one that does not fit. */
	s = find_secret(key, space[0]);
	used = s != NULL ? s : &key->at[0];
	genuine =
	    start(key, used, false) &&
	    EVP_CIPHER_CTX_ctrl(key->ctx, EVP_CTRL_AEAD_SET_TAG, SIV_OCTETS, space + 1) == 1 &&
	    EVP_DecryptUpdate(
		key->ctx, NULL, &written, bound, (int)associated(space[0], host, bound)) == 1 &&
	    EVP_DecryptUpdate(key->ctx, payload_r, &written, space + TOKEN_OVERHEAD, (int)n) ==
		1;
	if (!genuine || s == NULL)
		return ERR_NOTFOUND;
	*n_r = n;
	return ERR_OK;
}

unsigned token_key_id(const struct token_key *key, struct span text)
{
	uint8_t space[TOKEN_OVERHEAD + TOKEN_PAYLOAD_MAX];
	size_t octets;

	if (text.n > TOKEN_TEXT_MAX || !get_text(key, text, space, &octets) ||
	    octets <= TOKEN_OVERHEAD)
		return 0;
	return space[0];
}

enum err token_pseudonym(struct token_key *key, struct span address, uint64_t *pseudonym_r)
{
	uint8_t mac[DIGEST_SIZE];
	enum err e = digest(key->pseudonyms, address, mac);

	*pseudonym_r = 0;
	for (size_t i = 0; e == ERR_OK && i < sizeof *pseudonym_r; i++)
		*pseudonym_r = *pseudonym_r << 8 | mac[i];
	if (e == ERR_OK && *pseudonym_r == 0)
		*pseudonym_r = 1;
	return e;
}
