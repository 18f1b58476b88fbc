/* test_returned - reports as programs write them: what each says, and what it does not. The messages
 * are the corpus of the fuzz target. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "buf.h"
#include "returned.h"

#define CORPUS "tests/fuzz/corpus/returned/"

static struct buf text;
static struct arena *arena;

static struct returned read_file(const char *name)
{
	struct returned r;
	char path[256], space[65536];
	size_t n;
	FILE *f;

	(void)snprintf(path, sizeof path, CORPUS "%s", name);
	f = fopen(path, "rb");
	ck_assert_msg(f != NULL, "%s", path);
	buf_reset(&text);
	while ((n = fread(space, 1, sizeof space, f)) > 0)
		buf_add(&text, space, n);
	(void)fclose(f);
	ck_assert_int_eq(returned_read(buf_span(&text), arena, &r), ERR_OK);
	return r;
}

static void is(struct span s, const char *want)
{
	ck_assert_msg(span_eq(s, span_cstr(want)), "\"%.*s\", not \"%s\"", SPAN_ARG(s), want);
}

START_TEST(bounces)
{
	static const struct {
		const char *file, *address, *original, *status, *diagnostic;
	} table[] = {
		{ "dsn-postfix", "jo@inner.dest.example", "jo@dest.example", "5.1.1",
		    "550 5.1.1 <jo@inner.dest.example>: Recipient address rejected: User "
		    "unknown" },
		{ "dsn-exchange-crlf", "jo@dest.example", "jo@dest.example", "5.1.10",
		    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient jo@dest.example not "
		    "found by SMTP address lookup" },
		{ "dsn-cut", "jo@dest.example", "", "5.0.0", "" },
		{ "dsn-local", "jo@dest.example", "jo@dest.example", "5.1.1", "550 no" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct returned r = read_file(table[i].file);

		ck_assert_int_eq(r.kind, RETURNED_BOUNCE);
		ck_assert_uint_eq(r.count, 1);
		ck_assert_int_eq(r.local, strcmp(table[i].file, "dsn-local") == 0);
		is(r.recipients[0].address, table[i].address);
		is(r.recipients[0].original, table[i].original);
		is(r.recipients[0].status, table[i].status);
		is(r.recipients[0].diagnostic, table[i].diagnostic);
		ck_assert(r.recipients[0].failed);
	}
}
END_TEST

START_TEST(several)
{
	struct returned r = read_file("dsn-two");

	ck_assert_int_eq(r.kind, RETURNED_BOUNCE);
	ck_assert_uint_eq(r.count, 2);
	is(r.recipients[0].address, "one@x.example");
	is(r.recipients[0].status, "5.2.2");
	ck_assert(r.recipients[0].failed);
	is(r.recipients[1].address, "two@x.example");
	ck_assert(!r.recipients[1].failed);
}
END_TEST

START_TEST(complaints)
{
	struct returned r = read_file("arf-yahoo");

	ck_assert_int_eq(r.kind, RETURNED_COMPLAINT);
	is(r.feedback_type, "abuse");
	is(r.original_sender, "b+token@b.acme.example");
	is(r.complained, "jo@yahoo.com");
	ck_assert_uint_eq(r.count, 0);
	r = read_file("arf-redacted");
	ck_assert_int_eq(r.kind, RETURNED_COMPLAINT);
	is(r.original_sender, "b+token@b.acme.example");
	is(r.complained, "redacted");
}
END_TEST

START_TEST(others)
{
	static const struct {
		const char *file;
		enum returned_kind kind;
	} table[] = {
		{ "dsn-delayed", RETURNED_DELAY },
		{ "arf-not-spam", RETURNED_NOT_SPAM },
		{ "vacation", RETURNED_AUTOMATIC },
		{ "person", RETURNED_OTHER },
		/* Text alone is no report. */
		{ "qmail", RETURNED_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct returned r = read_file(table[i].file);
		enum returned_kind kind;

		ck_assert_msg(r.kind == table[i].kind, "%s: %s", table[i].file,
		    returned_kind_text(r.kind));
		ck_assert(returned_kind_of(span_cstr(returned_kind_text(r.kind)), &kind));
		ck_assert_int_eq(kind, r.kind);
	}
}
END_TEST

/* Bounds: parts, depth, recipients, long fields. */
START_TEST(bounds)
{
	struct returned r;

	buf_reset(&text);
	buf_add_cstr(&text, "Content-Type: multipart/report; boundary=b\n\n--b\n"
			    "Content-Type: message/delivery-status\n\nReporting-MTA: dns; x\n");
	for (int i = 0; i < 100; i++)
		buf_printf(&text,
		    "\nFinal-Recipient: rfc822; r%d@x.example\nAction: failed\nStatus: 5.1.1\n",
		    i);
	ck_assert_int_eq(returned_read(buf_span(&text), arena, &r), ERR_OK);
	ck_assert_uint_eq(r.count, RETURNED_RECIPIENTS_MAX);
	is(r.recipients[19].address, "r19@x.example");

	buf_reset(&text);
	for (int i = 0; i < 1000; i++)
		buf_printf(
		    &text, "Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n", i, i);
	ck_assert_int_eq(returned_read(buf_span(&text), arena, &r), ERR_OK);
	ck_assert_int_eq(r.kind, RETURNED_OTHER);

	buf_reset(&text);
	buf_add_cstr(&text, "Content-Type: multipart/mixed; boundary=b\n\n");
	for (int i = 0; i < 1000; i++)
		buf_add_cstr(&text, "--b\n\nx\n");
	buf_add_cstr(&text, "--b\nContent-Type: message/delivery-status\n\n"
			    "Final-Recipient: rfc822; jo@x.example\nAction: failed\n");
	ck_assert_int_eq(returned_read(buf_span(&text), arena, &r), ERR_OK);
	ck_assert_int_eq(r.kind, RETURNED_OTHER);

	buf_reset(&text);
	buf_add_cstr(&text, "Content-Type: message/delivery-status\n\nAction: failed\n"
			    "Final-Recipient: rfc822; jo@x.example\nDiagnostic-Code: smtp;");
	for (int i = 0; i < 9000; i++)
		buf_add_cstr(&text, " x\n");
	ck_assert_int_eq(returned_read(buf_span(&text), arena, &r), ERR_OK);
	ck_assert_int_eq(r.kind, RETURNED_BOUNCE);
	ck_assert_uint_le(r.recipients[0].diagnostic.n, RETURNED_FIELD_MAX);
	ck_assert_int_eq(returned_read(SPAN(""), arena, &r), ERR_OK);
	ck_assert_int_eq(r.kind, RETURNED_OTHER);
}
END_TEST

static void begin(void)
{
	buf_init(&text, 1u << 22);
	arena = arena_new((size_t)64 << 20);
}

static void end(void)
{
	buf_free(&text);
	arena_free(&arena);
}

int main(void)
{
	Suite *s = suite_create("returned");
	TCase *all = tcase_create("all");
	SRunner *r = srunner_create(s);
	int failed;

	tcase_add_checked_fixture(all, begin, end);
	tcase_add_test(all, bounces);
	tcase_add_test(all, several);
	tcase_add_test(all, complaints);
	tcase_add_test(all, others);
	tcase_add_test(all, bounds);
	suite_add_tcase(s, all);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
