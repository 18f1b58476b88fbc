/* keys - private key files and the parsed keys. Knows no messages and signs none. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "hash.h"
#include "keys.h"
#include "span.h"

#define BUCKETS_MIN 64

struct key {
	atomic_uint references;
	EVP_PKEY *pkey;
	enum key_type type;
	unsigned bits;
	char *text;
	size_t text_size;
};

/* One file. Entries stay for the life of struct keys: there are no more of them than key files
 * were ever configured and used. */
struct entry {
	struct entry *next;
	uint64_t hash;
	pthread_mutex_t lock; /* guards what follows; held while the file is read */
	struct stat seen;     /* of the file that key was read from */
	struct key *key;
	char path[];
};

struct keys {
	uid_t user;
	gid_t group;
	bool keep_text;
	pthread_mutex_t lock; /* guards the table, never held while waiting for a disk */
	struct entry **buckets;
	size_t bucket_count, entry_count;
};

struct complaint {
	const char *path;
	char *text;
	size_t size;
};

static enum err complain(struct complaint *c, enum err e, const char *what)
{
	snprintf(c->text, c->size, "%s: %s", c->path, what);
	return e;
}

/* ---- one parsed key ---- */

struct key *key_ref(struct key *key)
{
	atomic_fetch_add(&key->references, 1);
	return key;
}

void key_unref(struct key **key)
{
	struct key *k = *key;

	*key = NULL;
	if (k == NULL || atomic_fetch_sub(&k->references, 1) != 1)
		return;
	EVP_PKEY_free(k->pkey);
	if (k->text != NULL)
		OPENSSL_clear_free(k->text, k->text_size);
	free(k);
}

enum key_type key_type(const struct key *key)
{
	return key->type;
}

unsigned key_bits(const struct key *key)
{
	return key->bits;
}

struct evp_pkey_st *key_pkey(const struct key *key)
{
	return key->pkey;
}

const char *key_text(const struct key *key)
{
	return key->text;
}

/* Takes pkey over in every case. */
static struct key *key_new(EVP_PKEY *pkey, enum key_type type)
{
	struct key *k = calloc(1, sizeof *k);

	if (k == NULL) {
		EVP_PKEY_free(pkey);
		return NULL;
	}
	atomic_init(&k->references, 1);
	k->pkey = pkey;
	k->type = type;
	k->bits = (unsigned)EVP_PKEY_get_bits(pkey);
	return k;
}

static enum err keep_text(struct key *k, struct span pem)
{
	k->text_size = pem.n + 1;
	k->text = OPENSSL_zalloc(k->text_size);
	if (k->text == NULL)
		return ERR_NOMEM;
	memcpy(k->text, pem.p, pem.n);
	return ERR_OK;
}

enum err key_generate(unsigned bits, bool with_text, struct key **key_r)
{
	EVP_PKEY *pkey = EVP_RSA_gen(bits);
	enum err e = ERR_CRYPTO;
	struct key *k;
	BIO *bio = NULL;
	char *p = NULL;
	long n;

	*key_r = NULL;
	if (pkey == NULL)
		return ERR_CRYPTO;
	k = key_new(pkey, KEY_RSA);
	if (k == NULL)
		return ERR_NOMEM;
	if (with_text) {
		bio = BIO_new(BIO_s_secmem());
		if (bio == NULL ||
		    PEM_write_bio_PrivateKey(bio, pkey, NULL, NULL, 0, NULL, NULL) != 1)
			goto out;
		n = BIO_get_mem_data(bio, &p);
		e = keep_text(k, span_make(p, (size_t)n));
		if (e != ERR_OK)
			goto out;
	}
	*key_r = key_ref(k);
	e = ERR_OK;
out:
	BIO_free(bio);
	key_unref(&k);
	return e;
}

/* ---- proof of what was read ---- */

