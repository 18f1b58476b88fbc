/* routing - map name and key to an answer. Pure, but for the reading of keys at init. */
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "net.h"
#include "routing.h"

/* ---- life ---- */

static void read_keys(struct routing *r, const struct provider *p)
{
	char error[512];

	if (senders_init(&r->senders, r->snapshot, error, sizeof error) == ERR_OK)
		return;
	if (p->postfix.split[0] != '\0')
		log_text(LOG_LEVEL_WARNING,
		    "postfix.split is off: %s; a message with content of its own for each "
		    "recipient gets 452 from the second recipient on",
		    error);
	if (p->source_count > 0)
		log_text(LOG_LEVEL_WARNING, "sources: %s; mail with a source waits", error);
}

static void use_split(struct routing *r, const struct provider *p)
{
	struct net_address address;
	char name[128], error[512];

	(void)snprintf(name, sizeof name, "inet:%s", p->postfix.split);
	if (net_parse(span_cstr(name), "/", &address, error, sizeof error) != ERR_OK)
		return; /* the configuration's check knows better */
	(void)snprintf(r->split, sizeof r->split, "penguin-split:[%s]:%u", address.host,
	    (unsigned)address.port);
}

void routing_init(struct routing *r, const struct snapshot *snapshot, bool *paused)
{
	const struct provider *p = snapshot_provider(snapshot);

	*r = (struct routing){ .snapshot = snapshot_ref(snapshot), .paused = paused };
	if (p->postfix.split[0] != '\0' || p->source_count > 0)
		read_keys(r, p);
	r->senders.snapshot = r->snapshot;
	if (p->postfix.split[0] != '\0' && r->senders.ring != NULL)
		use_split(r, p);
}

void routing_deinit(struct routing *r)
{
	senders_deinit(&r->senders);
	free(r->paused);
	r->paused = NULL;
	snapshot_unref(&r->snapshot);
}

const char *routing_split_way(const struct routing *r)
{
	return r->split;
}

/* ---- sdt ---- */

bool routing_way(const struct source *source, char out[ROUTING_WAY_MAX])
{
	int n = snprintf(out, ROUTING_WAY_MAX, "%s%s:%s", SOURCE_TRANSPORT, source->name,
	    source->relay != NULL ? source->relay : "");

	return n > 0 && n < ROUTING_WAY_MAX;
}

/* Mail keeps its source: of one that cannot be used it waits in the queue (transport(5), retry). */
static void answer_source(const struct routing *r, uint32_t id, struct buf *out)
{
	const struct source *source = snapshot_find_source_id(r->snapshot, id);
	char way[ROUTING_WAY_MAX];

	if (source == NULL)
		buf_add_cstr(out, "OK retry:4.7.1 its source is not configured");
	else if (r->paused != NULL &&
		 r->paused[source - snapshot_provider(r->snapshot)->sources])
		buf_printf(out, "OK retry:4.7.1 source %s is paused", source->name);
	else if (routing_way(source, way))
		buf_printf(out, "OK %s", way);
	else
		buf_add_cstr(out, "TEMP its source's way is too long");
}

/* The keys could not be read, or there is no memory for one. */
static void answer_unknown(const struct routing *r, struct buf *out)
{
	if (r->senders.ring != NULL)
		buf_add_cstr(out, "TEMP out of memory");
	else if (snapshot_provider(r->snapshot)->source_count > 0)
		buf_add_cstr(out, "OK retry:4.3.0 keys of return paths cannot be read");
	else
		buf_add_cstr(out, "NOTFOUND ");
}

static void answer_sender(struct routing *r, struct span sender, struct buf *out)
{
	struct token_return token;
	size_t tenant;
	enum sender_kind kind = senders_open(&r->senders, sender, &tenant, &token);

	if (kind == SENDER_UNKNOWN)
		answer_unknown(r, out);
	else if (kind == SENDER_FOREIGN)
		buf_add_cstr(out, "NOTFOUND ");
	else if ((token.flags & TOKEN_SPLIT) != 0 && r->split[0] != '\0')
		buf_printf(out, "OK %s", r->split);
	else if ((token.flags & TOKEN_SPLIT) == 0 && token.source != 0)
		answer_source(r, token.source, out);
	else
		buf_add_cstr(out, "NOTFOUND ");
}

static void answer_recipient(
    struct routing *r UNUSED, struct span recipient UNUSED, struct buf *out)
{
	buf_add_cstr(out, "NOTFOUND ");
}

/* ---- maps ---- */

static const struct map {
	struct span name;
	void (*answer)(struct routing *r, struct span key, struct buf *out);
} maps[] = {
	{ { "sdt", 3 }, answer_sender },
	{ { "tr", 2 }, answer_recipient },
};

void routing_answer(struct routing *r, struct span request, struct buf *out)
{
	size_t blank = span_find(request, ' ', 0);

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (blank < request.n && span_eq(span_head(request, blank), maps[i].name)) {
			maps[i].answer(r, span_from(request, blank + 1), out);
			return;
		}
	}
	buf_add_cstr(out, "PERM the maps here are sdt and tr");
}
