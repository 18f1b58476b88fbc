/* test_token - sealed values: the format against another implementation's, every way to be void,
 * key files, rotation, payloads. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "token_payload.h"
#include "token_ring.h"

#define HOST SPAN("click.acme.example")

static struct token_ring *platform(size_t count)
{
	struct token_ring *r = calloc(1, sizeof *r);

	r->count = count;
	for (size_t i = 0; i < count; i++) {
		r->at[i] =
		    (struct token_secret){ .id = (uint8_t)(7 + i), .since = "2026-11-25" };
		for (size_t k = 0; k < TOKEN_KEY_OCTETS; k++)
			r->at[i].key[k] = (uint8_t)(k + i);
	}
	return r;
}

static struct token_key *key_of(enum token_purpose purpose, const char *tenant, size_t count)
{
	struct token_ring *p = platform(count), *r = calloc(1, sizeof *r);
	struct token_key *key;

	ck_assert_int_eq(token_ring_derive(p, purpose, r), ERR_OK);
	key = token_key_new(r, span_cstr(tenant));
	ck_assert_ptr_nonnull(key);
	token_ring_free(&r);
	token_ring_free(&p);
	return key;
}

static const char *seal(
    struct token_key *key, struct span host, struct span payload, struct buf *out)
{
	buf_reset(out);
	ck_assert_int_eq(token_seal(key, host, payload, out), ERR_OK);
	return buf_cstr(out);
}

static enum err open_token(struct token_key *key, struct span host, const char *text)
{
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t n;

	return token_open(key, host, span_cstr(text), payload, &n);
}

/* Texts and numbers were made by Python's cryptography (AESSIV) and hmac. */
START_TEST(format)
{
	struct token_key *click = key_of(TOKEN_CLICK, "acme", 1),
			 *path = key_of(TOKEN_RETURN, "acme", 1);
	struct buf out = BUF_INIT(TOKEN_TEXT_MAX + 1);
	char octets[TOKEN_RETURN_PAYLOAD_MAX];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	uint64_t pseudonym;
	size_t n;

	ck_assert_str_eq(seal(click, HOST, SPAN("hello, world"), &out),
	    "B2X1PaINAPYovaErFIPuvpAX3AWPw-Q3NA4bDo4");
	ck_assert_int_eq(token_open(click, HOST, buf_span(&out), payload, &n), ERR_OK);
	ck_assert_uint_eq(n, 12);
	ck_assert_mem_eq(payload, "hello, world", 12);
	ck_assert_uint_eq(token_key_id(click, buf_span(&out)), 7);
	ck_assert_int_eq(token_pseudonym(click, SPAN("jo@dest.example"), &pseudonym), ERR_OK);
	ck_assert_uint_eq(pseudonym, UINT64_C(4457216241083877476));

	for (size_t i = 0; i < sizeof octets; i++)
		octets[i] = (char)i;
	ck_assert_str_eq(
	    seal(path, SPAN("b.acme.example"), span_make(octets, sizeof octets), &out),
	    "a5tj6kupyai3bhdizurjfhu75fajtb22uwwsuqunojro3erlo7iqt6lw3dvns");
	ck_assert_uint_le(out.n, TOKEN_RETURN_TEXT_MAX);
	for (size_t i = 0; i < out.n; i++)
		if (out.p[i] >= 'a')
			out.p[i] = (char)(out.p[i] - 'a' + 'A');
	ck_assert_int_eq(
	    token_open(path, SPAN("b.acme.example"), buf_span(&out), payload, &n), ERR_OK);
	ck_assert_uint_eq(n, sizeof octets);
	ck_assert_mem_eq(payload, octets, sizeof octets);
	buf_free(&out);
	token_key_free(&click);
	token_key_free(&path);
	ck_assert_ptr_null(path);
	token_key_free(&path);
}
END_TEST

