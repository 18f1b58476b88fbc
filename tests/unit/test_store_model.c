/* test_store_model - random admissions, settlements and resets beside a naive model, over several
 * rounds of the journal, with commits that fail and crashes without store_close. PENGUIN_SEED chooses. */
#include <check.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "store.h"
#include "store_load.h"

#define MIB     UINT64_C(1048576)
#define DAY_S   INT64_C(86400)
#define BUCKETS 40u
#define SLOTS   24u /* transactions at a time */
#define RECIPS  5u
#define ASKED   3u /* charges of an admission */
#define LIMIT   9u

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
	snprintf(root, sizeof root, "%s/test_store_model.XXXXXX",
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

/* ---- the naive model ---- */

struct asked {
	uint32_t bucket, amount;
};

struct model_recipient {
	bool charged, refunded;
	int64_t day;
	struct asked asked[ASKED];
};

struct model_transaction {
	uint32_t generation;
	bool known, spent;
	struct model_recipient recipient[RECIPS + 1]; /* the last: the message's own */
};

struct model {
	int64_t day;
	struct {
		int64_t day;
		uint64_t used;
	} bucket[BUCKETS];
	struct model_transaction transaction[SLOTS];
};

enum op_kind { OP_ADMIT, OP_REFUND, OP_DROP, OP_RESET };

struct op {
	enum op_kind kind;
	uint32_t slot, recipient, bucket;
};

#define OPS_MAX 4096

static struct shared {
	struct model done, flying; /* after the last finished batch; with the one under way */
	bool has_flying;
	uint64_t batches, failures, granted, refused, repeated;
} * shared;

static struct run {
	struct store *store;
	struct model now;
	struct op ops[2][OPS_MAX]; /* since done: of the flying batch, of the open one */
	size_t op_count[2];
	uint64_t seed;
	size_t waiting; /* admissions not answered yet */
	bool failing;
	struct outcome last;
	bool answered;
} run;

static uint64_t pick(uint64_t below)
{
	uint64_t x = run.seed += UINT64_C(0x9e3779b97f4a7c15);

	x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
	return (x ^ x >> 31) % below;
}

static void model_add(struct model *m, const struct asked *a, int64_t day, bool refund)
{
	for (size_t i = 0; i < ASKED; i++) {
		uint64_t *used = &m->bucket[a[i].bucket].used;

		if (a[i].amount == 0)
			continue;
		if (!refund && m->bucket[a[i].bucket].day != day) {
			m->bucket[a[i].bucket].day = day;
			*used = 0;
		}
		if (m->bucket[a[i].bucket].day != day)
			continue;
		if (!refund)
			*used += a[i].amount;
		else
			*used -= a[i].amount < *used ? a[i].amount : *used;
	}
}

/* Operations that settle, by themselves: also what stays of a batch that failed. */
static void model_settle(struct model *m, const struct op *op)
{
	struct model_transaction *t = &m->transaction[op->slot];
	struct model_recipient *r = &t->recipient[op->recipient];

	if (op->kind == OP_REFUND && t->known && r->charged && !r->refunded) {
		model_add(m, r->asked, r->day, true);
		r->refunded = true;
		if (op->recipient == RECIPS)
			t->spent = false; /* rejected: the message is not spent any more */
	} else if (op->kind == OP_DROP) {
		t->known = t->spent = false;
		memset(t->recipient, 0, sizeof t->recipient);
	} else if (op->kind == OP_RESET) {
		m->bucket[op->bucket].used = 0;
	}
}

static void note(struct op op)
{
	MUST(run.op_count[1] < OPS_MAX);
	run.ops[1][run.op_count[1]++] = op;
	model_settle(&run.now, &op);
}

static struct hash128 slot_id(uint32_t slot)
{
	return (struct hash128){ run.now.transaction[slot].generation * UINT64_C(2654435761),
		slot + 1 };
}

static struct span slot_queue_id(uint32_t slot, char out[QUEUE_ID_MAX])
{
	snprintf(out, QUEUE_ID_MAX, "Q%ux%u", slot, run.now.transaction[slot].generation);
	return span_cstr(out);
}

/* ---- the store against the model ---- */

static struct charge make_charge(uint32_t bucket, uint64_t amount, int64_t day)
{
	return (struct charge){ .bucket = bucket,
		.amount = amount,
		.limit = LIMIT,
		.start_s = day * DAY_S,
		.end_s = (day + 1) * DAY_S };
}

static uint32_t number_of(uint32_t bucket)
{
	char name[32];

	snprintf(name, sizeof name, "bucket %u", bucket);
	return store_bucket(run.store, span_cstr(name));
}

static const char *differs(const struct model *m)
{
	char queue_id[QUEUE_ID_MAX];

	for (uint32_t b = 0; b < BUCKETS; b++) {
		struct charge c = make_charge(number_of(b), 1, m->day);
		uint64_t used, want = m->bucket[b].day == m->day ? m->bucket[b].used : 0;
		int64_t retry;

		store_peek(run.store, &c, m->day * DAY_S * NS_PER_S, &used, &retry);
		if (used != want)
			return "a bucket";
	}
	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct model_transaction *t = &m->transaction[i];
		const struct transaction *q;
		uint32_t charged = 0;

		for (size_t r = 0; r < RECIPS; r++)
			charged += t->recipient[r].charged && !t->recipient[r].refunded;
		if (store_charged(run.store, slot_id(i)) != charged)
			return "recipients charged";
		q = store_transaction(run.store, slot_queue_id(i, queue_id));
		if ((q != NULL) != (t->known && t->spent))
			return "a queue id";
		if (q != NULL && !span_eq(ledger_facts(q).sender, SPAN("a@b.example")))
			return "facts";
	}
	return NULL;
}

