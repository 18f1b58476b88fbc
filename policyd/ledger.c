/* ledger - transactions by instance and by queue id. Knows what was charged, never why. */
#include <stdlib.h>

#include "ledger.h"
#include "table.h"

/* Open transactions are bounded by connections; spent ones go when their client starts the next
 * message or by age. This bound is for the case that neither happens. */
#define TRANSACTIONS_MAX 1000000u

struct transaction_links {
	struct transaction *owner;
	UT_hash_handle by_id, by_queue_id;
	bool queued;
};

struct ledger {
	struct transaction_links *ids;       /* instance hash => links */
	struct transaction_links *queue_ids; /* queue id => links */
	struct transaction *oldest, *newest;
	size_t count;
};

struct ledger *ledger_new(void)
{
	return calloc(1, sizeof(struct ledger));
}

static void transaction_free(struct transaction *t)
{
	free(t->facts);
	free(t->recipients);
	free(t->bookings);
	free(t->links);
	free(t);
}

void ledger_free(struct ledger **l)
{
	struct transaction *t, *next;

	if (*l == NULL)
		return;
	HASH_CLEAR(by_id, (*l)->ids);
	HASH_CLEAR(by_queue_id, (*l)->queue_ids);
	for (t = (*l)->oldest; t != NULL; t = next) {
		next = t->newer;
		transaction_free(t);
	}
	free(*l);
	*l = NULL;
}

size_t ledger_count(const struct ledger *l)
{
	return l->count;
}

struct transaction *ledger_find(const struct ledger *l, struct hash128 id)
{
	struct transaction_links *k = NULL;

	HASH_FIND(by_id, l->ids, &id, sizeof id, k);
	return k != NULL ? k->owner : NULL;
}

struct transaction *ledger_find_queue_id(const struct ledger *l, struct span queue_id)
{
	struct transaction_links *k = NULL;

	if (queue_id.n == 0 || queue_id.n >= QUEUE_ID_MAX)
		return NULL;
	HASH_FIND(by_queue_id, l->queue_ids, queue_id.p, queue_id.n, k);
	return k != NULL ? k->owner : NULL;
}

/* ---- the list by age ---- */

static void list_append(struct ledger *l, struct transaction *t)
{
	t->newer = NULL;
	t->older = l->newest;
	if (l->newest != NULL)
		l->newest->newer = t;
	else
		l->oldest = t;
	l->newest = t;
}

static void list_remove(struct ledger *l, struct transaction *t)
{
	if (t->older != NULL)
		t->older->newer = t->newer;
	else
		l->oldest = t->newer;
	if (t->newer != NULL)
		t->newer->older = t->older;
	else
		l->newest = t->older;
}

void ledger_touch(struct ledger *l, struct transaction *t, int64_t now_ns)
{
	t->touched_ns = now_ns;
	if (l->newest == t)
		return;
	list_remove(l, t);
	list_append(l, t);
}

struct transaction *ledger_oldest(const struct ledger *l)
{
	return l->oldest;
}

struct transaction *ledger_younger(const struct transaction *t)
{
	return t->newer;
}

/* ---- one transaction ---- */

static char *copy_facts(const struct transaction_facts *f)
{
	const struct span parts[] = { f->tenant, f->stream, f->login, f->sender, f->source };
	size_t n = ARRAY_SIZE(parts), at = 0;
	char *p;

	for (size_t i = 0; i < ARRAY_SIZE(parts); i++)
		n += parts[i].n;
	p = calloc(1, n);
	if (p == NULL)
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(parts); i++) {
		if (parts[i].n > 0)
			memcpy(p + at, parts[i].p, parts[i].n);
		at += parts[i].n + 1;
	}
	return p;
}

struct transaction_facts ledger_facts(const struct transaction *t)
{
	struct transaction_facts f = { .class = t->class };

	f.tenant = span_cstr(t->facts);
	f.stream = span_cstr(f.tenant.p + f.tenant.n + 1);
	f.login = span_cstr(f.stream.p + f.stream.n + 1);
	f.sender = span_cstr(f.login.p + f.login.n + 1);
	f.source = span_cstr(f.sender.p + f.sender.n + 1);
	return f;
}

enum err ledger_bind(struct transaction *t, struct span source)
{
	struct transaction_facts f = ledger_facts(t);
	char *facts;

	f.source = source;
	facts = copy_facts(&f);
	if (facts == NULL)
		return ERR_NOMEM;
	free(t->facts);
	t->facts = facts;
	return ERR_OK;
}