/* A key whose parts do not belong together signs garbage, so it signs once and is verified. */
static bool signs(EVP_PKEY *pkey, enum key_type type)
{
	static const unsigned char text[32] = "proof of a signing key";
	const EVP_MD *md = type == KEY_RSA ? EVP_sha256() : NULL;
	EVP_MD_CTX *signer = EVP_MD_CTX_new(), *verifier = EVP_MD_CTX_new();
	unsigned char signature[KEYS_RSA_BITS_MAX / 8];
	size_t n = sizeof signature;
	bool ok;

	ok = signer != NULL && verifier != NULL &&
	     EVP_DigestSignInit(signer, NULL, md, NULL, pkey) == 1 &&
	     EVP_DigestSign(signer, signature, &n, text, sizeof text) == 1 &&
	     EVP_DigestVerifyInit(verifier, NULL, md, NULL, pkey) == 1 &&
	     EVP_DigestVerify(verifier, signature, n, text, sizeof text) == 1;
	EVP_MD_CTX_free(signer);
	EVP_MD_CTX_free(verifier);
	ERR_clear_error();
	return ok;
}

/* Passphrases are for people; without this OpenSSL would ask the terminal. */
static int no_passphrase(char *out, int size, int writing, void *context)
{
	(void)out;
	(void)size;
	(void)writing;
	*(bool *)context = true;
	return -1;
}

static enum err parse_pem(struct complaint *c, struct span pem, EVP_PKEY **pkey_r)
{
	BIO *bio = BIO_new_mem_buf(pem.p, (int)pem.n);
	bool encrypted = false;

	*pkey_r = NULL;
	if (bio == NULL)
		return complain(c, ERR_NOMEM, "out of memory");
	*pkey_r = PEM_read_bio_PrivateKey_ex(bio, NULL, no_passphrase, &encrypted, NULL, NULL);
	BIO_free(bio);
	ERR_clear_error();
	if (*pkey_r != NULL)
		return ERR_OK;
	if (encrypted)
		return complain(c, ERR_SYNTAX, "encrypted with a passphrase");
	return complain(c, ERR_SYNTAX, "not a private key in PEM form, or damaged");
}

static enum err check_type(struct complaint *c, EVP_PKEY *pkey, enum key_type *type_r)
{
	int bits = EVP_PKEY_get_bits(pkey);

	switch (EVP_PKEY_get_base_id(pkey)) {
	case EVP_PKEY_ED25519: *type_r = KEY_ED25519; return ERR_OK;
	case EVP_PKEY_RSA:
		*type_r = KEY_RSA;
		if (bits < KEYS_RSA_BITS_MIN)
			return complain(c, ERR_RANGE, "RSA key shorter than 2048 bits");
		if (bits > KEYS_RSA_BITS_MAX)
			return complain(c, ERR_RANGE,
			    "RSA key longer than 4096 bits, which verifiers need not take");
		return ERR_OK;
	default: return complain(c, ERR_RANGE, "neither an RSA nor an Ed25519 key");
	}
}

static enum err parse_key(
    struct complaint *c, struct span pem, bool with_text, struct key **key_r)
{
	EVP_PKEY *pkey;
	enum key_type type = KEY_RSA;
	enum err e;

	/* The signing library tells PEM from DER by these dashes; text above them is not PEM. */
	if (!span_starts(pem, SPAN("-----BEGIN ")))
		return complain(c, ERR_SYNTAX, "does not start with -----BEGIN");
	if (memchr(pem.p, '\0', pem.n) != NULL)
		return complain(c, ERR_SYNTAX, "holds a NUL octet");
	e = parse_pem(c, pem, &pkey);
	if (e != ERR_OK)
		return e;
	e = check_type(c, pkey, &type);
	if (e == ERR_OK && !signs(pkey, type))
		e = complain(c, ERR_CRYPTO, "damaged: what it signs does not verify");
	if (e != ERR_OK) {
		EVP_PKEY_free(pkey);
		return e;
	}
	*key_r = key_new(pkey, type);
	if (*key_r == NULL)
		return complain(c, ERR_NOMEM, "out of memory");
	e = with_text ? keep_text(*key_r, pem) : ERR_OK;
	if (e != ERR_OK)
		key_unref(key_r);
	return e;
}

/* ---- proof of the file ---- */