static void must_equal(const struct model *m, const char *when)
{
	const char *what = differs(m);

	if (what != NULL)
		fprintf(stderr, "%s: %s differs\n", when, what);
	MUST(what == NULL);
}

static void on_done(void *context, const struct outcome *o, const struct crossing *crossings,
    size_t crossing_count)
{
	(void)crossings;
	MUST(crossing_count <= CROSSINGS_MAX);
	run.last = *o;
	run.answered = true;
	if (context == NULL)
		return;
	run.waiting--;
	MUST(run.failing ? o->result == ADMISSION_FAILED
			 : o->result == ADMISSION_GRANTED || o->result == ADMISSION_REPEATED);
}

static void finish_batch(void)
{
	struct model before = shared->done;

	if (!run.failing) {
		shared->done = shared->flying;
		shared->has_flying = false;
		run.op_count[0] = 0;
		return;
	}
	/* What settles stays; what was granted does not. */
	before.day = run.now.day;
	for (uint32_t i = 0; i < SLOTS; i++)
		before.transaction[i].generation = run.now.transaction[i].generation;
	for (size_t k = 0; k < 2; k++)
		for (size_t i = 0; i < run.op_count[k]; i++)
			if (run.ops[k][i].kind != OP_ADMIT)
				model_settle(&before, &run.ops[k][i]);
	run.now = before;
	shared->has_flying = false;
	shared->failures++;
	memmove(run.ops[0] + run.op_count[0], run.ops[1], run.op_count[1] * sizeof(struct op));
	memcpy(run.ops[1], run.ops[0], sizeof run.ops[1]);
	run.op_count[1] += run.op_count[0];
	run.op_count[0] = 0;
	MUST(!store_healthy(run.store) && run.waiting == 0);
	must_equal(&run.now, "after a failed commit");
}

static void fly(void)
{
	if (shared->has_flying || run.op_count[1] == 0)
		return;
	shared->flying = run.now;
	shared->has_flying = true;
	memcpy(run.ops[0], run.ops[1], run.op_count[1] * sizeof(struct op));
	run.op_count[0] = run.op_count[1];
	run.op_count[1] = 0;
	shared->batches++;
	/* Later than any wait for the next try. */
	MUST(!store_flush(run.store, clock_mono_ns() + 3600 * NS_PER_S, true));
}

