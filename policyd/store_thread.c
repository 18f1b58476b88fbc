/* store_thread - the thread that owns every write: batches first, jobs between them. */
#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "log.h"
#include "store_engine.h"

static enum err write_puts(struct store *s, struct kv_txn *txn, const struct batch *b)
{
	enum err e = ERR_OK;

	for (size_t i = 0; i < b->put_count && e == ERR_OK; i++) {
		const struct put *p = &b->puts[i];
		struct span key = span_make((const char *)p->key, p->key_octets);

		if (p->remove) {
			e = kv_delete(txn, p->database, key);
			if (e == ERR_NOTFOUND)
				e = ERR_OK;
		} else {
			e = kv_put(txn, p->database, key,
			    span_make(b->values.p + p->value_at, p->value_octets));
		}
	}
	if (e == ERR_OK && b->checkpoint != 0)
		e = store_put_checkpoint(txn, &s->databases, b->checkpoint);
	return e;
}

static enum err commit_once(struct store *s, const struct batch *b)
{
	struct kv_txn *txn = NULL;
	uint8_t slot[4];
	enum err e = b->broken ? ERR_NOMEM : kv_begin(s->kv, true, &txn);

	if (e != ERR_OK)
		return e;
	store_journal_key(b->seq, slot);
	e = kv_put(txn, s->databases.journal, span_make((const char *)slot, sizeof slot),
	    buf_span(&b->record));
	if (e == ERR_OK)
		e = write_puts(s, txn, b);
	if (e == ERR_OK)
		return kv_commit(&txn);
	kv_abort(&txn);
	return e;
}

static enum err commit(struct store *s, const struct batch *b)
{
	enum err e = commit_once(s, b);

	while (e == ERR_FULL && kv_grow(s->kv) == ERR_OK)
		e = commit_once(s, b);
	return e;
}

static void wake(struct store *s)
{
	uint64_t one = 1;

	/* The counter cannot overflow: the loop reads it. */
	if (write(s->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: write failed");
}

static void thread_commit(struct store *s, struct batch *b)
{
	int64_t start = clock_mono_ns(), took;
	enum err e = commit(s, b);

	took = (clock_mono_ns() - start) / 1000;
	b->failed = e != ERR_OK;
	if (b->failed)
		log_text(LOG_LEVEL_ERROR,
		    "store: commit failed: %s; mail of tenants is deferred", err_text(e));
	pthread_mutex_lock(&s->lock);
	s->latencies_us[s->statistics.commits % LATENCIES] =
	    took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
	s->statistics.commits++;
	s->statistics.failures += b->failed;
	s->finished = b;
	s->todo = NULL;
	pthread_mutex_unlock(&s->lock);
}

struct job *job_take(struct job_list *l)
{
	struct job *j = l->first;

	if (j == NULL)
		return NULL;
	l->first = j->next;
	if (l->first == NULL)
		l->last = &l->first;
	j->next = NULL;
	return j;
}

void job_append(struct job_list *l, struct job *j)
{
	j->next = NULL;
	*l->last = j;
	l->last = &j->next;
}

void *engine_thread(void *argument)
{
	struct store *s = argument;
	struct job *j;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		if (s->todo != NULL) {
			struct batch *b = s->todo;

			pthread_mutex_unlock(&s->lock);
			thread_commit(s, b);
			wake(s);
			pthread_mutex_lock(&s->lock);
		} else if ((j = job_take(&s->jobs)) != NULL) {
			pthread_mutex_unlock(&s->lock);
			j->run(s->kv, j->argument);
			pthread_mutex_lock(&s->lock);
			job_append(&s->jobs_finished, j);
			pthread_mutex_unlock(&s->lock);
			wake(s); /* unlocked: the loop must not wait for us */
			pthread_mutex_lock(&s->lock);
		} else if (s->stop) {
			break;
		} else {
			pthread_cond_wait(&s->work, &s->lock);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return NULL;
}
