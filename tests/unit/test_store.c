/* test_store - admissions and their answers, one thing at a time: order, durability, commits that
 * fail, damaged records. Beside a model: test_store_model.c. */
#include <check.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "journal.h"
#include "store.h"
#include "store_load.h"

#define MIB   UINT64_C(1048576)
#define DAY_S INT64_C(86400)

/* Also right in a child that was forked: no jump back into check. */
#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition)) {                                                            \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);        \
			_exit(9);                                                              \
		}                                                                              \
	} while (0)

static char root[64], error[512];

static struct store_options options(void)
{
	return (
	    struct store_options){ .path = root, .map_octets = MIB, .map_ceiling = 512 * MIB };
}

static void setup(void)
{
	/* In memory where that is possible: thousands of commits. */
	snprintf(root, sizeof root, "%s/test_store.XXXXXX",
	    access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ck_assert_ptr_nonnull(mkdtemp(root));
	signal(SIGXFSZ, SIG_IGN);
}

static void teardown(void)
{
	char path[128];

	snprintf(path, sizeof path, "%s/data.mdb", root);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", root);
	unlink(path);
	rmdir(root);
}

static struct store *must_open(const struct store_options *o)
{
	struct store *s = NULL;
	enum err e = store_open(o, &s, error, sizeof error);

	if (e != ERR_OK)
		fprintf(stderr, "%s\n", error);
	MUST(e == ERR_OK);
	return s;
}

/* No file may grow or be written past its start: every commit fails. */
static void break_disk(bool broken)
{
	struct rlimit r;

	MUST(getrlimit(RLIMIT_FSIZE, &r) == 0);
	r.rlim_cur = broken ? 0 : r.rlim_max;
	MUST(setrlimit(RLIMIT_FSIZE, &r) == 0);
}

static void complete(struct store *s)
{
	struct pollfd p = { .fd = store_wake_fd(s), .events = POLLIN };

	MUST(poll(&p, 1, 60000) == 1);
	store_complete(s);
}

static struct charge make_charge(uint32_t bucket, uint64_t amount, int64_t day)
{
	return (struct charge){ .bucket = bucket,
		.amount = amount,
		.limit = 10,
		.start_s = day * DAY_S,
		.end_s = (day + 1) * DAY_S };
}

/* ---- one thing at a time ---- */

static struct answers {
	unsigned count;
	enum admission_result result[64];
	size_t crossings;
	uint8_t bits;
} answers;

static void on_answer(void *context, const struct outcome *o, const struct crossing *crossings,
    size_t crossing_count)
{
	(void)context;
	MUST(answers.count < ARRAY_SIZE(answers.result));
	answers.result[answers.count++] = o->result;
	answers.crossings += crossing_count;
	for (size_t i = 0; i < crossing_count; i++)
		answers.bits |= crossings[i].bits;
}

/* Asks bucket "b" for amount of limit 10; recipient 0 is END-OF-MESSAGE. */
static void ask(struct store *s, uint64_t transaction, uint64_t recipient, uint64_t amount)
{
	struct charge c = make_charge(store_bucket(s, SPAN("b")), amount, 1);
	struct admission a = { .transaction = { transaction, 1 },
		.stage = recipient != 0 ? STAGE_RECIPIENT : STAGE_END_OF_MESSAGE,
		.recipient = recipient,
		.queue_id = recipient != 0 ? SPAN("") : SPAN("Q1"),
		.facts = { SPAN("acme"), SPAN("news"), SPAN("joe"), SPAN(""), 1, SPAN("") },
		.charges = &c,
		.count = 1,
		.now_ns = DAY_S * NS_PER_S };

	store_admit(s, &a, 1, on_answer);
}

static uint64_t used(struct store *s)
{
	struct charge c = make_charge(store_bucket(s, SPAN("b")), 1, 1);
	uint64_t n;
	int64_t retry;

	store_peek(s, &c, DAY_S * NS_PER_S, &n, &retry);
	return n;
}

static void commit(struct store *s)
{
	ck_assert(!store_flush(s, clock_mono_ns() + 3600 * NS_PER_S, true));
	complete(s);
}

static struct store *fresh(bool relaxed)
{
	struct store_options o = options();

	o.relaxed = relaxed;
	o.relaxed_interval_ns = 100 * NS_PER_MS;
	memset(&answers, 0, sizeof answers);
	return must_open(&o);
}

START_TEST(answers_after_commit)
{
	struct store *s = fresh(false);

	ask(s, 1, 1, 4);
	ask(s, 1, 2, 4);
	ck_assert_uint_eq(answers.count, 0);
	ask(s, 1, 3, 4); /* refused at once: 8 of 10 are taken */
	ck_assert_uint_eq(answers.count, 1);
	ck_assert_int_eq(answers.result[0], ADMISSION_REFUSED);
	ask(s, 1, 2, 4); /* the same again, its answer still on the way */
	ck_assert_uint_eq(answers.count, 1);
	ck_assert(!store_flush(s, clock_mono_ns(), true)); /* no answers before: not held */
	ck_assert_uint_eq(answers.count, 1);
	complete(s);
	ck_assert_uint_eq(answers.count, 4);
	ck_assert_int_eq(answers.result[1], ADMISSION_GRANTED);
	ck_assert_int_eq(answers.result[2], ADMISSION_GRANTED);
	ck_assert_int_eq(answers.result[3], ADMISSION_REPEATED);
	ask(s, 1, 1, 4); /* and later: at once */
	ck_assert_uint_eq(answers.count, 5);
	ck_assert_int_eq(answers.result[4], ADMISSION_REPEATED);
	ck_assert_uint_eq(used(s), 8);
	ck_assert_uint_eq(store_charged(s, (struct hash128){ 1, 1 }), 2);
	ask(s, 1, 0, 2);
	commit(s);
	ck_assert_ptr_nonnull(store_transaction(s, SPAN("Q1")));
	store_close(&s);
	s = fresh(false);
	ck_assert_uint_eq(used(s), 10);
	ask(s, 1, 0, 2);
	ck_assert_int_eq(answers.result[0], ADMISSION_REPEATED);
	ck_assert(span_eq(ledger_facts(store_transaction(s, SPAN("Q1"))).login, SPAN("joe")));
	store_tick(s, (DAY_S + 601) * NS_PER_S);
	ck_assert_ptr_null(store_transaction(s, SPAN("Q1")));
	store_close(&s);
}
END_TEST

/* Behind a commit the next one waits while the loop is busy, but not for long. */
START_TEST(held_while_busy)
{
	struct store *s = fresh(false);
	struct store_statistics n;
	int64_t before = clock_mono_ns(), after;

	ask(s, 1, 1, 1);
	commit(s);
	ask(s, 1, 2, 1);
	ck_assert(store_flush(s, before + STORE_HOLD_NS - 1, true));
	ask(s, 1, 3, 1);
	ck_assert_uint_eq(answers.count, 1);
	after = clock_mono_ns();
	ck_assert(!store_flush(s, after, false)); /* nothing more to read */
	ck_assert(!store_flush(s, after, true));  /* on its way: none to hold */
	complete(s);
	ck_assert_uint_eq(answers.count, 3);
	store_statistics(s, &n);
	ck_assert_uint_eq(n.commits, 2);
	after = clock_mono_ns();
	ask(s, 1, 4, 1);
	ck_assert(!store_flush(s, after + STORE_HOLD_NS, true)); /* long enough */
	complete(s);
	ck_assert_uint_eq(answers.count, 4);
	ck_assert(!store_flush(s, after, true)); /* none open */
	store_close(&s);
}
END_TEST

START_TEST(relaxed_answers_at_once)
{
	struct store *s = fresh(true);
	int64_t now = clock_mono_ns();

	ask(s, 1, 1, 4);
	ck_assert_uint_eq(answers.count, 1);
	ck_assert_int_eq(answers.result[0], ADMISSION_GRANTED);
	ck_assert(!store_flush(s, now, false)); /* too early */
	store_complete(s);
	{
		struct store_statistics n;

		store_statistics(s, &n);
		ck_assert_uint_eq(n.commits, 0);
		ck_assert_uint_eq(n.transactions, 1);
	}
	commit(s);
	ask(s, 1, 2, 3);
	store_close(&s); /* commits what is open */
	s = fresh(true);
	ck_assert_uint_eq(used(s), 7);
	store_close(&s);
}
END_TEST

/* A charge given back before its commit failed: neither is taken back twice, nor given back to
 * somebody else after a restart. */
START_TEST(refund_of_an_undone_charge)
{
	struct store *s = fresh(true);

	ask(s, 1, 1, 5);
	commit(s);
	ask(s, 2, 1, 3);
	store_abandon(s, (struct hash128){ 2, 1 }, true, true);
	ck_assert_uint_eq(used(s), 5);
	break_disk(true);
	commit(s);
	break_disk(false);
	ck_assert(!store_healthy(s));
	ck_assert_uint_eq(used(s), 5);
	/* A refund of what was committed is kept. */
	store_abandon(s, (struct hash128){ 1, 1 }, true, true);
	ck_assert_uint_eq(used(s), 0);
	commit(s);
	ask(s, 3, 1, 9);
	commit(s);
	store_close(&s);
	s = fresh(true);
	ck_assert_uint_eq(used(s), 9);
	store_close(&s);
}
END_TEST

/* The bucket's name was in the batch that failed; its number comes again in the next. */
START_TEST(name_after_a_failure)
{
	struct store *s = fresh(false);
	int status;
	pid_t pid;

	store_close(&s);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		s = fresh(false);
		/* Enough buckets that the hand does not come by at once. */
		for (unsigned i = 0; i < 100; i++) {
			char name[16];

			snprintf(name, sizeof name, "x%u", i);
			MUST(store_bucket(s, span_cstr(name)) == i);
		}
		ask(s, 9, 9, 1);
		break_disk(true);
		commit(s);
		break_disk(false);
		MUST(answers.count == 1 && answers.result[0] == ADMISSION_FAILED);
		MUST(used(s) == 0);
		ask(s, 1, 1, 1);
		MUST(answers.result[1] == ADMISSION_FAILED); /* not yet */
		usleep(1100000);
		ask(s, 1, 1, 4); /* the trial, under the sequence of the one that failed */
		MUST(answers.count == 2 && !store_healthy(s));
		commit(s);
		MUST(store_healthy(s));
		MUST(answers.count == 3 && answers.result[2] == ADMISSION_GRANTED);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	ck_assert_int_eq(status, 0);
	s = fresh(false);
	ck_assert_uint_eq(used(s), 4);
	store_close(&s);
}
END_TEST

static const struct hash128 next_id = { 77, 1 };
static struct store *busy_store;

/* A client that goes on at once, inside the callback. */
static void on_answer_go_on(void *context, const struct outcome *o,
    const struct crossing *crossings, size_t crossing_count)
{
	on_answer(context, o, crossings, crossing_count);
	store_abandon(busy_store, next_id, true, true);
}

START_TEST(callback_settles_during_recovery)
{
	struct charge c;
	struct admission a = { .transaction = { 78, 1 },
		.recipient = 1,
		.facts = { SPAN("acme"), SPAN("news"), SPAN("joe"), SPAN(""), 1, SPAN("") },
		.charges = &c,
		.count = 1,
		.now_ns = DAY_S * NS_PER_S };
	struct store *s = fresh(false);

	busy_store = s;
	ask(s, 77, 1, 6);
	commit(s);
	c = make_charge(store_bucket(s, SPAN("b")), 1, 1);
	store_admit(s, &a, 1, on_answer_go_on);
	break_disk(true);
	commit(s);
	break_disk(false);
	ck_assert_int_eq(answers.result[1], ADMISSION_FAILED);
	ck_assert_uint_eq(used(s), 0);
	commit(s);
	store_close(&s);
	s = fresh(false);
	ck_assert_uint_eq(used(s), 0);
	ck_assert_uint_eq(store_charged(s, next_id), 0);
	store_close(&s);
}
END_TEST

START_TEST(alerts_come_again)
{
	struct store *s = fresh(false);

	ask(s, 1, 1, 8);
	break_disk(true);
	commit(s);
	break_disk(false);
	ck_assert_uint_eq(answers.crossings, 0);
	store_reset_bucket(s, store_bucket(s, SPAN("other")));
	commit(s);
	ask(s, 1, 1, 8);
	commit(s);
	ck_assert_uint_eq(answers.bits, 1);
	ask(s, 1, 2, 1);
	commit(s);
	ck_assert_uint_eq(answers.bits, 3);
	ck_assert_uint_eq(answers.crossings, 2);
	store_close(&s);
}
END_TEST

/* Still broken when it is closed: who waits is told. */
START_TEST(closing_while_down)
{
	struct store *s = fresh(false);

	ask(s, 1, 1, 1);
	break_disk(true);
	store_close(&s);
	break_disk(false);
	ck_assert_uint_eq(answers.count, 1);
	ck_assert_int_eq(answers.result[0], ADMISSION_FAILED);
	/* Also who came for the trial that was never made. */
	s = fresh(false);
	ck_assert_uint_eq(used(s), 0);
	ask(s, 1, 1, 1);
	break_disk(true);
	commit(s);
	usleep(1100000);
	ask(s, 1, 1, 1);
	ck_assert_uint_eq(answers.count, 1);
	store_close(&s);
	break_disk(false);
	ck_assert_uint_eq(answers.count, 2);
	ck_assert_int_eq(answers.result[1], ADMISSION_FAILED);
}
END_TEST

START_TEST(map_at_its_ceiling)
{
	struct store_options o = options();
	struct store *s;
	unsigned granted = 0, failed = 0;

	o.map_octets = o.map_ceiling = MIB / 4;
	memset(&answers, 0, sizeof answers);
	s = must_open(&o);
	for (unsigned i = 0; i < 3000 && failed == 0; i++) {
		for (unsigned k = 0; k < 20; k++) {
			struct admission a = { .transaction = { i + 1, k },
				.recipient = 1,
				.facts = { SPAN("acme"), SPAN("news"), SPAN("joe"), SPAN(""),
				    1 },
				.now_ns = DAY_S * NS_PER_S };

			store_admit(s, &a, 1, on_answer);
		}
		commit(s);
		for (unsigned k = 0; k < answers.count; k++)
			*(answers.result[k] == ADMISSION_GRANTED ? &granted : &failed) += 1;
		answers.count = 0;
	}
	ck_assert_uint_eq(failed, 20); /* all of the batch that did not fit */
	ck_assert_uint_gt(granted, 20);
	ck_assert(!store_healthy(s));
	store_close(&s);
	s = fresh(false);
	{
		struct store_statistics n;

		store_statistics(s, &n);
		ck_assert_uint_eq(n.transactions, granted);
	}
	store_close(&s);
}
END_TEST

START_TEST(rates_survive)
{
	struct store *s = fresh(false);
	struct charge c = { .is_rate = true, .amount = 3 };
	struct admission a = { .transaction = { 1, 1 },
		.recipient = 1,
		.facts = { SPAN("acme"), SPAN("news"), SPAN("joe"), SPAN(""), 1, SPAN("") },
		.charges = &c,
		.count = 1,
		.now_ns = DAY_S * NS_PER_S };
	uint64_t spent;
	int64_t retry;

	ck_assert(rate_limit_make(1, NS_PER_S, 5, &c.rate));
	c.bucket = store_bucket(s, SPAN("rate"));
	store_admit(s, &a, 1, on_answer);
	break_disk(true);
	commit(s);
	break_disk(false);
	store_peek(s, &c, a.now_ns, &spent, &retry);
	ck_assert_uint_eq(spent, 0);
	store_reset_bucket(s, c.bucket);
	commit(s);
	store_admit(s, &a, 1, on_answer);
	commit(s);
	store_close(&s);
	s = fresh(false);
	c.bucket = store_find_bucket(s, SPAN("rate"));
	ck_assert(!store_peek(s, &c, a.now_ns, &spent, &retry));
	ck_assert_uint_eq(spent, 3);
	ck_assert_int_eq(retry, 1);
	store_close(&s);
}
END_TEST

/* ---- candidates ---- */

static const struct hash128 bound_id = { 5, 1 };

/* Bucket "one" has room for one recipient, bucket "two" for more. */
static void ask_one_of_two(struct store *s, struct hash128 id, uint64_t recipient)
{
	struct charge c[2] = { make_charge(store_bucket(s, SPAN("one")), 10, 1),
		make_charge(store_bucket(s, SPAN("two")), 1, 1) };
	const struct candidate candidates[] = { { &c[0], 1, SPAN("ip1") },
		{ &c[1], 1, SPAN("ip2") } };
	struct admission a = { .transaction = id,
		.recipient = recipient,
		.facts = { SPAN("acme"), SPAN("news"), SPAN("joe"), SPAN(""), 1, SPAN("") },
		.candidates = candidates,
		.candidate_count = 2,
		.now_ns = DAY_S * NS_PER_S };

	store_admit(s, &a, 1, on_answer);
}

static void expect_source(struct store *s, struct hash128 id, const char *source)
{
	struct transaction_facts f;

	ck_assert(store_facts(s, id, &f));
	ck_assert_msg(span_eq(f.source, span_cstr(source)), "%.*s", SPAN_ARG(f.source));
}

/* What a transaction is bound to is on the disk before anybody is told, in the journal and in the
 * records that it is folded into. */
START_TEST(bindings_survive)
{
	struct store *s = fresh(false);

	ask_one_of_two(s, (struct hash128){ 4, 1 }, 1);
	ask_one_of_two(s, bound_id, 1);
	expect_source(s, bound_id, "ip2");
	commit(s);
	store_close(&s);
	s = fresh(false);
	expect_source(s, (struct hash128){ 4, 1 }, "ip1");
	expect_source(s, bound_id, "ip2");
	ask_one_of_two(s, bound_id, 1);
	ck_assert_int_eq(answers.result[0], ADMISSION_REPEATED);
	answers.count = 0;
	/* Until every slot of the ring was used again. */
	for (uint64_t i = 0; i < STORE_RING + 100; i++) {
		store_reset_bucket(s, store_bucket(s, SPAN("one")));
		commit(s);
	}
	store_close(&s);
	s = fresh(false);
	expect_source(s, bound_id, "ip2");
	store_close(&s);
}
END_TEST

/* A commit that fails takes the binding along: the next try may choose another. */
START_TEST(bindings_are_undone)
{
	struct store *s = fresh(false);
	struct transaction_facts f;

	ask_one_of_two(s, bound_id, 1);
	expect_source(s, bound_id, "ip1");
	break_disk(true);
	commit(s);
	break_disk(false);
	ck_assert_int_eq(answers.result[0], ADMISSION_FAILED);
	ck_assert(!store_facts(s, bound_id, &f));
	store_close(&s);
}
END_TEST

/* ---- damage ---- */

enum damage { DAMAGE_SCHEMA, DAMAGE_BUCKET, DAMAGE_BUCKET_KEY, DAMAGE_JOURNAL, DAMAGE_GAP };

static void damage(struct kv *kv, const struct store_databases *d, enum damage which)
{
	const uint64_t later = 99;
	struct store_key zero = store_bucket_key(0);
	struct span key = span_make((const char *)zero.octets, 4);
	struct buf value = BUF_INIT(1 << 20);
	struct kv_txn *txn;
	uint8_t slot[4];

	MUST(kv_begin(kv, true, &txn) == ERR_OK);
	store_journal_key(2, slot);
	switch (which) {
	case DAMAGE_SCHEMA:
		MUST(kv_put(txn, d->meta, SPAN("schema"),
			 span_make((const char *)&later, sizeof later)) == ERR_OK);
		break;
	case DAMAGE_BUCKET:
	case DAMAGE_BUCKET_KEY:
		MUST(kv_get(txn, d->bucket, key, &value) == ERR_OK);
		if (which == DAMAGE_BUCKET)
			value.p[value.n / 2] ^= 1;
		else
			zero = store_bucket_key(1); /* what key points to */
		MUST(kv_put(txn, d->bucket, key, buf_span(&value)) == ERR_OK);
		break;
	case DAMAGE_JOURNAL:
	case DAMAGE_GAP:
		key = span_make((const char *)slot, sizeof slot);
		MUST(kv_get(txn, d->journal, key, &value) == ERR_OK);
		value.p[value.n - 1] ^= 1;
		MUST((which == DAMAGE_GAP
			     ? kv_delete(txn, d->journal, key)
			     : kv_put(txn, d->journal, key, buf_span(&value))) == ERR_OK);
		break;
	}
	MUST(kv_commit(&txn) == ERR_OK);
	buf_free(&value);
}

START_TEST(damage_is_refused)
{
	static const struct {
		enum damage which;
		enum err e;
		const char *says;
		uint64_t found; /* by verification */
	} table[] = {
		{ DAMAGE_SCHEMA, ERR_VERSION, "schema version 99", 0 },
		{ DAMAGE_BUCKET, ERR_CORRUPT, "bucket", 1 },
		{ DAMAGE_BUCKET_KEY, ERR_CORRUPT, "bucket", 0 },
		{ DAMAGE_JOURNAL, ERR_CORRUPT, "journal", 1 },
		{ DAMAGE_GAP, ERR_CORRUPT, "journal", 0 },
	};
	struct store_options o = options();
	struct store_verification v;
	struct store *s = fresh(false), *bad = NULL;

	/* Three batches; with 2,000 buckets the first round is not over. */
	for (unsigned i = 0; i < 2000; i++) {
		char name[16];

		snprintf(name, sizeof name, i == 0 ? "b" : "x%u", i);
		store_bucket(s, span_cstr(name));
	}
	for (uint64_t i = 1; i <= 3; i++) {
		ask(s, 1, i, 1);
		commit(s);
	}
	damage(store_kv(s), store_layout(s), table[_i].which);
	ck_assert_int_eq(store_verify(store_kv(s), store_layout(s), &v), ERR_OK);
	ck_assert_uint_eq(v.damaged, table[_i].found);
	ck_assert_uint_gt(v.records, 2);
	store_close(&s);
	ck_assert_int_eq(store_open(&o, &bad, error, sizeof error), table[_i].e);
	ck_assert_ptr_null(bad);
	ck_assert_msg(strstr(error, table[_i].says) != NULL, "%s", error);
}
END_TEST

/* ---- a store of an earlier schema ---- */

static uint64_t schema_of(const char *path)
{
	struct kv_options o = { .map_octets = MIB, .map_ceiling = MIB, .databases = 9 };
	struct buf value = BUF_INIT(64);
	struct kv_txn *txn;
	struct kv *kv = NULL;
	uint64_t schema = 0;
	unsigned meta;

	o.read_only = true;
	ck_assert_msg(kv_open(path, &o, &kv, error, sizeof error) == ERR_OK, "%s", error);
	ck_assert_int_eq(kv_database(kv, "meta", &meta), ERR_OK);
	ck_assert_int_eq(kv_begin(kv, false, &txn), ERR_OK);
	ck_assert_int_eq(kv_get(txn, meta, SPAN("schema"), &value), ERR_OK);
	memcpy(&schema, value.p, sizeof schema);
	kv_abort(&txn);
	kv_close(&kv);
	buf_free(&value);
	return schema;
}

/* What version 0.1.0 left. */
static void write_schema_1(void)
{
	static const char *const names[] = { "meta", "journal", "bucket", "transaction",
		"suppress", "tenant" };
	struct kv_options o = { .map_octets = MIB, .map_ceiling = MIB, .databases = 9 };
	const uint64_t one = 1;
	unsigned database[6];
	struct kv_txn *txn;
	struct kv *kv = NULL;

	ck_assert_int_eq(kv_open(root, &o, &kv, error, sizeof error), ERR_OK);
	for (size_t i = 0; i < 6; i++)
		ck_assert_int_eq(kv_database(kv, names[i], database + i), ERR_OK);
	ck_assert_int_eq(kv_begin(kv, true, &txn), ERR_OK);
	ck_assert_int_eq(
	    kv_put(txn, database[0], SPAN("schema"), span_make((const char *)&one, sizeof one)),
	    ERR_OK);
	ck_assert_int_eq(kv_commit(&txn), ERR_OK);
	kv_close(&kv);
}

START_TEST(an_earlier_schema)
{
	struct store_options o = options();
	struct store *s = NULL;
	char copy[128], path[160];

	snprintf(copy, sizeof copy, "%s/before-schema-2", root);
	write_schema_1();
	/* Without a copy nothing is changed. */
	ck_assert_int_eq(close(open(copy, O_CREAT | O_WRONLY, 0600)), 0);
	ck_assert_int_ne(store_open(&o, &s, error, sizeof error), ERR_OK);
	ck_assert_msg(strstr(error, "a copy before the change") != NULL, "%s", error);
	ck_assert_uint_eq(schema_of(root), 1);
	ck_assert_int_eq(unlink(copy), 0);

	for (int i = 0; i < 2; i++) {
		s = must_open(&o);
		store_close(&s);
		ck_assert_uint_eq(schema_of(root), 2);
		ck_assert_uint_eq(schema_of(copy), 1);
	}
	snprintf(path, sizeof path, "%s/data.mdb", copy);
	unlink(path);
	snprintf(path, sizeof path, "%s/lock.mdb", copy);
	unlink(path);
	ck_assert_int_eq(rmdir(copy), 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store");
	TCase *cases = tcase_create("store");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 300);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, answers_after_commit);
	tcase_add_test(cases, held_while_busy);
	tcase_add_test(cases, relaxed_answers_at_once);
	tcase_add_test(cases, refund_of_an_undone_charge);
	tcase_add_test(cases, name_after_a_failure);
	tcase_add_test(cases, callback_settles_during_recovery);
	tcase_add_test(cases, alerts_come_again);
	tcase_add_test(cases, closing_while_down);
	tcase_add_test(cases, map_at_its_ceiling);
	tcase_add_test(cases, rates_survive);
	tcase_add_test(cases, bindings_survive);
	tcase_add_test(cases, bindings_are_undone);
	tcase_add_loop_test(cases, damage_is_refused, 0, 5);
	tcase_add_test(cases, an_earlier_schema);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
