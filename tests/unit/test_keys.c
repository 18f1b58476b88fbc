/* test_keys - which key files are used, and why others are not. Keys are made here. */
#include <check.h>
#include <fcntl.h>
#include <ftw.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "keys.h"

static char directory[] = "/tmp/penguin-keys-XXXXXX";
static struct keys *keys;
static struct {
	EVP_PKEY *rsa, *rsa1024, *rsa512, *ed, *ec;
} made;

static const char *path_of(const char *name)
{
	static char path[256];

	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void put_text(const char *name, struct span text, mode_t mode)
{
	int fd;

	unlink(path_of(name));
	fd = open(path_of(name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text.p, text.n), (ssize_t)text.n);
	ck_assert_int_eq(fchmod(fd, mode), 0);
	close(fd);
}

static void pem_of(EVP_PKEY *pkey, const EVP_CIPHER *cipher, struct buf *out)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *p;
	long n;

	ck_assert_int_eq(
	    PEM_write_bio_PKCS8PrivateKey(bio, pkey, cipher, cipher != NULL ? "secret" : NULL,
		cipher != NULL ? 6 : 0, NULL, NULL),
	    1);
	n = BIO_get_mem_data(bio, &p);
	buf_reset(out);
	buf_add(out, p, (size_t)n);
	BIO_free(bio);
}

static void put_key(const char *name, EVP_PKEY *pkey, mode_t mode)
{
	struct buf pem = BUF_INIT(65536);

	pem_of(pkey, NULL, &pem);
	put_text(name, buf_span(&pem), mode);
	buf_free(&pem);
}

static void begin(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	keys = keys_new(geteuid(), getegid(), false);
	made.rsa = EVP_RSA_gen(2048);
	made.rsa1024 = EVP_RSA_gen(1024);
	made.rsa512 = EVP_RSA_gen(512);
	made.ed = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	made.ec = EVP_EC_gen("P-256");
	ck_assert(keys != NULL && made.rsa != NULL && made.rsa1024 != NULL && made.ed != NULL &&
		  made.ec != NULL);
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *place)
{
	(void)st;
	(void)type;
	(void)place;
	return remove(path);
}

