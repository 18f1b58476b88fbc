/* test_genkey - keys and their records; and the columns of an imported list. */
#include <check.h>
#include <stdlib.h>

#include "genkey.h"
#include "import.h"

START_TEST(makes_keys)
{
	for (int type = GENKEY_RSA; type <= GENKEY_ED25519; type++) {
		struct buf pem = BUF_INIT(65536), record = BUF_INIT(65536),
			   line = BUF_INIT(65536);
		struct span rest;
		size_t quotes = 0, longest = 0;

		ck_assert_int_eq(
		    genkey_make((enum genkey_type)type, 2048, &pem, &record), ERR_OK);
		ck_assert(span_starts(buf_span(&pem), SPAN("-----BEGIN PRIVATE KEY-----\n")));
		ck_assert(span_starts(buf_span(&record), type == GENKEY_RSA
							     ? SPAN("v=DKIM1; k=rsa; p=MII")
							     : SPAN("v=DKIM1; k=ed25519; p=")));
		/* 32 octets in base64 (RFC 8463 section 4), 294 for an RSA key of 2048 bits */
		ck_assert_uint_eq(record.n, type == GENKEY_RSA ? 18 + 392 : 22 + 44);
		genkey_zone_line(SPAN("s"), SPAN("x.example"), buf_span(&record), &line);
		rest = buf_span(&line);
		ck_assert(span_starts(rest, SPAN("s._domainkey.x.example. IN TXT ( \"")));
		for (size_t at = span_find(rest, '"', 0); at < rest.n;) {
			size_t end = span_find(rest, '"', at + 1);

			quotes++;
			if (quotes % 2 == 1 && end - at - 1 > longest)
				longest = end - at - 1;
			at = end;
		}
		ck_assert_uint_eq(quotes, type == GENKEY_RSA ? 4 : 2);
		ck_assert_uint_le(longest, 255);
		{
			struct buf again = BUF_INIT(65536);
			enum genkey_type found = GENKEY_RSA;
			unsigned bits = 0;

			ck_assert_int_eq(
			    genkey_public(buf_span(&pem), &found, &bits, &again), ERR_OK);
			ck_assert(span_eq(buf_span(&again), buf_span(&record)));
			ck_assert_int_eq((int)found, type);
			ck_assert_uint_eq(bits, type == GENKEY_RSA ? 2048 : 256);
			buf_reset(&again);
			ck_assert_int_eq(genkey_public(span_head(buf_span(&pem), pem.n / 2),
					     &found, &bits, &again),
			    ERR_SYNTAX);
			buf_free(&again);
		}
		genkey_wipe(&pem);
		ck_assert_uint_eq(pem.n, 0);
		buf_free(&record);
		buf_free(&line);
	}
}
END_TEST

static const struct {
	const char *header, *row; /* header NULL: none */
	const char *wire;         /* NULL: bad */
} rows[] = {
	{ NULL, "a@b.c", "a@b.c\tdr\t\tds" },
	{ NULL, " a@b.c , r,2026-01-01,s,x", "a@b.c\tr\t2026-01-01\ts" },
	{ "Reason,E-Mail, EMAIL ,extra", "r,no,a@b.c,y", "a@b.c\tr\t\tds" },
	{ "digest,source", "sha:00,s", "sha:00\tdr\t\ts" },
	{ NULL, "", NULL },
	{ NULL, ",r", NULL },
	{ NULL, "a@b.c,\"r\nx\"", NULL },
	{ NULL, "a@b.c,r,d,s,\"e\tx\"", NULL },
};

START_TEST(reads_columns)
{
	static struct csv_record record;
	struct import_layout layout;
	struct buf out = BUF_INIT(1024);
	const char *wrong;
	size_t used;

	import_layout_default(&layout);
	if (rows[_i].header != NULL) {
		ck_assert_int_eq(
		    csv_scan(span_cstr(rows[_i].header), true, &record, &used), CSV_RECORD);
		ck_assert(import_header(&record, &layout));
	}
	record.count = 0;
	(void)!csv_scan(span_cstr(rows[_i].row), true, &record, &used);
	if (rows[_i].header == NULL)
		ck_assert(!import_header(&record, &layout));
	wrong = import_row(&record, &layout, SPAN("dr"), SPAN("ds"), &out);
	if (rows[_i].wire == NULL) {
		ck_assert_ptr_nonnull(wrong);
		ck_assert_uint_eq(out.n, 0);
	} else {
		ck_assert_ptr_null(wrong);
		ck_assert_str_eq(buf_cstr(&out), rows[_i].wire);
	}
	buf_free(&out);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("genkey");
	TCase *tests = tcase_create("genkey");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tests, 60);
	tcase_add_test(tests, makes_keys);
	tcase_add_loop_test(tests, reads_columns, 0, ARRAY_SIZE(rows));
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
