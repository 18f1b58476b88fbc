/* dns_work - moves answers from the wire into books until every record is judged. Knows no
 * record. */
#include "dns_work.h"
#include "dns_check.h"

/* Rounds of questions that follow from answers; a circle of aliases would go on for ever. */
#define ROUNDS_MAX       64
#define WAIT_MS          100
#define ARENA_OCTETS_MAX ((size_t)16 << 20)

struct slot {
	bool used;
	size_t index;
	unsigned rounds;
	struct arena *arena;
	struct dns_work work;
};

struct run {
	struct dns *dns;
	const struct dns_work_calls *calls;
	size_t count, next, done;
	struct slot slots[DNS_WORK_DOMAINS];
};

/* A question on its way, from the slot's book. Books outlive their questions: a slot ends only when
 * its book waits for nothing. */
struct ticket {
	struct dns_book *book;
	struct dns_question question;
};

static void on_answer(void *context, const struct dns_answer *answer)
{
	struct ticket *ticket = context;
	const struct dns_question *q = &ticket->question;

	dns_book_put(ticket->book, q->server, span_cstr(q->name), q->type, answer);
}

static void slot_end(struct slot *slot)
{
	for (size_t i = 0; slot->work.verdicts != NULL && i < slot->work.plan.count; i++)
		verdict_deinit(&slot->work.verdicts[i]);
	dns_book_free(&slot->work.book);
	arena_free(&slot->arena);
	*slot = (struct slot){ .used = false };
}

static enum err slot_start(struct run *run, struct slot *slot)
{
	enum err e;

	*slot = (struct slot){ .used = true, .index = run->next++ };
	slot->arena = arena_new(ARENA_OCTETS_MAX);
	slot->work.book = dns_book_new();
	if (slot->arena == NULL || slot->work.book == NULL)
		return ERR_NOMEM;
	e = run->calls->plan(run->calls->context, slot->index, slot->arena, &slot->work.plan);
	if (e != ERR_OK)
		return e;
	slot->work.verdicts =
	    arena_array(slot->arena, slot->work.plan.count, sizeof *slot->work.verdicts);
	if (slot->work.verdicts == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < slot->work.plan.count; i++)
		verdict_init(&slot->work.verdicts[i]);
	return ERR_OK;
}

/* Judges all records with what is known. True: nothing is missing. */
static bool judge_all(struct slot *slot)
{
	bool pending = false;

	for (size_t i = 0; i < slot->work.plan.count; i++) {
		struct verdict *v = &slot->work.verdicts[i];

		verdict_deinit(v);
		verdict_init(v);
		dns_check(slot->work.book, &slot->work.plan.at[i], v);
		if (v->pending && slot->rounds >= ROUNDS_MAX) {
			v->pending = false;
			verdict_say(v, RECORD_UNKNOWN, "the look-ups do not end");
		}
		pending = pending || v->pending;
	}
	slot->rounds++;
	return !pending;
}

static enum err ask_all(struct run *run, struct slot *slot)
{
	struct dns_question q;

	while (dns_book_next(slot->work.book, &q)) {
		struct ticket *ticket =
		    arena_alloc(dns_book_arena(slot->work.book), sizeof *ticket);
		enum err e;

		if (ticket == NULL)
			return ERR_NOMEM;
		*ticket = (struct ticket){ slot->work.book, q };
		e = dns_ask(run->dns, q.server, q.name, q.type, on_answer, ticket);
		if (e == ERR_TOOBIG)
			on_answer(ticket, &(struct dns_answer){ .status = DNS_NO_NAME });
		else if (e != ERR_OK)
			return e;
	}
	return ERR_OK;
}

/* A slot whose answers are all there moves on. */
static enum err advance(struct run *run, struct slot *slot)
{
	enum err e = ERR_OK;

	if (dns_book_waits(slot->work.book))
		return ERR_OK;
	if (!judge_all(slot))
		return ask_all(run, slot);
	/* A judge may have asked more than it needed in the end. */
	e = ask_all(run, slot);
	if (e != ERR_OK || dns_book_waits(slot->work.book))
		return e;
	e = run->calls->done(run->calls->context, slot->index, &slot->work);
	slot_end(slot);
	run->done++;
	return e;
}

enum err dns_work_run(struct dns *dns, size_t count, const struct dns_work_calls *calls)
{
	struct run run = { .dns = dns, .calls = calls, .count = count };
	enum err e = ERR_OK;

	while (e == ERR_OK && run.done < count) {
		for (size_t i = 0; e == ERR_OK && i < DNS_WORK_DOMAINS; i++) {
			struct slot *slot = &run.slots[i];

			if (!slot->used && run.next < count)
				e = slot_start(&run, slot);
			if (e == ERR_OK && slot->used)
				e = advance(&run, slot);
		}
		calls->tick(calls->context, run.done, count);
		if (e == ERR_OK && dns_pending(dns) > 0)
			dns_run(dns, WAIT_MS);
	}
	/* After an error questions may be on the wire that point into books: no answer of theirs
	 * may come any more. */
	while (e != ERR_OK && dns_pending(dns) > 0)
		dns_run(dns, WAIT_MS);
	for (size_t i = 0; i < DNS_WORK_DOMAINS; i++)
		if (run.slots[i].used)
			slot_end(&run.slots[i]);
	return e;
}
