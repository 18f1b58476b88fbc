/* test_sign - what goes into a signature, and that parsed keys and PEM text give the same one.
 * Whether others verify it is asked in tests/flow and tests/postfix. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "sign.h"
#include "sign_ed25519.h"

static struct {
	struct key *rsa, *rsa2; /* with text */
} made;

static struct message *compose(const char *const *lines)
{
	struct message *m = message_new(SPAN(""), SPAN(""), SPAN(""));

	ck_assert_ptr_nonnull(m);
	for (size_t i = 0; lines[i] != NULL; i++) {
		struct span line = span_cstr(lines[i]);
		size_t colon = span_find(line, ':', 0);

		message_add_header(m, span_head(line, colon), span_from(line, colon + 1));
	}
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	return m;
}

static const char *const plain[] = { "From: a@acme.example", "To: x@dest.example",
	"Subject: one\n\ttwo", "Date: Mon, 23 Nov 2026 08:00:00 +0000", "X-Other: y",
	"Received: by x", NULL };

/* Signs a small body; the values of the signatures, each NUL-terminated in *text. */
static enum err sign(struct signer *s, struct message *m, enum stream_class class,
    const struct signing_key *keys, size_t count, struct signature out[SIGN_KEYS_MAX])
{
	struct signing *g = NULL;
	char error[256];
	size_t n = 0;
	enum err e;

	e = signing_start(
	    s, "id", "acme.example", class, keys, count, m, &g, error, sizeof error);
	if (e == ERR_OK)
		e = signing_body(g, SPAN("hello \r"));
	if (e == ERR_OK)
		e = signing_body(g, SPAN(""));
	if (e == ERR_OK)
		e = signing_body(g, SPAN("\n\r\n\r\n"));
	if (e == ERR_OK)
		e = signing_finish(g, m->arena, out, &n, error, sizeof error);
	ck_assert(e != ERR_OK || n == count);
	signing_free(&g);
	return e;
}

static struct span tag(struct span value, const char *name)
{
	struct span piece;

	while (span_next(&value, ';', &piece)) {
		size_t equals = span_find(piece, '=', 0);

		if (span_eq(span_trim(span_head(piece, equals)), span_cstr(name)))
			return span_trim(span_from(piece, equals + 1));
	}
	return span_make(NULL, 0);
}

static size_t mentions(struct span list, const char *name)
{
	struct span piece;
	size_t n = 0;

	while (span_next(&list, ':', &piece))
		n += span_eq_nocase(span_trim(piece), span_cstr(name));
	return n;
}

START_TEST(parsed_keys_reach_the_library)
{
	ck_assert(signer_cache_works());
}
END_TEST

START_TEST(profile)
{
	const struct signing_key keys[] = { { "s1", made.rsa } };
	struct signer *s = signer_new(604800, true);
	struct signature out[SIGN_KEYS_MAX];
	struct message *m = compose(plain);
	uint64_t t = 0, x = 0;
	struct span h;

	ck_assert_int_eq(sign(s, m, CLASS_BULK, keys, 1, out), ERR_OK);
	ck_assert(span_eq(tag(out[0].value, "v"), SPAN("1")));
	ck_assert(span_eq(tag(out[0].value, "a"), SPAN("rsa-sha256")));
	ck_assert(span_eq(tag(out[0].value, "c"), SPAN("relaxed/relaxed")));
	ck_assert(span_eq(tag(out[0].value, "d"), SPAN("acme.example")));
	ck_assert(span_eq(tag(out[0].value, "s"), SPAN("s1")));
	ck_assert_ptr_null(tag(out[0].value, "l").p);
	ck_assert_ptr_null(tag(out[0].value, "i").p);
	ck_assert_ptr_null(tag(out[0].value, "z").p);
	ck_assert(span_u64(tag(out[0].value, "t"), &t) && span_u64(tag(out[0].value, "x"), &x));
	ck_assert_uint_eq(x - t, 604800);
	h = tag(out[0].value, "h");
	ck_assert_uint_eq(mentions(h, "from"), 2);
	ck_assert_uint_eq(mentions(h, "reply-to"), 1);
	ck_assert_uint_eq(mentions(h, "cc"), 1);
	ck_assert_uint_eq(mentions(h, "date"), 2);
	ck_assert_uint_eq(mentions(h, "message-id"), 0);
	ck_assert_uint_eq(mentions(h, "x-other") + mentions(h, "received"), 0);
	ck_assert_ptr_null(memchr(out[0].value.p, '\r', out[0].value.n));
	message_free(&m);
	signer_free(&s);
}
END_TEST