static void land(void)
{
	if (!shared->has_flying)
		return;
	complete(run.store);
	finish_batch();
}

static void random_admission(void)
{
	uint32_t slot = (uint32_t)pick(SLOTS), r = (uint32_t)pick(RECIPS + 2);
	bool message = r >= RECIPS;
	struct model_transaction *t = &run.now.transaction[slot];
	struct model_recipient *m;
	struct charge charges[ASKED];
	struct asked asked[ASKED];
	char queue_id[QUEUE_ID_MAX];
	bool repeat, fits = true;
	size_t n = 1 + pick(ASKED);
	struct admission a = { .transaction = slot_id(slot),
		.stage = message ? STAGE_END_OF_MESSAGE : STAGE_RECIPIENT,
		.recipient = message ? 0 : r + 1,
		.facts = { SPAN("t"), SPAN("s"), SPAN("l"), SPAN("a@b.example"), 0, SPAN("") },
		.charges = charges,
		.now_ns = run.now.day * DAY_S * NS_PER_S,
		.context = &run };

	r = message ? RECIPS : r;
	m = &t->recipient[r];
	repeat = message ? t->known && t->spent : t->known && m->charged && !m->refunded;
	a.queue_id = message ? slot_queue_id(slot, queue_id) : SPAN("");
	memset(asked, 0, sizeof asked);
	for (size_t i = 0; i < n; i++) {
		uint32_t b = (uint32_t)((pick(BUCKETS / ASKED) * ASKED + i) % BUCKETS);
		uint64_t used =
		    run.now.bucket[b].day == run.now.day ? run.now.bucket[b].used : 0;

		asked[i] = (struct asked){ b, (uint32_t)(1 + pick(3)) };
		charges[i] = make_charge(number_of(b), asked[i].amount, run.now.day);
		fits = fits && used + asked[i].amount <= LIMIT;
	}
	a.count = pick(8) == 0 ? 0 : n;
	if (a.count == 0) {
		memset(asked, 0, sizeof asked);
		fits = true;
	}
	run.answered = false;
	run.waiting++;
	if (!repeat && !fits) {
		a.context = NULL;
		run.waiting--;
	}
	store_admit(run.store, &a, 1, on_done);
	if (a.context == NULL) {
		MUST(run.answered && run.last.result == ADMISSION_REFUSED);
		shared->refused++;
		return;
	}
	shared->repeated += repeat;
	if (repeat && run.answered) {
		MUST(run.last.result == ADMISSION_REPEATED && !shared->has_flying);
		return;
	}
	MUST(!run.answered); /* not before the commit */
	MUST(run.op_count[1] < OPS_MAX);
	run.ops[1][run.op_count[1]++] = (struct op){ .kind = OP_ADMIT };
	if (repeat)
		return;
	shared->granted++;
	model_add(&run.now, asked, run.now.day, false);
	t->known = true;
	t->spent = t->spent || message;
	*m = (struct model_recipient){ .charged = true, .day = run.now.day };
	memcpy(m->asked, asked, sizeof asked);
}

static void note_refunds(uint32_t slot, uint32_t mask)
{
	const struct model_recipient *m = run.now.transaction[slot].recipient;

	for (uint32_t r = 0; r <= RECIPS; r++)
		if ((mask & 1u << r) != 0 && m[r].charged && !m[r].refunded)
			note((struct op){ OP_REFUND, slot, r, 0 });
}