static enum err check_file(const struct keys *keys, struct complaint *c, const struct stat *st)
{
	if (!S_ISREG(st->st_mode))
		return complain(c, ERR_DENIED, "not a regular file");
	if (st->st_uid != 0 && st->st_uid != keys->user)
		return complain(
		    c, ERR_DENIED, "owned neither by root nor by the milter's user");
	if ((st->st_mode & 07) != 0)
		return complain(c, ERR_DENIED, "open to others; chmod 0600 or 0640");
	if ((st->st_mode & 030) != 0)
		return complain(c, ERR_DENIED, "its group may change it; chmod 0600 or 0640");
	if ((st->st_mode & 040) != 0 && st->st_gid != 0 && st->st_gid != keys->group)
		return complain(c, ERR_DENIED, "a group that is not the milter's may read it");
	/* As root any file opens; the running milter must be able to. */
	if (keys->user != 0 && !(st->st_uid == keys->user && (st->st_mode & 0400) != 0) &&
	    !(st->st_uid != keys->user && st->st_gid == keys->group &&
		(st->st_mode & 040) != 0))
		return complain(c, ERR_DENIED, "the milter's user cannot read it");
	if (st->st_size > KEYS_FILE_MAX)
		return complain(c, ERR_TOOBIG, "too big for a key");
	if (st->st_size == 0)
		return complain(c, ERR_SYNTAX, "empty");
	return ERR_OK;
}

/* Who may write a directory may put another key in the file's place. */
static enum err check_directories(const struct keys *keys, struct complaint *c)
{
	char directory[4096];
	struct stat st;
	char *slash;

	if (!span_copy(span_cstr(c->path), directory, sizeof directory))
		return complain(c, ERR_TOOBIG, "name too long");
	while ((slash = strrchr(directory, '/')) != NULL) {
		slash[slash == directory ? 1 : 0] = '\0';
		if (stat(directory, &st) != 0)
			return complain(c, err_from_errno(errno), "directory not readable");
		if (st.st_uid != 0 && st.st_uid != keys->user)
			return complain(
			    c, ERR_DENIED, "a directory above it belongs to somebody else");
		if ((st.st_mode & 022) != 0 && (st.st_mode & S_ISVTX) == 0)
			return complain(
			    c, ERR_DENIED, "a directory above it may be written by others");
		if (slash == directory)
			break;
	}
	return ERR_OK;
}

static enum err read_octets(struct complaint *c, int fd, char *out, size_t size, size_t *n_r)
{
	size_t n = 0;

	while (n < size) {
		ssize_t got = read(fd, out + n, size - n);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return complain(c, ERR_IO, "read error");
		if (got == 0)
			break;
		n += (size_t)got;
	}
	*n_r = n;
	return ERR_OK;
}

