/* test_hash - published vectors, seeds, the key kept between digests. */
#include <check.h>

#include "hash.h"

START_TEST(table_hashes)
{
	struct span text = SPAN("acme");

	/* XXH3 of nothing with seed 0, from the algorithm's own test vectors. */
	ck_assert_uint_eq(hash64(SPAN(""), 0), UINT64_C(0x2D06800538D394C2));
	ck_assert_uint_eq(hash128(SPAN(""), 0).low, UINT64_C(0x6001C324468D497F));
	ck_assert_uint_eq(hash128(SPAN(""), 0).high, UINT64_C(0x99AA06D3014798D8));
	ck_assert_uint_eq(hash64(text, 7), hash64(text, 7));
	ck_assert_uint_ne(hash64(text, 7), hash64(text, 8));
	ck_assert(hash128_eq(hash128(text, 7), hash128(text, 7)));
	ck_assert(!hash128_eq(hash128(text, 7), hash128(text, 8)));
	ck_assert(!hash128_eq(hash128(SPAN("acme"), 7), hash128(SPAN("acmf"), 7)));
}
END_TEST

START_TEST(keyed_digest)
{
	uint8_t key[DIGEST_KEY_SIZE] = { 0 }, out[DIGEST_SIZE], again[DIGEST_SIZE];
	static const uint8_t of_nothing[DIGEST_SIZE] = { 0xb6, 0x13, 0x67, 0x9a, 0x08, 0x14,
		0xd9, 0xec, 0x77, 0x2f, 0x95, 0xd7, 0x78, 0xc3, 0x5f, 0xc5 };
	static const uint8_t of_text[DIGEST_SIZE] = { 0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60, 0x75,
		0x4e, 0x6a, 0x04, 0x24, 0x26, 0x08, 0x95, 0x75, 0xc7 };
	struct digest_key *k;

	/* HMAC pads keys with zeroes, so a shorter key's values hold: the empty one, and that of
	 * RFC 4231 section 4.3 (test case 2). */
	k = digest_key_new(key);
	ck_assert_ptr_nonnull(k);
	ck_assert_int_eq(digest(k, SPAN(""), out), ERR_OK);
	ck_assert_mem_eq(out, of_nothing, sizeof out);
	digest_key_free(&k);
	ck_assert_ptr_null(k);
	digest_key_free(&k);
	memcpy(key, "Jefe", 4);
	k = digest_key_new(key);
	for (int i = 0; i < 3; i++) {
		ck_assert_int_eq(digest(k, SPAN("what do ya want for nothing?"), out), ERR_OK);
		ck_assert_mem_eq(out, of_text, sizeof out);
		ck_assert_int_eq(digest(k, SPAN("else"), again), ERR_OK);
		ck_assert_mem_ne(out, again, sizeof out);
	}
	digest_key_free(&k);
}
END_TEST

START_TEST(randomness)
{
	uint8_t a[600] = { 0 }, b[600] = { 0 };

	ck_assert_int_eq(random_octets(a, sizeof a), ERR_OK);
	ck_assert_int_eq(random_octets(b, sizeof b), ERR_OK);
	ck_assert_mem_ne(a, b, sizeof a);
	ck_assert_mem_ne(a + 584, b + 584, 16);
	ck_assert_int_eq(random_octets(NULL, 0), ERR_OK);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("hash");
	TCase *cases = tcase_create("hash");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, table_hashes);
	tcase_add_test(cases, keyed_digest);
	tcase_add_test(cases, randomness);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
