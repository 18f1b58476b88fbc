/* shared - the configuration in force and its replacement. Knows no messages. */
#include <stdio.h>
#include <stdlib.h>

#include "footer.h"
#include "hash.h"
#include "net.h"
#include "shared.h"

static bool wants_footers(const struct snapshot *s)
{
	for (size_t i = 0; i < snapshot_tenant_count(s); i++)
		if (snapshot_tenant(s, i)->postal_address != NULL)
			return true;
	return false;
}

/* Takes the snapshot over in every case. */
static enum err generation_new(struct snapshot *snapshot, bool cached,
    struct generation **generation_r, char *error, size_t size)
{
	const struct provider *p = snapshot_provider(snapshot);
	struct generation *g = calloc(1, sizeof *g);
	struct net_address address;
	enum err e = ERR_NOMEM;

	*generation_r = NULL;
	if (g == NULL) {
		snprintf(error, size, "out of memory");
		snapshot_unref(&snapshot);
		return ERR_NOMEM;
	}
	atomic_init(&g->references, 1);
	g->snapshot = snapshot;
	e = net_parse(
	    span_cstr(p->policyd.control), p->postfix.queue_directory, &address, error, size);
	if (e != ERR_OK)
		goto out;
	for (int i = 0; i < TOKEN_PURPOSES; i++)
		if (token_ring_read(p->tokens.keys, (enum token_purpose)i, &g->rings[i],
			g->ring_errors[i], sizeof g->ring_errors[i]) != ERR_OK)
			g->rings[i] = NULL;
	if (wants_footers(snapshot))
		e = phrases_read(
		    p->milter.footer_texts, &footer_texts, &g->footer_texts, error, size);
	if (e != ERR_OK)
		goto out;
	g->signer = signer_new(p->milter.signature_ttl_s, cached);
	g->policy = policy_client_new(&address, p->milter.control_timeout_s);
	if (g->signer == NULL || g->policy == NULL) {
		snprintf(error, size, "out of memory");
		e = ERR_NOMEM;
	}
out:
	if (e != ERR_OK)
		generation_unref(&g);
	*generation_r = g;
	return e;
}

void generation_unref(struct generation **generation)
{
	struct generation *g = *generation;

	*generation = NULL;
	if (g == NULL || atomic_fetch_sub(&g->references, 1) != 1)
		return;
	for (size_t i = 0; i < TOKEN_PURPOSES; i++)
		token_ring_free(&g->rings[i]);
	phrases_free(&g->footer_texts);
	policy_client_free(&g->policy);
	signer_free(&g->signer);
	snapshot_unref(&g->snapshot);
	free(g);
}

enum err shared_init(struct shared *s, const char *config_file, struct snapshot *snapshot,
    uid_t user, gid_t group, char *error, size_t size)
{
	enum err e;

	*s = (struct shared){ .config_file = config_file };
	pthread_mutex_init(&s->lock, NULL);
	s->cached = signer_cache_works();
	e = generation_new(snapshot, s->cached, &s->current, error, size);
	if (e != ERR_OK)
		return e;
	s->keys = keys_new(user, group, !s->cached);
	if (s->keys != NULL)
		return ERR_OK;
	snprintf(error, size, "out of memory");
	return ERR_NOMEM;
}

void shared_deinit(struct shared *s)
{
	keys_free(&s->keys);
	generation_unref(&s->current);
	pthread_mutex_destroy(&s->lock);
}

struct generation *shared_generation(struct shared *s)
{
	struct generation *g;

	pthread_mutex_lock(&s->lock);
	g = s->current;
	atomic_fetch_add(&g->references, 1);
	pthread_mutex_unlock(&s->lock);
	return g;
}

enum err shared_reload(struct shared *s, struct config_report *report)
{
	struct generation *before = shared_generation(s), *after = NULL;
	struct snapshot *snapshot = NULL;
	char error[256];
	enum err e;

	e = snapshot_load(s->config_file, before->snapshot, report, &snapshot);
	if (e != ERR_OK)
		goto out;
	e = generation_new(snapshot, s->cached, &after, error, sizeof error);
	if (e != ERR_OK) {
		buf_printf(&report->text, "%s: error: %s\n", s->config_file, error);
		report->errors++;
		goto out;
	}
	pthread_mutex_lock(&s->lock);
	generation_unref(&before);
	before = s->current;
	s->current = after;
	pthread_mutex_unlock(&s->lock);
out:
	generation_unref(&before);
	return e;
}

bool shared_may_complain(struct shared *s, struct span about, int64_t now_ns)
{
	int64_t *last = &s->complained_ns[hash64(about, 1) % COMPLAINTS];
	bool may;

	pthread_mutex_lock(&s->lock);
	may = *last == 0 || now_ns - *last >= 60 * NS_PER_S;
	if (may)
		*last = now_ns;
	pthread_mutex_unlock(&s->lock);
	return may;
}