START_TEST(lengths)
{
	struct token_key *click = key_of(TOKEN_CLICK, "acme", 1),
			 *path = key_of(TOKEN_RETURN, "acme", 1);
	struct buf out = BUF_INIT(TOKEN_TEXT_MAX);
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	char octets[TOKEN_PAYLOAD_MAX + 1] = { 0 };
	size_t n;

	for (size_t i = 1; i <= TOKEN_PAYLOAD_MAX; i += i < 70 ? 1 : 293) {
		(void)seal(click, HOST, span_make(octets, i), &out);
		ck_assert_int_eq(token_open(click, HOST, buf_span(&out), payload, &n), ERR_OK);
		ck_assert_uint_eq(n, i);
	}
	(void)seal(click, HOST, span_make(octets, TOKEN_PAYLOAD_MAX), &out);
	ck_assert_uint_eq(out.n, TOKEN_TEXT_MAX);
	buf_reset(&out);
	ck_assert_int_eq(
	    token_seal(click, HOST, span_make(octets, sizeof octets), &out), ERR_TOOBIG);
	ck_assert_int_eq(token_seal(click, HOST, SPAN(""), &out), ERR_TOOBIG);
	ck_assert_int_eq(
	    token_seal(path, HOST, span_make(octets, TOKEN_RETURN_PAYLOAD_MAX), &out), ERR_OK);
	ck_assert_int_eq(
	    token_seal(path, HOST, span_make(octets, TOKEN_RETURN_PAYLOAD_MAX + 1), &out),
	    ERR_TOOBIG);
	ck_assert_int_eq(token_seal(click, span_make(octets, 255), SPAN("x"), &out), ERR_OK);
	ck_assert_int_eq(
	    token_seal(click, span_make(octets, 256), SPAN("x"), &out), ERR_TOOBIG);
	ck_assert_uint_eq(token_key_id(click, SPAN("")), 0);
	ck_assert_uint_eq(token_key_id(click, SPAN("$")), 0);
	buf_free(&out);
	token_key_free(&click);
	token_key_free(&path);
}
END_TEST

/* Another purpose, tenant, host, and every changed, cut or lengthened text. */
START_TEST(void_ones)
{
	static const char digits[] =
	    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_=.~% \r";
	struct token_key *click = key_of(TOKEN_CLICK, "acme", 1),
			 *open = key_of(TOKEN_OPEN, "acme", 1),
			 *other = key_of(TOKEN_CLICK, "acmf", 1);
	struct buf out = BUF_INIT(TOKEN_TEXT_MAX);
	char text[TOKEN_TEXT_MAX + 2], longest[TOKEN_TEXT_MAX + 2];
	size_t n;

	(void)span_copy(
	    span_cstr(seal(click, HOST, SPAN("hello, world!"), &out)), text, sizeof text);
	n = strlen(text);
	ck_assert_int_eq(open_token(click, HOST, text), ERR_OK);
	ck_assert_int_eq(open_token(open, HOST, text), ERR_NOTFOUND);
	ck_assert_int_eq(open_token(other, HOST, text), ERR_NOTFOUND);
	ck_assert_int_eq(open_token(click, SPAN("click.acme.exampl"), text), ERR_NOTFOUND);
	ck_assert_int_eq(open_token(click, SPAN(""), text), ERR_NOTFOUND);
	for (size_t i = 0; i < n; i++) {
		char kept = text[i];

		for (size_t d = 0; digits[d] != '\0'; d++) {
			text[i] = digits[d];
			ck_assert_int_eq(open_token(click, HOST, text),
			    digits[d] == kept ? ERR_OK : ERR_NOTFOUND);
		}
		text[i] = '\0';
		ck_assert_int_eq(open_token(click, HOST, text), ERR_NOTFOUND);
		text[i] = kept;
	}
	for (size_t d = 0; digits[d] != '\0'; d++) {
		text[n] = digits[d];
		text[n + 1] = '\0';
		ck_assert_int_eq(open_token(click, HOST, text), ERR_NOTFOUND);
	}
	memset(longest, 'A', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	ck_assert_int_eq(open_token(click, HOST, longest), ERR_NOTFOUND);
	buf_free(&out);
	token_key_free(&click);
	token_key_free(&open);
	token_key_free(&other);
}
END_TEST

START_TEST(rotation)
{
	struct token_key *one = key_of(TOKEN_UNSUBSCRIBE, "acme", 1),
			 *two = key_of(TOKEN_UNSUBSCRIBE, "acme", 2);
	struct buf old = BUF_INIT(TOKEN_TEXT_MAX), new = BUF_INIT(TOKEN_TEXT_MAX);
	uint64_t before, after;

	(void)seal(one, HOST, SPAN("x"), &old);
	(void)seal(two, HOST, SPAN("x"), &new);
	ck_assert_str_ne(buf_cstr(&old), buf_cstr(&new));
	ck_assert_uint_eq(token_key_id(two, buf_span(&new)), 8);
	ck_assert_int_eq(open_token(two, HOST, buf_cstr(&old)), ERR_OK);
	ck_assert_int_eq(open_token(two, HOST, buf_cstr(&new)), ERR_OK);
	ck_assert_int_eq(open_token(one, HOST, buf_cstr(&new)), ERR_NOTFOUND);
	ck_assert_int_eq(token_pseudonym(one, SPAN("a@b.example"), &before), ERR_OK);
	ck_assert_int_eq(token_pseudonym(two, SPAN("a@b.example"), &after), ERR_OK);
	ck_assert_uint_eq(before, after);
	buf_free(&old);
	buf_free(&new);
	token_key_free(&one);
	token_key_free(&two);
}
END_TEST

/* ---- files ---- */

#define HEX "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"

START_TEST(ring_text)
{
	static const struct {
		const char *text;
		enum err e;
		unsigned line;
	} table[] = {
		{ "1 2026-11-25 " HEX "\n", ERR_OK, 1 },
		{ "# words\n\n1 2026-11-25 " HEX "\n255 2027-02-01 " HEX, ERR_OK, 4 },
		{ "", ERR_SYNTAX, 0 },
		{ "# nothing\n", ERR_SYNTAX, 1 },
		{ "0 2026-11-25 " HEX "\n", ERR_SYNTAX, 1 },
		{ "256 2026-11-25 " HEX "\n", ERR_SYNTAX, 1 },
		{ "1 2026-11-2 " HEX "\n", ERR_SYNTAX, 1 },
		{ "1 2026/11/25 " HEX "\n", ERR_SYNTAX, 1 },
		{ "1 2026-11-25 " HEX "0\n", ERR_SYNTAX, 1 },
		{ "1 2026-11-25 " HEX " \n", ERR_OK, 1 }, /* a blank at the end is nothing */
		{ "1 2026-11-25 " HEX " x\n", ERR_SYNTAX, 1 },
		{ "1 2026-11-25 "
		  "0G0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f\n",
		    ERR_SYNTAX, 1 },
		{ "1  2026-11-25 " HEX "\n", ERR_SYNTAX, 1 },
		{ "2 2026-11-25 " HEX "\n2 2026-11-25 " HEX "\n", ERR_SYNTAX, 2 },
		{ "2 2026-11-25 " HEX "\n1 2026-11-25 " HEX "\n", ERR_SYNTAX, 2 },
	};
	struct token_ring *r = calloc(1, sizeof *r), *again = calloc(1, sizeof *again);
	struct buf text = BUF_INIT(TOKEN_RING_OCTETS);
	unsigned line;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_msg(
		    token_ring_parse(span_cstr(table[i].text), r, &line) == table[i].e,
		    "case %zu", i);
		ck_assert_uint_eq(line, table[i].line);
	}
	ck_assert_int_eq(token_ring_parse(span_cstr(table[1].text), r, &line), ERR_OK);
	token_ring_put(r, "click", &text);
	ck_assert_int_eq(token_ring_parse(buf_span(&text), again, &line), ERR_OK);
	ck_assert_uint_eq(again->count, 2);
	ck_assert_uint_eq(again->at[1].id, 255);
	ck_assert_str_eq(again->at[1].since, "2027-02-01");
	ck_assert_mem_eq(again->at[1].key, r->at[1].key, TOKEN_KEY_OCTETS);
	buf_free(&text);
	token_ring_free(&r);
	token_ring_free(&again);
}
END_TEST

