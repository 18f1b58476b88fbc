/* routing - map name and key to an answer. Pure, but for the reading of keys at init. */
#include <stdio.h>
#include <stdlib.h>

#include "log.h"
#include "net.h"
#include "places.h"
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

static void read_providers(struct routing *r, const struct provider *p)
{
	char error[512];

	if (providers_read(p->providers, &r->providers, error, sizeof error) != ERR_OK)
		log_text(LOG_LEVEL_WARNING, "%s; queued mail is paused by domains only", error);
}

void routing_init(
    struct routing *r, const struct snapshot *snapshot, bool *paused, struct brakes *brakes)
{
	const struct provider *p = snapshot_provider(snapshot);

	*r = (struct routing){
		.snapshot = snapshot_ref(snapshot), .paused = paused, .brakes = brakes
	};
	if (brakes != NULL)
		read_providers(r, p);
	if (p->postfix.split[0] != '\0' || p->source_count > 0 || p->postfix.returns[0] != '\0')
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
	brakes_close(&r->brakes);
	providers_free(&r->providers);
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

/* The first brake that holds mail of memory's to that place. */
static const struct brake *find_brake(const struct routing *r,
    const struct routing_memory *memory, struct span place, int64_t now_s)
{
	const struct {
		enum brake_scope scope;
		const char *name;
	} whose[] = { { BRAKE_TENANT, memory->tenant }, { BRAKE_STREAM, memory->stream },
		{ BRAKE_DOMAIN, memory->domain }, { BRAKE_SOURCE, memory->source } };
	const struct brake *b = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(whose) && b == NULL; i++)
		b = brakes_find(
		    r->brakes, whose[i].scope, span_cstr(whose[i].name), place, now_s);
	return b;
}

static void put_brake(const struct brake *b, struct buf *out)
{
	char until[ZONE_TEXT_MAX];

	zone_format(zone_utc(), b->until_s, until);
	buf_printf(out, "OK retry:4.7.1 %s %s is paused%s%s until %s (%s)",
	    brake_scope_text(b->scope), b->name, b->place[0] != '\0' ? " to " : "", b->place,
	    until, b->rule);
}

/* What the recipient's question, which comes next, will be about. */
static void remember(const struct routing *r, size_t tenant, const struct token_return *token,
    struct span sender, int64_t now_s, struct routing_memory *memory)
{
	const struct tenant *t = snapshot_tenant(r->snapshot, tenant);
	const struct source *source = snapshot_find_source_id(r->snapshot, token->source);
	const struct tenant_domain *domain = senders_domain(t, sender);

	*memory = (struct routing_memory){ .asked_s = now_s };
	(void)snprintf(memory->tenant, sizeof memory->tenant, "%s", t->name);
	(void)snprintf(memory->stream, sizeof memory->stream, "%s/%s", t->name,
	    senders_stream(t, token->stream)->name);
	(void)snprintf(
	    memory->source, sizeof memory->source, "%s", source != NULL ? source->name : "");
	(void)snprintf(
	    memory->domain, sizeof memory->domain, "%s", domain != NULL ? domain->name : "");
}

static void answer_sender(struct routing *r, struct span sender, struct routing_memory *memory,
    int64_t now_s, struct buf *out)
{
	struct token_return token;
	const struct brake *brake = NULL;
	size_t tenant;
	enum sender_kind kind = senders_open(&r->senders, sender, &tenant, &token);

	memory->asked_s = 0;
	if (kind == SENDER_OURS && r->brakes != NULL && (token.flags & TOKEN_SPLIT) == 0) {
		remember(r, tenant, &token, sender, now_s, memory);
		brake = find_brake(r, memory, SPAN(""), now_s);
	}
	if (kind == SENDER_UNKNOWN)
		answer_unknown(r, out);
	else if (kind == SENDER_FOREIGN)
		buf_add_cstr(out, "NOTFOUND ");
	else if (brake != NULL)
		put_brake(brake, out);
	else if ((token.flags & TOKEN_SPLIT) != 0 && r->split[0] != '\0')
		buf_printf(out, "OK %s", r->split);
	else if ((token.flags & TOKEN_SPLIT) == 0 && token.source != 0)
		answer_source(r, token.source, out);
	else
		buf_add_cstr(out, "NOTFOUND ");
}

static void answer_recipient(struct routing *r, struct span recipient,
    struct routing_memory *memory, int64_t now_s, struct buf *out)
{
	const struct brake *brake = NULL;
	char space[DOMAIN_MAX];

	/* Whether it is genuine was asked when it came in, and is asked again when it is read. */
	if (snapshot_provider(r->snapshot)->postfix.returns[0] != '\0' &&
	    senders_is_path(&r->senders, recipient)) {
		buf_add_cstr(out, "OK " RETURNS_TRANSPORT ":");
		return;
	}
	if (r->brakes != NULL && memory->asked_s != 0 &&
	    now_s - memory->asked_s <= ROUTING_MEMORY_S) {
		struct span place = place_of(r->providers, recipient, space);

		brake = place.n > 0 ? find_brake(r, memory, place, now_s) : NULL;
	}
	if (brake != NULL)
		put_brake(brake, out);
	else
		buf_add_cstr(out, "NOTFOUND ");
}

/* ---- maps ---- */

static const struct map {
	struct span name;
	void (*answer)(struct routing *r, struct span key, struct routing_memory *memory,
	    int64_t now_s, struct buf *out);
} maps[] = {
	{ { "sdt", 3 }, answer_sender },
	{ { "tr", 2 }, answer_recipient },
};

void routing_answer(struct routing *r, struct span request, struct routing_memory *memory,
    int64_t now_s, struct buf *out)
{
	size_t blank = span_find(request, ' ', 0);

	for (size_t i = 0; i < ARRAY_SIZE(maps); i++) {
		if (blank < request.n && span_eq(span_head(request, blank), maps[i].name)) {
			maps[i].answer(r, span_from(request, blank + 1), memory, now_s, out);
			return;
		}
	}
	buf_add_cstr(out, "PERM the maps here are sdt and tr");
}