static enum err load(
    const struct keys *keys, struct complaint *c, struct stat *seen_r, struct key **key_r)
{
	char pem[KEYS_FILE_MAX + 1];
	enum err e = ERR_OK;
	size_t n = 0;
	int fd;

	/* A FIFO must not block us, a link must not lead elsewhere. */
	fd = open(c->path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return complain(c, errno == ELOOP ? ERR_DENIED : err_from_errno(errno),
		    errno == ELOOP    ? "a symbolic link"
		    : errno == ENOENT ? "no such file"
		    : errno == EACCES ? "permission denied"
				      : "cannot be opened");
	if (fstat(fd, seen_r) != 0)
		e = complain(c, ERR_IO, "cannot be examined");
	if (e == ERR_OK)
		e = check_file(keys, c, seen_r);
	if (e == ERR_OK)
		e = check_directories(keys, c);
	if (e == ERR_OK)
		e = read_octets(c, fd, pem, sizeof pem, &n);
	if (e == ERR_OK && n > KEYS_FILE_MAX)
		e = complain(c, ERR_TOOBIG, "too big for a key");
	if (e == ERR_OK)
		e = parse_key(c, span_make(pem, n), keys->keep_text, key_r);
	OPENSSL_cleanse(pem, sizeof pem);
	close(fd);
	return e;
}

/* ---- the cache ---- */

static bool is_same_file(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mode == b->st_mode && a->st_uid == b->st_uid && a->st_gid == b->st_gid &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
	       a->st_ctim.tv_sec == b->st_ctim.tv_sec &&
	       a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

struct keys *keys_new(uid_t user, gid_t group, bool with_text)
{
	struct keys *k = calloc(1, sizeof *k);

	if (k == NULL)
		return NULL;
	k->user = user;
	k->group = group;
	k->keep_text = with_text;
	k->bucket_count = BUCKETS_MIN;
	k->buckets = calloc(k->bucket_count, sizeof *k->buckets);
	if (k->buckets == NULL) {
		free(k);
		return NULL;
	}
	pthread_mutex_init(&k->lock, NULL);
	return k;
}

void keys_free(struct keys **keys)
{
	struct keys *k = *keys;
	struct entry *e, *next;

	if (k == NULL)
		return;
	for (size_t i = 0; i < k->bucket_count; i++) {
		for (e = k->buckets[i]; e != NULL; e = next) {
			next = e->next;
			key_unref(&e->key);
			pthread_mutex_destroy(&e->lock);
			free(e);
		}
	}
	pthread_mutex_destroy(&k->lock);
	free(k->buckets);
	free(k);
	*keys = NULL;
}

static void double_buckets(struct keys *k)
{
	size_t count = k->bucket_count * 2;
	struct entry **buckets = calloc(count, sizeof *buckets);
	struct entry *e, *next;

	if (buckets == NULL)
		return; /* longer chains, nothing worse */
	for (size_t i = 0; i < k->bucket_count; i++) {
		for (e = k->buckets[i]; e != NULL; e = next) {
			next = e->next;
			e->next = buckets[e->hash % count];
			buckets[e->hash % count] = e;
		}
	}
	free(k->buckets);
	k->buckets = buckets;
	k->bucket_count = count;
}

static struct entry *find_entry(struct keys *k, const char *path)
{
	struct span name = span_cstr(path);
	uint64_t hash = hash64(name, 0);
	struct entry *e;

	pthread_mutex_lock(&k->lock);
	for (e = k->buckets[hash % k->bucket_count]; e != NULL; e = e->next)
		if (e->hash == hash && strcmp(e->path, path) == 0)
			goto out;
	e = calloc(1, sizeof *e + name.n + 1);
	if (e == NULL)
		goto out;
	e->hash = hash;
	memcpy(e->path, path, name.n + 1);
	pthread_mutex_init(&e->lock, NULL);
	if (k->entry_count >= k->bucket_count)
		double_buckets(k);
	e->next = k->buckets[hash % k->bucket_count];
	k->buckets[hash % k->bucket_count] = e;
	k->entry_count++;
out:
	pthread_mutex_unlock(&k->lock);
	return e;
}

enum err keys_get(
    struct keys *keys, const char *path, struct key **key_r, char *error, size_t size)
{
	struct complaint c = { path, error, size };
	struct entry *entry = find_entry(keys, path);
	enum err e = ERR_OK;
	struct stat now;

	*key_r = NULL;
	if (entry == NULL)
		return complain(&c, ERR_NOMEM, "out of memory");
	pthread_mutex_lock(&entry->lock);
	if (entry->key == NULL || lstat(path, &now) != 0 || !is_same_file(&now, &entry->seen)) {
		key_unref(&entry->key);
		e = load(keys, &c, &entry->seen, &entry->key);
	}
	if (e == ERR_OK)
		*key_r = key_ref(entry->key);
	pthread_mutex_unlock(&entry->lock);
	return e;
}

static bool prove(struct keys *keys, const char *path, const char *file, struct buf *report)
{
	char error[512];
	struct key *key;

	if (keys_get(keys, path, &key, error, sizeof error) == ERR_OK) {
		key_unref(&key);
		return true;
	}
	buf_printf(report, "%s: error: dkim key %s\n", file, error);
	return false;
}

size_t keys_prove_all(struct keys *keys, const struct snapshot *s, struct buf *report)
{
	const struct provider *p = snapshot_provider(s);
	size_t failed = 0;

	if (p->milter.notice_domain != NULL)
		failed += !prove(keys, p->milter.notice_key.path, p->file, report);
	for (size_t i = 0; i < snapshot_tenant_count(s); i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		for (size_t d = 0; d < t->domain_count; d++)
			for (size_t k = 0; k < t->domains[d].key_count; k++)
				failed +=
				    t->domains[d].keys[k].state < DKIM_RETIRING &&
				    !prove(keys, t->domains[d].keys[k].path, t->file, report);
	}
	return failed;
}
