/* edition - what one reading of the configuration gives. Knows no HTTP. */
#include <stdio.h>
#include <stdlib.h>

#include "edition.h"

static const enum token_purpose purposes[EDITION_PURPOSES] = { TOKEN_CLICK, TOKEN_OPEN,
	TOKEN_UNSUBSCRIBE };

enum err edition_new(
    struct snapshot *snapshot, struct edition **edition_r, char *error, size_t size)
{
	const struct provider *p = snapshot_provider(snapshot);
	struct edition *g = calloc(1, sizeof *g);
	enum err e = ERR_OK;

	*edition_r = NULL;
	if (g == NULL) {
		snprintf(error, size, "%s", err_text(ERR_NOMEM));
		snapshot_unref(&snapshot);
		return ERR_NOMEM;
	}
	atomic_init(&g->references, 1);
	g->snapshot = snapshot;
	for (size_t i = 0; e == ERR_OK && i < EDITION_PURPOSES; i++)
		e = token_ring_read(p->tokens.keys, purposes[i], &g->rings[i], error, size);
	if (e == ERR_OK)
		e = phrases_read(p->web.texts, &web_texts, &g->texts, error, size);
	if (e != ERR_OK)
		edition_unref(&g);
	*edition_r = g;
	return e;
}

struct edition *edition_ref(struct edition *g)
{
	atomic_fetch_add(&g->references, 1);
	return g;
}

void edition_unref(struct edition **edition)
{
	struct edition *g = *edition;

	*edition = NULL;
	if (g == NULL || atomic_fetch_sub(&g->references, 1) != 1)
		return;
	for (size_t i = 0; i < EDITION_KEYS; i++)
		token_key_free(&g->keys[i].key);
	for (size_t i = 0; i < EDITION_PURPOSES; i++)
		token_ring_free(&g->rings[i]);
	phrases_free(&g->texts);
	snapshot_unref(&g->snapshot);
	free(g);
}

struct token_key *edition_key(struct edition *g, enum token_purpose purpose, size_t tenant)
{
	size_t slot = (tenant * EDITION_PURPOSES + (size_t)purpose) % EDITION_KEYS;

	if (g->keys[slot].key != NULL && g->keys[slot].tenant == tenant &&
	    g->keys[slot].purpose == purpose)
		return g->keys[slot].key;
	token_key_free(&g->keys[slot].key);
	for (size_t i = 0; i < EDITION_PURPOSES; i++)
		if (purposes[i] == purpose)
			g->keys[slot].key = token_key_new(
			    g->rings[i], span_cstr(snapshot_tenant(g->snapshot, tenant)->name));
	g->keys[slot].tenant = tenant;
	g->keys[slot].purpose = purpose;
	return g->keys[slot].key;
}