static void write_file(const char *path, const char *text, mode_t mode)
{
	FILE *f = fopen(path, "w");

	ck_assert_ptr_nonnull(f);
	fputs(text, f);
	fclose(f);
	ck_assert_int_eq(chmod(path, mode), 0);
}

START_TEST(ring_files)
{
	char directory[] = "/tmp/penguin-token-XXXXXX", path[128], link[128], error[512];
	struct token_ring *r;

	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof path, "%s/click.keys", directory);
	snprintf(link, sizeof link, "%s/open.keys", directory);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_CLICK, &r, error, sizeof error), ERR_NOTFOUND);
	ck_assert_ptr_null(r);
	write_file(path, "1 2026-11-25 " HEX "\n", 0640);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_CLICK, &r, error, sizeof error), ERR_OK);
	ck_assert_uint_eq(r->count, 1);
	ck_assert_int_eq(r->purpose, TOKEN_CLICK);
	token_ring_free(&r);
	for (mode_t mode = 0600; mode <= 0677; mode++) {
		bool fine = (mode & 037) == 0;

		ck_assert_int_eq(chmod(path, mode), 0);
		ck_assert_int_eq(
		    token_ring_read(directory, TOKEN_CLICK, &r, error, sizeof error),
		    fine ? ERR_OK : ERR_DENIED);
		token_ring_free(&r);
	}
	ck_assert_int_eq(chmod(path, 0600), 0);
	ck_assert_int_eq(symlink(path, link), 0);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_OPEN, &r, error, sizeof error), ERR_DENIED);
	unlink(link);
	ck_assert_int_eq(mkfifo(link, 0600), 0);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_OPEN, &r, error, sizeof error), ERR_DENIED);
	unlink(link);
	write_file(path, "\n\n1 bad\n", 0600);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_CLICK, &r, error, sizeof error), ERR_SYNTAX);
	ck_assert_ptr_nonnull(strstr(error, "click.keys:3: "));
	write_file(path, "", 0600);
	ck_assert_int_eq(truncate(path, TOKEN_RING_OCTETS + 1), 0);
	ck_assert_int_eq(
	    token_ring_read(directory, TOKEN_CLICK, &r, error, sizeof error), ERR_TOOBIG);
	unlink(path);
	rmdir(directory);
}
END_TEST