struct transaction *ledger_open(
    struct ledger *l, struct hash128 id, const struct transaction_facts *facts, int64_t now_ns)
{
	struct transaction *t;

	if (l->count >= TRANSACTIONS_MAX)
		return NULL;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return NULL;
	t->links = calloc(1, sizeof *t->links);
	t->facts = copy_facts(facts);
	if (t->links == NULL || t->facts == NULL)
		goto fail;
	t->id = id;
	t->class = facts->class;
	t->touched_ns = now_ns;
	t->links->owner = t;
	HASH_ADD_KEYPTR(by_id, l->ids, &t->id, sizeof t->id, t->links);
	if (ledger_find(l, id) != t)
		goto fail;
	list_append(l, t);
	l->count++;
	return t;
fail:
	transaction_free(t);
	return NULL;
}

static void forget_queue_id(struct ledger *l, struct transaction *t)
{
	if (t->links->queued)
		HASH_DELETE(by_queue_id, l->queue_ids, t->links);
	t->links->queued = false;
	t->queue_id[0] = '\0';
}

void ledger_drop(struct ledger *l, struct transaction *t)
{
	forget_queue_id(l, t);
	HASH_DELETE(by_id, l->ids, t->links);
	list_remove(l, t);
	l->count--;
	transaction_free(t);
}

struct recipient_entry *ledger_recipient(const struct transaction *t, uint64_t hash)
{
	for (uint32_t i = 0; i < t->recipient_count; i++)
		if (t->recipients[i].hash == hash && !t->recipients[i].refunded)
			return &t->recipients[i];
	return NULL;
}

static enum err add_bookings(
    struct transaction *t, const struct booking *bookings, size_t count, uint32_t *first_r)
{
	if (t->booking_size - t->booking_count < count) {
		uint32_t size = t->booking_size * 2 + (uint32_t)count + 8;
		struct booking *p = realloc(t->bookings, size * sizeof *p);

		if (p == NULL)
			return ERR_NOMEM;
		t->bookings = p;
		t->booking_size = size;
	}
	*first_r = t->booking_count;
	if (count > 0)
		memcpy(t->bookings + t->booking_count, bookings, count * sizeof *bookings);
	t->booking_count += (uint32_t)count;
	return ERR_OK;
}

enum err ledger_add_recipient(
    struct transaction *t, uint64_t hash, const struct booking *bookings, size_t count)
{
	struct recipient_entry *e;

	if (t->recipient_count == t->recipient_size) {
		uint32_t size = t->recipient_size * 2 + 4;

		e = realloc(t->recipients, size * sizeof *e);
		if (e == NULL)
			return ERR_NOMEM;
		t->recipients = e;
		t->recipient_size = size;
	}
	e = &t->recipients[t->recipient_count];
	*e = (struct recipient_entry){ .hash = hash, .count = (uint32_t)count };
	if (add_bookings(t, bookings, count, &e->first) != ERR_OK)
		return ERR_NOMEM;
	t->recipient_count++;
	t->charged++;
	return ERR_OK;
}

void ledger_remove_recipient(struct transaction *t, uint64_t hash)
{
	for (uint32_t i = t->recipient_count; i-- > 0;) {
		if (t->recipients[i].hash != hash)
			continue;
		if (!t->recipients[i].refunded)
			t->charged--;
		memmove(&t->recipients[i], &t->recipients[i + 1],
		    (t->recipient_count - i - 1) * sizeof t->recipients[0]);
		t->recipient_count--;
		return;
	}
}

enum err ledger_spend(struct ledger *l, struct transaction *t, struct span queue_id,
    const struct booking *bookings, size_t count)
{
	if (add_bookings(t, bookings, count, &t->message_first) != ERR_OK)
		return ERR_NOMEM;
	t->message_count = (uint32_t)count;
	t->state = TRANSACTION_SPENT;
	forget_queue_id(l, t);
	if (queue_id.n > 0 && span_copy(queue_id, t->queue_id, sizeof t->queue_id)) {
		struct transaction *other = ledger_find_queue_id(l, queue_id);

		/* Short queue ids are used again after a while; the newer message has it. */
		if (other != NULL)
			forget_queue_id(l, other);
		HASH_ADD_KEYPTR(by_queue_id, l->queue_ids, t->queue_id, queue_id.n, t->links);
		t->links->queued = ledger_find_queue_id(l, queue_id) == t;
	}
	return ERR_OK;
}

void ledger_unspend(struct ledger *l, struct transaction *t)
{
	forget_queue_id(l, t);
	t->message_count = 0;
	t->state = TRANSACTION_OPEN;
}
