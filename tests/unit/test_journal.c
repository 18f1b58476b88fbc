/* test_journal - entries and records as bytes: round trips at the bounds; damage is refused. */
#include <check.h>
#include <stdlib.h>

#include "journal.h"

static struct booking full[CHARGES_MAX];
static char longest[UINT16_MAX + 1];

static void setup(void)
{
	memset(longest, 'x', sizeof longest);
	for (size_t i = 0; i < CHARGES_MAX; i++)
		full[i] = (struct booking){ .bucket = UINT32_MAX - (uint32_t)i,
			.length_s = UINT32_MAX,
			.value = i % 2 ? INT64_MIN : INT64_MAX,
			.amount = UINT64_MAX,
			.is_rate = i % 2,
			.alerted = 15 };
}

static bool same_facts(const struct transaction_facts *a, const struct transaction_facts *b)
{
	return span_eq(a->tenant, b->tenant) && span_eq(a->stream, b->stream) &&
	       span_eq(a->login, b->login) && span_eq(a->sender, b->sender) &&
	       a->class == b->class;
}

static void must_be_same(const struct journal_entry *a, const struct journal_entry *b)
{
	ck_assert_int_eq(a->kind, b->kind);
	ck_assert(hash128_eq(a->transaction, b->transaction));
	ck_assert_uint_eq(a->recipient, b->recipient);
	ck_assert_uint_eq(a->bucket, b->bucket);
	ck_assert(span_eq(a->name, b->name) && same_facts(&a->facts, &b->facts));
	ck_assert_int_eq(a->time_ns, b->time_ns);
	ck_assert_uint_eq(a->booking_count, b->booking_count);
	for (size_t i = 0; i < a->booking_count; i++) {
		const struct booking *x = &a->bookings[i], *y = &b->bookings[i];

		ck_assert_uint_eq(x->bucket, y->bucket);
		ck_assert_uint_eq(x->length_s, y->length_s);
		ck_assert_int_eq(x->value, y->value);
		ck_assert_uint_eq(x->amount, y->amount);
		ck_assert_uint_eq(x->is_rate, y->is_rate);
		ck_assert_uint_eq(x->alerted, y->alerted);
	}
}

START_TEST(round_trips)
{
	const struct span big = { longest, UINT16_MAX };
	const struct hash128 id = { UINT64_MAX, 1 };
	const struct journal_entry table[] = {
		{ .kind = ENTRY_BUCKET, .bucket = UINT32_MAX, .name = big },
		{ .kind = ENTRY_BUCKET, .name = SPAN("") },
		{ .kind = ENTRY_OPEN,
		    .transaction = id,
		    .time_ns = INT64_MIN,
		    .facts = { big, big, big, big, 255, SPAN("") } },
		{ .kind = ENTRY_OPEN },
		{ .kind = ENTRY_RECIPIENT,
		    .transaction = id,
		    .recipient = UINT64_MAX,
		    .bookings = full,
		    .booking_count = CHARGES_MAX },
		{ .kind = ENTRY_RECIPIENT },
		{ .kind = ENTRY_SPEND,
		    .transaction = id,
		    .time_ns = INT64_MAX,
		    .name = SPAN("4c0Yb12345z"),
		    .bookings = full,
		    .booking_count = 1 },
		{ .kind = ENTRY_SPEND },
		{ .kind = ENTRY_REFUND,
		    .transaction = id,
		    .recipient = 1,
		    .bookings = full,
		    .booking_count = CHARGES_MAX },
		{ .kind = ENTRY_DROP, .transaction = id },
		{ .kind = ENTRY_RESET, .bucket = UINT32_MAX },
		{ .kind = ENTRY_BIND, .transaction = id, .name = big },
		{ .kind = ENTRY_BIND },
	};
	struct buf b = BUF_INIT(1 << 20);
	struct journal_reader r;
	struct journal_entry e;

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		journal_write(&b, &table[i]);
	ck_assert(buf_ok(&b));
	r.rest = buf_span(&b);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		ck_assert_int_eq(journal_read(&r, &e), ERR_OK);
		must_be_same(&e, &table[i]);
	}
	ck_assert_int_eq(journal_read(&r, &e), ERR_NOTFOUND);
	buf_free(&b);
}
END_TEST

START_TEST(entries_that_no_writer_makes)
{
#define ID "0123456789abcdef"
	static const struct span table[] = {
		SPAN("\0"),
		SPAN("\x08"),
		SPAN("\xff"),
		SPAN("\x07\1\2\3"),
		SPAN("\x06" ID),
		SPAN("\x01\0\0\0\0\2\0a"),      /* cut */
		SPAN("\x01\0\0\0\0\2\0a\0"),    /* NUL in a name */
		SPAN("\x03" ID "12345678\x31"), /* 49 bookings */
		SPAN("\x03" ID "12345678\1\x02"
		     "bbbbllllvvvvvvvvaaaaaaaa"), /* unknown flag */
		SPAN("\x03" ID "12345678\1\x01"
		     "bbbbllllvvvvvvvvaaaaaaa"),
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct journal_reader r = { .rest = table[i] };
		struct journal_entry e;

		if (i == 4)
			r.rest.n--; /* an id cut short */
		ck_assert_msg(journal_read(&r, &e) == ERR_CORRUPT, "case %zu", i);
	}
}
END_TEST

