/* test_dns_message - answers of DNS servers: every type, aliases, error codes, bounds, damage. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "dns_message.h"

static void put16(struct buf *b, unsigned v)
{
	buf_add_char(b, (char)(v >> 8));
	buf_add_char(b, (char)v);
}

static void put_name(struct buf *b, const char *name)
{
	struct span rest = span_cstr(name), label;

	while (span_next(&rest, '.', &label)) {
		buf_add_char(b, (char)label.n);
		buf_add_span(b, label);
	}
	buf_add_char(b, 0);
}

static void start(struct buf *b, unsigned flags, const char *name, unsigned type, unsigned n)
{
	put16(b, 7);
	put16(b, flags);
	put16(b, 1);
	put16(b, n);
	put16(b, 0);
	put16(b, 0);
	put_name(b, name);
	put16(b, type);
	put16(b, 1);
}

static void put_record(
    struct buf *b, const char *owner, unsigned type, uint32_t ttl_s, const void *data, size_t n)
{
	if (owner != NULL)
		put_name(b, owner);
	else
		put16(b, 0xC00C); /* the name of the question */
	put16(b, type);
	put16(b, 1);
	put16(b, ttl_s >> 16);
	put16(b, ttl_s & 0xFFFF);
	put16(b, (unsigned)n);
	buf_add(b, data, n);
}

#define PUT(b, owner, type, ttl, data) put_record(b, owner, type, ttl, data, sizeof(data) - 1)

static struct arena *arena;
static struct buf m = BUF_INIT(65536);

static void setup(void)
{
	arena = arena_new((size_t)1 << 20);
	buf_reset(&m);
}

static void teardown(void)
{
	arena_free(&arena);
	buf_free(&m);
}

static struct dns_answer answer(const char *name, enum dns_type type)
{
	struct dns_answer a;

	ck_assert_int_eq(dns_message_read(buf_span(&m), name, type, arena, &a), ERR_OK);
	return a;
}

static void is(struct span s, const char *text)
{
	ck_assert_msg(span_eq(s, span_cstr(text)), "%.*s for %s", SPAN_ARG(s), text);
}