static void random_settlement(void)
{
	uint32_t slot = (uint32_t)pick(SLOTS), accepted_mask = 0;
	struct model_transaction *t = &run.now.transaction[slot];
	uint64_t accepted[RECIPS];
	char queue_id[QUEUE_ID_MAX];
	bool finished, refund;
	size_t count = 0;

	switch (pick(8)) {
	case 0: {
		uint32_t b = (uint32_t)pick(BUCKETS);

		store_reset_bucket(run.store, number_of(b));
		note((struct op){ OP_RESET, 0, 0, b });
		return;
	}
	case 1:
	case 2:
	case 3:
		finished = pick(2) == 0;
		refund = pick(2) == 0;
		store_abandon(run.store, slot_id(slot), finished, refund);
		if (!t->known || (t->spent && !finished) || (!t->spent && !finished && !refund))
			return;
		if (!t->spent && refund)
			note_refunds(slot, (1u << RECIPS) - 1);
		note((struct op){ OP_DROP, slot, 0, 0 });
		if (pick(3) > 0) /* else the same instance comes again */
			t->generation++;
		return;
	case 4:
		store_settle(run.store, slot_queue_id(slot, queue_id), true, NULL, 0);
		if (t->known && t->spent)
			note_refunds(slot, (2u << RECIPS) - 1);
		return;
	default:
		for (uint32_t r = 0; r < RECIPS; r++)
			if (pick(2) == 0) {
				accepted[count++] = r + 1;
				accepted_mask |= 1u << r;
			}
		store_settle(run.store, slot_queue_id(slot, queue_id), false, accepted, count);
		if (t->known && t->spent && count > 0)
			note_refunds(slot, ((1u << RECIPS) - 1) & ~accepted_mask);
	}
}

/* A commit that fails, and then one that works, while the store stays open. */
static void fail_and_recover(void)
{
	land();
	random_admission();
	break_disk(true);
	fly();
	for (uint64_t i = pick(8); i-- > 0;)
		pick(3) > 0 ? random_admission() : random_settlement();
	run.failing = true;
	land();
	run.failing = false;
	break_disk(false);
	if (pick(8) == 0) {
		usleep(1100000); /* admissions are taken again */
		random_admission();
	}
	store_reset_bucket(run.store, number_of(0));
	note((struct op){ OP_RESET, 0, 0, 0 });
	fly();
	land();
	MUST(store_healthy(run.store));
	must_equal(&run.now, "after recovering");
}

static void child(uint64_t seed, uint64_t batches, bool crash)
{
	struct store_options o = options();
	uint64_t until = shared->batches + batches;

	memset(&run, 0, sizeof run);
	run.seed = seed;
	run.store = must_open(&o);
	run.now = shared->done;
	if (shared->has_flying && differs(&run.now) != NULL)
		run.now = shared->done = shared->flying;
	shared->has_flying = false;
	must_equal(&run.now, "after opening");
	while (shared->batches < until) {
		for (uint64_t i = pick(8); i-- > 0;)
			pick(3) > 0 ? random_admission() : random_settlement();
		if (pick(400) == 0)
			fail_and_recover();
		else if (pick(200) == 0)
			run.now.day++;
		fly();
		if (pick(4) > 0)
			land();
	}
	if (crash)
		_exit(0);
	land();
	fly();
	land();
	store_close(&run.store);
	_exit(0);
}

static uint64_t number_from(const char *name, uint64_t fallback)
{
	const char *text = getenv(name);
	uint64_t n;

	return text != NULL && span_u64(span_cstr(text), &n) ? n : fallback;
}

static void run_children(uint64_t batches)
{
	uint64_t seed = number_from("PENGUIN_SEED", 1), round = 0;

	while (shared->batches < batches) {
		uint64_t s = seed * 1000003 + round++;
		int status;
		pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0)
			child(s, 1 + s * 7919 % 900, s % 4 != 0);
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		    "seed %llu, child %llu: status %d", (unsigned long long)seed,
		    (unsigned long long)round - 1, status);
	}
}

START_TEST(like_the_model)
{
	shared = mmap(
	    NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ck_assert_ptr_ne(shared, MAP_FAILED);
	shared->done.day = 1;
	run_children(STORE_RING * 7 / 2);
	/* Nothing of that was for nothing. */
	ck_assert_uint_gt(shared->granted, 1000);
	ck_assert_uint_gt(shared->refused, 100);
	ck_assert_uint_gt(shared->repeated, 100);
	ck_assert_uint_gt(shared->failures, 5);
	munmap(shared, sizeof *shared);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("store_model");
	TCase *cases = tcase_create("store_model");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 300);
	tcase_add_checked_fixture(cases, setup, teardown);
	tcase_add_test(cases, like_the_model);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