static void end(void)
{
	keys_free(&keys);
	EVP_PKEY_free(made.rsa);
	EVP_PKEY_free(made.rsa1024);
	EVP_PKEY_free(made.rsa512);
	EVP_PKEY_free(made.ed);
	EVP_PKEY_free(made.ec);
	nftw(directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* Expects a refusal of that kind whose sentence holds the reason, and nothing of the key. */
static void refuse(const char *name, enum err expected, const char *reason)
{
	struct key *key = NULL;
	char error[512];
	enum err e = keys_get(keys, path_of(name), &key, error, sizeof error);

	ck_assert_msg(e == expected, "%s: %s, %s", name, err_text(e), e != ERR_OK ? error : "");
	ck_assert_ptr_null(key);
	ck_assert_msg(strstr(error, reason) != NULL, "%s: %s", name, error);
	ck_assert_msg(strstr(error, "MII") == NULL, "%s", error);
}

static void accept(const char *name, enum key_type type, unsigned bits)
{
	struct key *key;
	char error[512];

	ck_assert_msg(
	    keys_get(keys, path_of(name), &key, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_int_eq(key_type(key), type);
	ck_assert_uint_eq(key_bits(key), bits);
	ck_assert_ptr_null(key_text(key));
	key_unref(&key);
	ck_assert_ptr_null(key);
	key_unref(&key);
}

START_TEST(good_keys)
{
	put_key("rsa", made.rsa, 0600);
	accept("rsa", KEY_RSA, 2048);
	put_key("ed", made.ed, 0400);
	accept("ed", KEY_ED25519, 256);
	put_key("group", made.rsa, 0640);
	accept("group", KEY_RSA, 2048);
}
END_TEST

START_TEST(modes)
{
	static const struct {
		mode_t mode;
		const char *reason;
	} rows[] = {
		{ 0644, "open to others" },
		{ 0604, "open to others" },
		{ 0602, "open to others" },
		{ 0601, "open to others" },
		{ 0666, "open to others" },
		{ 0777, "open to others" },
		{ 0660, "group may change" },
		{ 0620, "group may change" },
		{ 0610, "group may change" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_key("mode", made.rsa, rows[i].mode);
		refuse("mode", ERR_DENIED, rows[i].reason);
	}
}
END_TEST

START_TEST(kinds_of_file)
{
	put_key("target", made.rsa, 0600);
	ck_assert_int_eq(symlink("target", path_of("link")), 0);
	refuse("link", ERR_DENIED, "symbolic link");
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	refuse("fifo", ERR_DENIED, "not a regular file");
	ck_assert_int_eq(mkdir(path_of("dir"), 0700), 0);
	refuse("dir", ERR_DENIED, "not a regular file");
	refuse("absent", ERR_NOTFOUND, "no such file");
	refuse("target/x", ERR_IO, "cannot be opened");
}
END_TEST

START_TEST(directories)
{
	ck_assert_int_eq(mkdir(path_of("open"), 0700), 0);
	put_key("open/key", made.rsa, 0600);
	accept("open/key", KEY_RSA, 2048);
	ck_assert_int_eq(chmod(path_of("open"), 0777), 0);
	put_key("open/other", made.rsa, 0600);
	refuse("open/other", ERR_DENIED, "may be written by others");
	ck_assert_int_eq(chmod(path_of("open"), 0770), 0);
	refuse("open/other", ERR_DENIED, "may be written by others");
	ck_assert_int_eq(chmod(path_of("open"), 01777), 0);
	accept("open/other", KEY_RSA, 2048);
}
END_TEST

START_TEST(owners)
{
	struct keys *others;
	struct key *key;
	char error[512];

	if (geteuid() != 0)
		return;
	/* As root, for a milter that will be user 64102, group 64103. */
	others = keys_new(64102, 64103, false);
	put_key("owner", made.rsa, 0600);
	ck_assert_int_eq(
	    keys_get(others, path_of("owner"), &key, error, sizeof error), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(error, "user cannot read it"));
	put_key("owner", made.rsa, 0640);
	ck_assert_int_eq(
	    keys_get(others, path_of("owner"), &key, error, sizeof error), ERR_DENIED);
	ck_assert_int_eq(chown(path_of("owner"), 0, 64103), 0);
	ck_assert_int_eq(keys_get(others, path_of("owner"), &key, error, sizeof error), ERR_OK);
	key_unref(&key);
	ck_assert_int_eq(chown(path_of("owner"), 64102, 64104), 0);
	ck_assert_int_eq(
	    keys_get(others, path_of("owner"), &key, error, sizeof error), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(error, "a group that is not the milter's"));
	ck_assert_int_eq(chown(path_of("owner"), 64199, 64103), 0);
	ck_assert_int_eq(
	    keys_get(others, path_of("owner"), &key, error, sizeof error), ERR_DENIED);
	ck_assert_ptr_nonnull(strstr(error, "owned neither"));
	keys_free(&others);
}
END_TEST

START_TEST(types_and_lengths)
{
	struct buf big = BUF_INIT(65536);

	put_key("rsa1024", made.rsa1024, 0600);
	refuse("rsa1024", ERR_RANGE, "shorter than 2048");
	if (made.rsa512 != NULL) {
		put_key("rsa512", made.rsa512, 0600);
		refuse("rsa512", ERR_RANGE, "shorter than 2048");
	}
	put_key("ec", made.ec, 0600);
	refuse("ec", ERR_RANGE, "neither an RSA nor an Ed25519");
	put_text("empty", SPAN(""), 0600);
	refuse("empty", ERR_SYNTAX, "empty");
	pem_of(made.rsa, NULL, &big);
	while (big.n <= KEYS_FILE_MAX)
		buf_add_char(&big, '\n');
	put_text("big", buf_span(&big), 0600);
	refuse("big", ERR_TOOBIG, "too big");
	put_text("largest", span_head(buf_span(&big), KEYS_FILE_MAX), 0600);
	accept("largest", KEY_RSA, 2048);
	buf_free(&big);
}
END_TEST

START_TEST(damaged_text)
{
	struct buf pem = BUF_INIT(65536), odd = BUF_INIT(65536);

	pem_of(made.rsa, EVP_aes_128_cbc(), &pem);
	put_text("encrypted", buf_span(&pem), 0600);
	refuse("encrypted", ERR_SYNTAX, "encrypted");
	pem_of(made.rsa, NULL, &pem);
	put_text("cut", span_head(buf_span(&pem), pem.n / 2), 0600);
	refuse("cut", ERR_SYNTAX, "damaged");
	put_text("noend", span_head(buf_span(&pem), pem.n - 10), 0600);
	refuse("noend", ERR_SYNTAX, "damaged");
	buf_add_char(&odd, '\n');
	buf_add_span(&odd, buf_span(&pem));
	put_text("newline", buf_span(&odd), 0600);
	refuse("newline", ERR_SYNTAX, "-----BEGIN");
	buf_reset(&odd);
	buf_add_span(&odd, buf_span(&pem));
	buf_add_char(&odd, '\0');
	put_text("nul", buf_span(&odd), 0600);
	refuse("nul", ERR_SYNTAX, "NUL");
	put_text("der", SPAN("0\x82\x01\x02"), 0600);
	refuse("der", ERR_SYNTAX, "-----BEGIN");
	put_text("words", SPAN("not a key"), 0600);
	refuse("words", ERR_SYNTAX, "-----BEGIN");
	put_text("public", SPAN("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n"),
	    0600);
	refuse("public", ERR_SYNTAX, "not a private key");
	buf_free(&pem);
	buf_free(&odd);
}
END_TEST

/* A key whose parts do not fit each other parses, and signs nonsense. */
START_TEST(key_that_does_not_sign)
{
	struct buf pem = BUF_INIT(65536);
	unsigned char *der = NULL;
	const unsigned char *p;
	int n = i2d_PrivateKey(made.rsa, &der);
	EVP_PKEY *broken;

	ck_assert_int_gt(n, 0);
	/* In the private exponent and in a prime; the public half stays whole. */
	der[400] ^= 0x55;
	der[600] ^= 0x55;
	p = der;
	broken = d2i_PrivateKey(EVP_PKEY_RSA, NULL, &p, n);
	OPENSSL_free(der);
	ck_assert_ptr_nonnull(broken);
	pem_of(broken, NULL, &pem);
	put_text("unfit", buf_span(&pem), 0600);
	refuse("unfit", ERR_CRYPTO, "does not verify");
	EVP_PKEY_free(broken);
	buf_free(&pem);
}
END_TEST

START_TEST(cached_until_the_file_changes)
{
	struct key *first, *again, *other;
	char error[512];

	put_key("cache", made.rsa, 0600);
	ck_assert_int_eq(keys_get(keys, path_of("cache"), &first, error, sizeof error), ERR_OK);
	ck_assert_int_eq(keys_get(keys, path_of("cache"), &again, error, sizeof error), ERR_OK);
	ck_assert_ptr_eq(first, again);
	put_key("cache", made.ed, 0600);
	ck_assert_int_eq(keys_get(keys, path_of("cache"), &other, error, sizeof error), ERR_OK);
	ck_assert_int_eq(key_type(other), KEY_ED25519);
	/* Who still signs with the old one may finish. */
	ck_assert_int_eq(key_type(first), KEY_RSA);
	key_unref(&first);
	key_unref(&again);
	key_unref(&other);
	ck_assert_int_eq(chmod(path_of("cache"), 0644), 0);
	refuse("cache", ERR_DENIED, "open to others");
	ck_assert_int_eq(unlink(path_of("cache")), 0);
	refuse("cache", ERR_NOTFOUND, "no such file");
	put_key("cache", made.rsa, 0600);
	accept("cache", KEY_RSA, 2048);
}
END_TEST

START_TEST(many_files)
{
	char name[32];

	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "many%d", i);
		put_key(name, made.ed, 0600);
		accept(name, KEY_ED25519, 256);
	}
	for (int i = 0; i < 300; i++) {
		snprintf(name, sizeof name, "many%d", i);
		accept(name, KEY_ED25519, 256);
	}
}
END_TEST

START_TEST(text_is_kept_on_request)
{
	struct keys *with_text = keys_new(geteuid(), getegid(), true);
	struct key *key;
	char error[512];

	put_key("text", made.rsa, 0600);
	ck_assert_int_eq(
	    keys_get(with_text, path_of("text"), &key, error, sizeof error), ERR_OK);
	ck_assert(span_starts(span_cstr(key_text(key)), SPAN("-----BEGIN PRIVATE KEY-----\n")));
	keys_free(&with_text);
	ck_assert(span_starts(span_cstr(key_text(key)), SPAN("-----BEGIN")));
	key_unref(&key);
	ck_assert_int_eq(key_generate(1024, true, &key), ERR_OK);
	ck_assert(span_starts(span_cstr(key_text(key)), SPAN("-----BEGIN")));
	key_unref(&key);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keys");
	TCase *all = tcase_create("keys");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_unchecked_fixture(all, begin, end);
	tcase_add_test(all, good_keys);
	tcase_add_test(all, modes);
	tcase_add_test(all, kinds_of_file);
	tcase_add_test(all, directories);
	tcase_add_test(all, owners);
	tcase_add_test(all, types_and_lengths);
	tcase_add_test(all, damaged_text);
	tcase_add_test(all, key_that_does_not_sign);
	tcase_add_test(all, cached_until_the_file_changes);
	tcase_add_test(all, many_files);
	tcase_add_test(all, text_is_kept_on_request);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