START_TEST(types)
{
	static const struct {
		enum dns_type type;
		struct span data;
		const char *text;
		unsigned number;
	} rows[] = {
		{ DNS_TXT, { "\x03v=s\x00\x02pf", 8 }, "v=spf", 0 },
		{ DNS_TXT, { "\x00", 1 }, "", 0 },
		{ DNS_MX, { "\x00\x0A\x02mX\xC0\x0C", 7 }, "mx.a.test", 10 },
		{ DNS_MX, { "\x00\x00\x00", 3 }, "", 0 },
		{ DNS_NS, { "\x02ns\x01\x00.\x00", 6 }, NULL, 0 },
		{ DNS_NS, { "\x02ns\x03\x00.z\x00", 8 }, "ns.\\000\\046z", 0 },
		{ DNS_PTR, { "\xC0\x0C", 2 }, "a.test", 0 },
		{ DNS_CNAME, { "\x01t\x00", 3 }, "t", 0 },
		{ DNS_SOA,
		    { "\x01p\x00\x01m\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x01\x00"
		      "\x00\x00\x01\x00"
		      "\x00\x00\x01",
			26 },
		    "p", 0 },
		{ DNS_CAA, { "\x80\x05isSueca.test", 14 }, "ca.test", 128 },
		{ DNS_CAA, { "\x00\x00", 2 }, NULL, 0 },
		{ DNS_CAA, { "\x00\x09issue", 7 }, NULL, 0 },
		{ DNS_TXT, { "\x04ouf", 4 }, NULL, 0 },
		{ DNS_MX, { "\x00", 1 }, NULL, 0 },
		{ DNS_MX, { "\x00\x01\x01x\x00!", 6 }, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		struct dns_answer a;

		buf_reset(&m);
		start(&m, 0x8580, "a.test", rows[i].type, 1);
		put_record(&m, NULL, rows[i].type, 300, rows[i].data.p, rows[i].data.n);
		a = answer("A.test", rows[i].type);
		ck_assert_msg((a.status == DNS_FOUND) == (rows[i].text != NULL), "row %zu", i);
		if (rows[i].text == NULL) {
			ck_assert_int_eq(a.status, DNS_BROKEN);
			continue;
		}
		ck_assert(a.authoritative);
		ck_assert_uint_eq(a.count, 1);
		ck_assert_uint_eq(a.aliases, 0);
		ck_assert_uint_eq(a.ttl_s, 300);
		is(dns_answer_at(&a, 0)->owner, "a.test");
		is(dns_answer_at(&a, 0)->text, rows[i].text);
		ck_assert_uint_eq(dns_answer_at(&a, 0)->number, rows[i].number);
		if (rows[i].type == DNS_CAA)
			is(dns_answer_at(&a, 0)->tag, "issue");
	}
}
END_TEST

START_TEST(addresses)
{
	struct dns_answer a;

	start(&m, 0x8180, "a.test", DNS_A, 2);
	PUT(&m, NULL, DNS_A, 60, "\xC0\x00\x02\x01");
	PUT(&m, "other.test", DNS_A, 5, "\x7F\x00\x00\x01"); /* nobody asked */
	a = answer("a.test", DNS_A);
	ck_assert_uint_eq(a.count, 1);
	ck_assert(!a.authoritative);
	ck_assert_uint_eq(a.ttl_s, 60);
	ck_assert_mem_eq(dns_answer_at(&a, 0)->address + 10, "\xFF\xFF\xC0\x00\x02\x01", 6);
	buf_reset(&m);
	start(&m, 0x8180, "a.test", DNS_AAAA, 1);
	PUT(&m, NULL, DNS_AAAA, 60, " \x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01");
	a = answer("a.test", DNS_AAAA);
	ck_assert_mem_eq(
	    dns_answer_at(&a, 0)->address, " \x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
	buf_reset(&m);
	start(&m, 0x8180, "a.test", DNS_A, 1);
	PUT(&m, NULL, DNS_A, 60, "\xC0\x00\x02\x01\x09");
	ck_assert_int_eq(answer("a.test", DNS_A).status, DNS_BROKEN);
}
END_TEST

/* Aliases are followed in their order, wherever they stand; a target elsewhere is no data. */
START_TEST(aliases)
{
	struct dns_answer a;

	start(&m, 0x8180, "a.test", DNS_TXT, 4);
	PUT(&m, "c.test", DNS_TXT, 90, "\x02ok");
	PUT(&m, "b.test", DNS_CNAME, 40,
	    "\x01"
	    "c\x04test\x00");
	PUT(&m, NULL, DNS_CNAME, 50,
	    "\x01"
	    "b\x04test\x00");
	PUT(&m, NULL, DNS_TXT, 10, "\x03not"); /* beside an alias: not ours */
	a = answer("a.test", DNS_TXT);
	ck_assert_int_eq(a.status, DNS_FOUND);
	ck_assert_uint_eq(a.aliases, 2);
	ck_assert_uint_eq(a.count, 1);
	ck_assert_uint_eq(a.ttl_s, 40);
	is(a.records[0].text, "b.test");
	is(a.records[1].text, "c.test");
	is(dns_answer_at(&a, 0)->text, "ok");
	buf_reset(&m);
	start(&m, 0x8580, "a.test", DNS_TXT, 1);
	PUT(&m, NULL, DNS_CNAME, 50,
	    "\x01"
	    "b\x04test\x00");
	a = answer("a.test", DNS_TXT);
	ck_assert_int_eq(a.status, DNS_NO_DATA);
	ck_assert_uint_eq(a.aliases, 1);
	buf_reset(&m); /* a circle ends */
	start(&m, 0x8580, "a.test", DNS_TXT, 2);
	PUT(&m, NULL, DNS_CNAME, 50,
	    "\x01"
	    "b\x04test\x00");
	PUT(&m, "b.test", DNS_CNAME, 50,
	    "\x01"
	    "a\x04test\x00");
	ck_assert_uint_eq(answer("a.test", DNS_TXT).aliases, DNS_ALIASES_MAX);
}
END_TEST

START_TEST(codes)
{
	static const struct {
		unsigned flags;
		enum dns_status status;
	} rows[] = {
		{ 0x8180, DNS_NO_DATA }, { 0x8182, DNS_SERVFAIL }, { 0x8183, DNS_NO_NAME },
		{ 0x8185, DNS_REFUSED }, { 0x8184, DNS_BROKEN }, /* not implemented */
		{ 0x0100, DNS_BROKEN },                          /* a question */
	};

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		buf_reset(&m);
		start(&m, rows[i].flags, "a.test", DNS_A, 0);
		ck_assert_int_eq(answer("a.test", DNS_A).status, rows[i].status);
		ck_assert_int_eq(answer("b.test", DNS_A).status, DNS_BROKEN);
		ck_assert_int_eq(answer("a.test", DNS_MX).status, DNS_BROKEN);
	}
	for (int s = -1; s <= DNS_STATUS_COUNT; s++)
		ck_assert_ptr_nonnull(dns_status_text((enum dns_status)s));
}
END_TEST

START_TEST(bounds)
{
	start(&m, 0x8180, "a.test", DNS_TXT, DNS_RECORDS_MAX);
	for (unsigned i = 0; i < DNS_RECORDS_MAX; i++)
		PUT(&m, NULL, DNS_TXT, 1, "\x01x");
	ck_assert_uint_eq(answer("a.test", DNS_TXT).count, DNS_RECORDS_MAX);
	PUT(&m, NULL, DNS_TXT, 1, "\x01x");
	m.p[7]++;
	ck_assert_int_eq(m.p[7], (DNS_RECORDS_MAX & 0xFF) + 1);
	ck_assert_int_eq(answer("a.test", DNS_TXT).status, DNS_BROKEN);
	/* A name that points to itself. */
	buf_reset(&m);
	start(&m, 0x8180, "a.test", DNS_NS, 1);
	put_record(&m, NULL, DNS_NS, 1, "\xC0\x24", 2);
	ck_assert_int_eq(answer("a.test", DNS_NS).status, DNS_BROKEN);
	/* The arena is a bound, too. */
	arena_free(&arena);
	arena = arena_new(64);
	buf_reset(&m);
	start(&m, 0x8180, "a.test", DNS_NS, 0);
	{
		struct dns_answer a;

		ck_assert_int_eq(
		    dns_message_read(buf_span(&m), "a.test", DNS_NS, arena, &a), ERR_NOMEM);
		ck_assert_int_eq(a.status, DNS_BROKEN);
	}
}
END_TEST

/* Cut anywhere, it is broken and nothing is read behind its end. */
START_TEST(cut)
{
	start(&m, 0x8180, "a.test", DNS_MX, 2);
	PUT(&m, NULL, DNS_CNAME, 40,
	    "\x01"
	    "c\x04test\x00");
	PUT(&m, "c.test", DNS_MX, 40, "\x00\x0A\x02mx\xC0\x0C");
	for (size_t n = 0; n < m.n; n++) {
		char *copy = malloc(n + 1);
		struct dns_answer a;

		memcpy(copy, m.p, n);
		ck_assert_int_eq(
		    dns_message_read(span_make(copy, n), "a.test", DNS_MX, arena, &a), ERR_OK);
		ck_assert_int_eq(a.status, DNS_BROKEN);
		free(copy);
		arena_free(&arena);
		arena = arena_new((size_t)1 << 20);
	}
	ck_assert_int_eq(answer("a.test", DNS_MX).status, DNS_FOUND);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("dns_message");
	TCase *tests = tcase_create("dns_message");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, types);
	tcase_add_test(tests, addresses);
	tcase_add_test(tests, aliases);
	tcase_add_test(tests, codes);
	tcase_add_test(tests, bounds);
	tcase_add_test(tests, cut);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed > 0;
}