/* The fall-back gives the same signature as the cache, RSA being deterministic. */
START_TEST(text_and_cache_agree)
{
	const struct signing_key keys[] = { { "s1", made.rsa }, { "s2", made.rsa2 } };
	struct signer *cached = signer_new(0, true), *text = signer_new(0, false);
	struct signature a[SIGN_KEYS_MAX], b[SIGN_KEYS_MAX];
	struct message *m = compose(plain), *n = compose(plain);

	do {
		ck_assert_int_eq(sign(cached, m, CLASS_TRANSACTIONAL, keys, 2, a), ERR_OK);
		ck_assert_int_eq(sign(text, n, CLASS_TRANSACTIONAL, keys, 2, b), ERR_OK);
		/* Once more if a second passed in between. */
	} while (!span_eq(tag(a[0].value, "t"), tag(b[1].value, "t")));
	ck_assert(span_eq(a[0].value, b[0].value));
	ck_assert(span_eq(a[1].value, b[1].value));
	ck_assert(!span_eq(tag(a[0].value, "b"), tag(a[1].value, "b")));
	ck_assert_ptr_null(tag(a[0].value, "x").p);
	message_free(&m);
	message_free(&n);
	signer_free(&cached);
	signer_free(&text);
}
END_TEST

START_TEST(presence_decides_oversigning)
{
	static const char *const lines[] = { "From: a@acme.example",
		"List-Unsubscribe: <https://x>", "LIST-ID: <x>", "references: <a>", NULL };
	const struct signing_key keys[] = { { "s1", made.rsa } };
	struct signer *s = signer_new(0, true);
	struct signature out[SIGN_KEYS_MAX];
	struct message *m = compose(lines);
	struct span h;

	ck_assert_int_eq(sign(s, m, CLASS_BULK, keys, 1, out), ERR_OK);
	h = tag(out[0].value, "h");
	ck_assert_uint_eq(mentions(h, "list-unsubscribe"), 2);
	ck_assert_uint_eq(mentions(h, "list-id"), 1);
	ck_assert_uint_eq(mentions(h, "references"), 2);
	ck_assert_uint_eq(mentions(h, "feedback-id"), 0);
	ck_assert_int_eq(sign(s, m, CLASS_TRANSACTIONAL, keys, 1, out), ERR_OK);
	ck_assert_uint_eq(mentions(tag(out[0].value, "h"), "list-unsubscribe"), 1);
	message_free(&m);
	signer_free(&s);
}
END_TEST

START_TEST(what_is_refused)
{
	static const char *const no_from[] = { "To: x@y", NULL };
	const struct signing_key keys[SIGN_KEYS_MAX + 1] = { { "s1", made.rsa } };
	const struct signing_key nameless[] = { { "", made.rsa } };
	struct signer *s = signer_new(0, true);
	struct signature out[SIGN_KEYS_MAX];
	struct message *m = compose(no_from);

	ck_assert_int_eq(sign(s, m, CLASS_BULK, keys, 1, out), ERR_SYNTAX);
	message_free(&m);
	m = compose(plain);
	ck_assert_int_ne(sign(s, m, CLASS_BULK, keys, 0, out), ERR_OK);
	ck_assert_int_ne(sign(s, m, CLASS_BULK, keys, SIGN_KEYS_MAX + 1, out), ERR_OK);
	ck_assert_int_ne(sign(s, m, CLASS_BULK, nameless, 1, out), ERR_OK);
	/* h= has room for so many names and not one more. */
	while (m->header_count < MESSAGE_HEADERS_MAX)
		message_add_header(m, SPAN("Content-Transfer-Encoding"), SPAN(" 7bit"));
	ck_assert_int_eq(sign(s, m, CLASS_BULK, keys, 1, out), ERR_TOOBIG);
	message_free(&m);
	signer_free(&s);
}
END_TEST

START_TEST(ed25519_wants_a_whole_model)
{
	struct message *m = compose(plain);
	struct buf out = BUF_INIT(4096);

	/* An RSA key is no Ed25519 key, whatever the model says. */
	ck_assert_int_eq(
	    sign_ed25519(SPAN("v=1; h=From; bh=x; b="), m, "s", made.rsa, &out), ERR_SYNTAX);
	buf_free(&out);
	message_free(&m);
}
END_TEST

static void begin(void)
{
	ck_assert_int_eq(key_generate(2048, true, &made.rsa), ERR_OK);
	ck_assert_int_eq(key_generate(2048, true, &made.rsa2), ERR_OK);
}

static void end(void)
{
	key_unref(&made.rsa);
	key_unref(&made.rsa2);
}

int main(void)
{
	Suite *suite = suite_create("sign");
	TCase *all = tcase_create("sign");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(all, 60);
	tcase_add_unchecked_fixture(all, begin, end);
	tcase_add_test(all, parsed_keys_reach_the_library);
	tcase_add_test(all, profile);
	tcase_add_test(all, text_and_cache_agree);
	tcase_add_test(all, presence_decides_oversigning);
	tcase_add_test(all, what_is_refused);
	tcase_add_test(all, ed25519_wants_a_whole_model);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