static const size_t sizes[] = { 0, 1, 7, 999, 1000, 1001, 2008, 2009, 3000, 5000 };

/* Every truncation, every added octet, every flipped bit. */
START_TEST(damage_is_refused)
{
	size_t n = sizes[_i];
	struct buf b = BUF_INIT(1 << 20);
	struct span entries, all;
	uint64_t seq;
	char *copy;

	journal_seal(&b, 42, span_make(longest, n));
	all = buf_span(&b);
	ck_assert_int_eq(journal_unseal(all, &seq, &entries), ERR_OK);
	ck_assert_uint_eq(seq, 42);
	ck_assert(span_eq(entries, span_make(longest, n)));
	/* Few sizes over a thousand octets: a power of two, less LMDB's header. */
	ck_assert(all.n <= 1024 ? all.n == n + 24 : ((all.n + 16) & (all.n + 15)) == 0);
	copy = malloc(all.n + 1);
	ck_assert_ptr_nonnull(copy);
	for (size_t cut = 0; cut < all.n; cut++) {
		enum err e;

		/* Without any of its padding it is what lies inside a batch. */
		memcpy(copy, all.p, cut);
		e = journal_unseal(span_make(copy, cut), &seq, &entries);
		ck_assert_msg(e == (cut == n + 24 ? ERR_OK : ERR_CORRUPT), "cut %zu", cut);
	}
	memcpy(copy, all.p, all.n);
	copy[all.n] = '\0';
	ck_assert_int_eq(
	    journal_unseal(span_make(copy, all.n + 1), &seq, &entries), ERR_CORRUPT);
	for (size_t bit = 0; bit < all.n * 8; bit++) {
		enum err e;

		copy[bit / 8] ^= (char)(1 << bit % 8);
		e = journal_unseal(span_make(copy, all.n), &seq, &entries);
		copy[bit / 8] ^= (char)(1 << bit % 8);
		ck_assert_msg(
		    e == (bit < 8 ? ERR_VERSION : ERR_CORRUPT), "bit %zu: %d", bit, (int)e);
	}
	free(copy);
	buf_free(&b);
}
END_TEST

START_TEST(bucket_records)
{
	char name[480];
	const struct bucket_record table[] = {
		{ .number = 0, .name = SPAN("a") },
		{ .number = UINT32_MAX,
		    .name = { name, sizeof name },
		    .alerted = 15,
		    .window = { INT64_MIN, INT64_MAX, UINT64_MAX } },
		{ .number = 7, .name = SPAN("b"), .is_rate = true, .rate = { INT64_MAX } },
	};

	memset(name, 'n', sizeof name);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct bucket_record *w = &table[i];
		struct buf b = BUF_INIT(4096);
		struct bucket_record r;
		uint64_t seq;

		journal_seal_bucket(&b, 9, w);
		ck_assert(buf_ok(&b));
		ck_assert_int_eq(journal_unseal_bucket(buf_span(&b), &seq, &r), ERR_OK);
		ck_assert_uint_eq(seq, 9);
		ck_assert_uint_eq(r.number, w->number);
		ck_assert(span_eq(r.name, w->name) && r.is_rate == w->is_rate);
		ck_assert_uint_eq(r.alerted, w->alerted);
		ck_assert_int_eq(r.window.start_s, w->window.start_s);
		ck_assert_int_eq(r.window.end_s, w->window.end_s);
		ck_assert_uint_eq(r.window.used, w->window.used);
		ck_assert_int_eq(r.rate.tat_ns, w->rate.tat_ns);
		for (size_t bit = 0; bit < b.n * 8; bit++) {
			b.p[bit / 8] ^= (char)(1 << bit % 8);
			ck_assert_int_ne(journal_unseal_bucket(buf_span(&b), &seq, &r), ERR_OK);
			b.p[bit / 8] ^= (char)(1 << bit % 8);
		}
		buf_free(&b);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("journal");
	TCase *cases = tcase_create("journal");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_checked_fixture(cases, setup, NULL);
	tcase_add_test(cases, round_trips);
	tcase_add_test(cases, entries_that_no_writer_makes);
	tcase_add_loop_test(cases, damage_is_refused, 0, ARRAY_SIZE(sizes));
	tcase_add_test(cases, bucket_records);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