/* ---- payloads ---- */

START_TEST(payloads)
{
	const struct token_click click = { .flags = TOKEN_INDIVIDUAL,
		.message = 0x0123456789abcdef,
		.link = 40000,
		.recipient = UINT64_MAX,
		.expires_h = 500000,
		.target = SPAN("https://example.com/?a=1") };
	const struct token_open_pixel pixel = { .message = 5, .expires_h = 1 };
	const struct token_unsubscribe leave = {
		.message = 6, .stream = SPAN("news"), .address = SPAN("Jo@dest.example")
	};
	const struct token_return path = {
		.flags = TOKEN_SPLIT, .message = 7, .recipient = 8, .source = 9, .stream = 10
	};
	struct buf b = BUF_INIT(1024);
	struct token_click c;
	struct token_open_pixel o;
	struct token_unsubscribe u;
	struct token_return r;

	token_put_click(&b, &click);
	ck_assert_int_eq(token_get_click(buf_span(&b), &c), ERR_OK);
	ck_assert(c.flags == click.flags && c.message == click.message &&
		  c.link == click.link && c.recipient == click.recipient &&
		  c.expires_h == click.expires_h && span_eq(c.target, click.target));
	for (size_t n = 0; n < 25; n++)
		ck_assert_int_eq(token_get_click(span_head(buf_span(&b), n), &c), ERR_CORRUPT);
	b.p[0] = 2;
	ck_assert_int_eq(token_get_click(buf_span(&b), &c), ERR_VERSION);
	b.p[0] = 1;
	b.p[1] = 4;
	ck_assert_int_eq(token_get_click(buf_span(&b), &c), ERR_CORRUPT);

	buf_reset(&b);
	token_put_open(&b, &pixel);
	ck_assert_int_eq(token_get_open(buf_span(&b), &o), ERR_OK);
	ck_assert(o.flags == 0 && o.message == 5 && o.recipient == 0 && o.expires_h == 1);
	for (size_t n = 0; n < b.n; n++)
		ck_assert_int_eq(token_get_open(span_head(buf_span(&b), n), &o), ERR_CORRUPT);
	buf_add_char(&b, 'x');
	ck_assert_int_eq(token_get_open(buf_span(&b), &o), ERR_CORRUPT);

	buf_reset(&b);
	token_put_unsubscribe(&b, &leave);
	ck_assert_int_eq(token_get_unsubscribe(buf_span(&b), &u), ERR_OK);
	ck_assert(u.message == 6 && span_eq(u.stream, leave.stream) &&
		  span_eq(u.address, leave.address));
	for (size_t n = 0; n <= 15; n++)
		ck_assert_int_eq(
		    token_get_unsubscribe(span_head(buf_span(&b), n), &u), ERR_CORRUPT);

	buf_reset(&b);
	token_put_return(&b, &path);
	ck_assert_uint_le(b.n, TOKEN_RETURN_PAYLOAD_MAX);
	ck_assert_int_eq(token_get_return(buf_span(&b), &r), ERR_OK);
	ck_assert(r.flags == TOKEN_SPLIT && r.message == 7 && r.recipient == 8 &&
		  r.source == 9 && r.stream == 10);
	for (size_t n = 0; n < b.n; n++)
		ck_assert_int_eq(token_get_return(span_head(buf_span(&b), n), &r), ERR_CORRUPT);
	buf_add_char(&b, 'x');
	ck_assert_int_eq(token_get_return(buf_span(&b), &r), ERR_CORRUPT);
	buf_free(&b);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token");
	TCase *cases = tcase_create("token");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, format);
	tcase_add_test(cases, lengths);
	tcase_add_test(cases, void_ones);
	tcase_add_test(cases, rotation);
	tcase_add_test(cases, ring_text);
	tcase_add_test(cases, ring_files);
	tcase_add_test(cases, payloads);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
