/* test_token_forged - no token that was not sealed is opened (R-W1): every bit of real ones turned,
 * cut, lengthened, of another purpose, tenant, host and key; made at random; and whether a
 * comparison of seals tells by its time how much of one was right.
 *
 * PENGUIN_TOKENS (100), PENGUIN_FORGED (100,000), PENGUIN_TIMED (0: no judgement of time),
 * PENGUIN_SEED. */
#include "chance.h"

#include <math.h>

#include "clock.h"
#include "token_payload.h"
#include "unit_token.h"

#define HOST       SPAN("click.acme.example")
#define RAW_MAX    (TOKEN_OVERHEAD + TOKEN_PAYLOAD_MAX)
#define SEAL_FIRST 1u /* octets of a token: key id, then the seal */
#define SEAL_LAST  16u
#define T_MAX      4.5 /* beyond it two means differ */
#define SLOWEST    0.1 /* part of the measurements that is interruption, left out */

static uint64_t rng;

/* ---- base64url, written for this test ---- */

static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static size_t decode(struct span text, uint8_t raw[RAW_MAX])
{
	uint32_t bits = 0;
	size_t n = 0;

	for (size_t i = 0; i < text.n; i++) {
		bits = bits << 6 | (uint32_t)(strchr(digits, text.p[i]) - digits);
		if (i % 4 > 0)
			raw[n++] = (uint8_t)(bits >> (6 - 2 * (i % 4)));
	}
	return n;
}

static struct span encode(const uint8_t *raw, size_t n, char text[TOKEN_TEXT_MAX + 8])
{
	size_t length = 0;

	for (size_t bit = 0; bit < 8 * n; bit += 6) {
		unsigned pair = (unsigned)raw[bit / 8] << 8;

		if (bit / 8 + 1 < n)
			pair |= raw[bit / 8 + 1];
		text[length++] = digits[pair >> (10 - bit % 8) & 63];
	}
	return span_make(text, length);
}

static enum err try_raw(struct token_key *key, const uint8_t *raw, size_t n)
{
	char text[TOKEN_TEXT_MAX + 8];
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	size_t opened;

	return token_open(key, HOST, encode(raw, n, text), payload, &opened);
}

/* ---- real ones, spoiled ---- */

static size_t make(struct token_key *key, uint8_t raw[RAW_MAX])
{
	struct buf text = BUF_INIT(TOKEN_TEXT_MAX), payload = BUF_INIT(TOKEN_PAYLOAD_MAX);
	struct token_click click = { .message = chance_next(&rng),
		.link = (uint16_t)chance_below(&rng, 100),
		.recipient = chance_next(&rng),
		.target = SPAN("https://www.acme.example/offers?id=12345") };
	size_t n;

	token_put_click(&payload, &click);
	ck_assert_int_eq(token_seal(key, HOST, buf_span(&payload), &text), ERR_OK);
	n = decode(buf_span(&text), raw);
	MUST(try_raw(key, raw, n) == ERR_OK);
	buf_free(&payload);
	buf_free(&text);
	return n;
}

START_TEST(spoiled)
{
	uint64_t tokens = chance_number("PENGUIN_TOKENS", 100), refused = 0;
	struct token_key *click = unit_keys(TOKEN_CLICK, "acme", 2),
			 *open = unit_keys(TOKEN_OPEN, "acme", 2),
			 *other = unit_keys(TOKEN_CLICK, "globex", 2),
			 *older = unit_keys(TOKEN_CLICK, "acme", 1);
	uint8_t raw[RAW_MAX];

	for (uint64_t i = 0; i < tokens; i++) {
		size_t n = make(click, raw);

		for (size_t bit = 0; bit < 8 * n; bit++, refused++) {
			raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
			MUST(try_raw(click, raw, n) == ERR_NOTFOUND);
			raw[bit / 8] ^= (uint8_t)(1u << bit % 8);
		}
		for (size_t cut = 0; cut < n; cut++, refused++)
			MUST(try_raw(click, raw, cut) == ERR_NOTFOUND);
		raw[n] = (uint8_t)chance_next(&rng);
		MUST(try_raw(click, raw, n + 1) == ERR_NOTFOUND);
		MUST(try_raw(open, raw, n) == ERR_NOTFOUND);
		MUST(try_raw(other, raw, n) == ERR_NOTFOUND);
		MUST(try_raw(older, raw, n) == ERR_NOTFOUND); /* its key is gone */
		for (unsigned id = 0; id < 256; id++, refused++) {
			uint8_t kept = raw[0];

			raw[0] = (uint8_t)id;
			MUST(try_raw(click, raw, n) == (id == kept ? ERR_OK : ERR_NOTFOUND));
			raw[0] = kept;
		}
		refused += 3;
	}
	printf("spoiled tokens: %" PRIu64 " of %" PRIu64 " real ones, all refused\n", refused,
	    tokens);
	token_key_free(&older);
	token_key_free(&other);
	token_key_free(&open);
	token_key_free(&click);
}
END_TEST

START_TEST(made_up)
{
	uint64_t forged = chance_number("PENGUIN_FORGED", 100000);
	struct token_key *key = unit_keys(TOKEN_CLICK, "acme", 2);
	uint8_t raw[RAW_MAX], real[RAW_MAX];
	size_t n = make(key, real);

	for (uint64_t i = 0; i < forged; i++) {
		size_t length = 1 + (size_t)chance_below(&rng, 2 * n);
		bool grafted = chance_below(&rng, 2) == 0;

		for (size_t k = 0; k < length; k++)
			raw[k] = (uint8_t)chance_next(&rng);
		raw[0] = real[0]; /* a key that is there */
		if (grafted && length > SEAL_LAST)
			memcpy(raw, real, SEAL_LAST + 1); /* a real seal, other contents */
		MUST(try_raw(key, raw, length) == ERR_NOTFOUND);
	}
	printf("made up: %" PRIu64 " tokens, none opened\n", forged);
	token_key_free(&key);
}
END_TEST

/* ---- time ---- */

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* Mean and variance without the slowest. */
static double mean_of(int64_t *ns, size_t count, double *variance_r)
{
	size_t kept = count - (size_t)((double)count * SLOWEST);
	double sum = 0, squares = 0;

	qsort(ns, count, sizeof *ns, by_value);
	for (size_t i = 0; i < kept; i++)
		sum += (double)ns[i];
	for (size_t i = 0; i < kept; i++)
		squares +=
		    ((double)ns[i] - sum / (double)kept) * ((double)ns[i] - sum / (double)kept);
	*variance_r = squares / (double)(kept - 1) / (double)kept;
	return sum / (double)kept;
}

/* Seals wrong in their first and in their last octet, in random order: Welch's t. */
START_TEST(time_of_refusals)
{
	static const size_t places[2] = { SEAL_FIRST, SEAL_LAST };
	size_t count = (size_t)chance_number("PENGUIN_TIMED", 0), got[2] = { 0, 0 };
	struct token_key *key = unit_keys(TOKEN_CLICK, "acme", 1);
	int64_t *ns[2];
	double mean[2], variance[2], t;
	uint8_t raw[RAW_MAX];
	size_t n = make(key, raw);

	for (unsigned k = 0; k < 2; k++)
		ns[k] = calloc(count + 2, sizeof *ns[k]);
	while (got[0] + got[1] < count) {
		unsigned which = (unsigned)chance_below(&rng, 2);
		uint8_t *octet = &raw[places[which]], kept = *octet;
		int64_t before;

		*octet ^= (uint8_t)(1 + chance_below(&rng, 255));
		before = clock_mono_ns();
		MUST(try_raw(key, raw, n) == ERR_NOTFOUND);
		ns[which][got[which]++] = clock_mono_ns() - before;
		*octet = kept;
	}
	if (count > 0) {
		for (unsigned k = 0; k < 2; k++)
			mean[k] = mean_of(ns[k], got[k], &variance[k]);
		t = (mean[0] - mean[1]) / sqrt(variance[0] + variance[1]);
		printf("refused in %.1f ns (first octet wrong) and %.1f ns (last), t = %.2f of "
		       "%zu\n",
		    mean[0], mean[1], t, count);
		ck_assert_msg(fabs(t) < T_MAX, "t = %.2f", t);
	}
	for (unsigned k = 0; k < 2; k++)
		free(ns[k]);
	token_key_free(&key);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("token_forged");
	TCase *cases = tcase_create("token_forged");
	SRunner *runner = srunner_create(suite);
	int failed;

	rng = chance_seed("forged tokens", chance_number("PENGUIN_FORGED", 100000));
	tcase_set_timeout(cases, 600);
	tcase_add_test(cases, spoiled);
	tcase_add_test(cases, made_up);
	tcase_add_test(cases, time_of_refusals);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
