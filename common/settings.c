/* settings - questions to a snapshot. Knows no file and no libconfig; how a snapshot comes
 * about is config_load.c. */
#include <stdlib.h>

#include "config.h"
#include "domain.h"

/* ---- life ---- */

void snapshot_free(struct snapshot *s)
{
	for (size_t i = 0; i < s->count; i++) {
		tenant_box_free(&s->tenants[i].box);
		provider_box_free(&s->tenants[i].plan_owner);
	}
	free(s->tenants);
	for (size_t i = 0; i < s->zone_count; i++)
		zone_box_free(&s->zones[i]);
	free(s->zones);
	index_free(&s->source_ids);
	index_free(&s->sources);
	index_free(&s->pools);
	index_free(&s->bounce_domains);
	index_free(&s->tracking_hosts);
	index_free(&s->networks);
	index_free(&s->domains);
	index_free(&s->wildcards);
	index_free(&s->logins);
	index_free(&s->names);
	index_free(&s->files);
	provider_box_free(&s->provider);
	free(s);
}

struct snapshot *snapshot_ref(const struct snapshot *s)
{
	/* Only the count of references changes in a snapshot; that is why const comes off. */
	struct snapshot *same = (struct snapshot *)s;

	atomic_fetch_add(&same->references, 1);
	return same;
}

void snapshot_unref(struct snapshot **s)
{
	if (*s != NULL && atomic_fetch_sub(&(*s)->references, 1) == 1)
		snapshot_free(*s);
	*s = NULL;
}

/* ---- contents ---- */

const struct provider *snapshot_provider(const struct snapshot *s)
{
	return &s->provider->provider;
}

uint64_t snapshot_generation(const struct snapshot *s)
{
	return s->generation;
}

size_t snapshot_tenant_count(const struct snapshot *s)
{
	return s->count;
}

const struct tenant *snapshot_tenant(const struct snapshot *s, size_t index)
{
	return index < s->count ? &s->tenants[index].box->tenant : NULL;
}

const struct plan *snapshot_plan(const struct snapshot *s, size_t tenant_index)
{
	return tenant_index < s->count ? s->tenants[tenant_index].plan : NULL;
}

/* ---- look-ups ---- */

static size_t owner(const struct index_entry *e)
{
	return e != NULL ? e->owner : TENANT_NONE;
}

size_t snapshot_find_tenant(const struct snapshot *s, struct span name)
{
	char lower[CONFIG_NAME_MAX + 1];

	if (!span_lower(name, lower, sizeof lower))
		return TENANT_NONE;
	return owner(index_find(&s->names, span_make(lower, name.n)));
}

/* What stands behind the last '@', or the empty span. */
static struct span login_domain(struct span login)
{
	size_t i = login.n;

	while (i > 0 && login.p[i - 1] != '@')
		i--;
	return i > 0 ? span_from(login, i) : span_make("", 0);
}

size_t snapshot_find_login(const struct snapshot *s, struct span login)
{
	const struct index_entry *e = index_find(&s->logins, login);
	struct span domain = login_domain(login);

	/* "*@domain" stands for one character or more in front. */
	if (e == NULL && domain.n > 0 && login.n > domain.n + 1)
		e = index_find(&s->wildcards, domain);
	return owner(e);
}

size_t snapshot_find_client(const struct snapshot *s, struct span address)
{
	struct network n = { .bits = 128 };
	const struct index_entry *e = NULL;

	if (s->networks.count == 0 || !network_parse_address(address, n.bytes))
		return TENANT_NONE;
	for (unsigned bits = 129; e == NULL && bits-- > 0;) {
		if (bits < 128)
			n.bytes[bits / 8] &= (uint8_t) ~(0x80 >> bits % 8);
		n.bits = (uint8_t)bits;
		if ((s->network_bits[bits / 64] >> bits % 64 & 1) != 0)
			e = index_find(&s->networks, span_make((const char *)&n, sizeof n));
	}
	return owner(e);
}

size_t snapshot_find_domain(
    const struct snapshot *s, struct span domain, const struct tenant_domain **domain_r)
{
	const struct tenant_domain *d = NULL;
	const struct index_entry *e;
	struct span name = domain;

	for (; name.n > 0; name = config_parent_domain(name)) {
		e = index_find(&s->domains, name);
		if (e == NULL)
			continue;
		d = &s->tenants[e->owner].box->tenant.domains[e->item];
		if (name.n == domain.n || d->subdomains) {
			if (domain_r != NULL)
				*domain_r = d;
			return e->owner;
		}
	}
	if (domain_r != NULL)
		*domain_r = NULL;
	return TENANT_NONE;
}

static size_t find_host(const struct snapshot *s, const struct index *hosts, struct span host,
    const struct tenant_domain **domain_r)
{
	const struct index_entry *e = index_find(hosts, host);

	if (domain_r != NULL)
		*domain_r =
		    e != NULL ? &s->tenants[e->owner].box->tenant.domains[e->item] : NULL;
	return owner(e);
}

size_t snapshot_find_tracking_host(
    const struct snapshot *s, struct span host, const struct tenant_domain **domain_r)
{
	return find_host(s, &s->tracking_hosts, host, domain_r);
}

size_t snapshot_find_bounce_domain(
    const struct snapshot *s, struct span domain, const struct tenant_domain **domain_r)
{
	return find_host(s, &s->bounce_domains, domain, domain_r);
}

const struct source *snapshot_find_source(const struct snapshot *s, struct span name)
{
	const struct index_entry *e = index_find(&s->sources, name);

	return e != NULL ? &snapshot_provider(s)->sources[e->owner] : NULL;
}

const struct source *snapshot_find_source_id(const struct snapshot *s, uint32_t id)
{
	const struct index_entry *e =
	    index_find(&s->source_ids, span_make((const char *)&id, sizeof id));

	return e != NULL ? &snapshot_provider(s)->sources[e->owner] : NULL;
}

const char *tenant_warmup(const struct tenant *t, const char *domain)
{
	for (size_t i = 0; i < t->stream_count; i++) {
		const struct stream *s = &t->streams[i];
		bool may = s->domains == NULL;

		for (size_t k = 0; s->domains != NULL && s->domains[k] != NULL; k++)
			may = may || strcmp(s->domains[k], domain) == 0;
		if (s->warmup != NULL && may)
			return s->warmup;
	}
	return NULL;
}

const struct pool *snapshot_find_pool(const struct snapshot *s, struct span name)
{
	const struct index_entry *e = index_find(&s->pools, name);

	return e != NULL ? &snapshot_provider(s)->pools[e->owner] : NULL;
}

static bool rule_fits(
    const struct pool_rule *rule, const struct tenant *tenant, const struct stream *stream)
{
	bool bulk = stream->class == CLASS_BULK;

	if (rule->class != POOL_CLASS_ANY && bulk != (rule->class == POOL_CLASS_BULK))
		return false;
	return rule->region == NULL ||
	       (tenant->region != NULL && strcmp(rule->region, tenant->region) == 0);
}

bool snapshot_stream_pool(const struct snapshot *s, const struct tenant *tenant,
    const struct stream *stream, const struct pool **pool_r)
{
	const struct provider *p = snapshot_provider(s);

	*pool_r = NULL;
	if (stream->pool != NULL) {
		*pool_r = snapshot_find_pool(s, span_cstr(stream->pool));
		return *pool_r != NULL && pool_foreign_mailbox(*pool_r, tenant) == NULL;
	}
	for (size_t i = 0; i < p->pool_rule_count && *pool_r == NULL; i++)
		if (rule_fits(&p->pool_rules[i], tenant, stream))
			*pool_r = p->pool_rules[i].pool;
	return true;
}

/* ---- one tenant ---- */

static bool has_text(const char *const *list, struct span text)
{
	for (; list != NULL && *list != NULL; list++)
		if (span_eq(span_cstr(*list), text))
			return true;
	return false;
}

static bool has_wildcard(const char *const *list, struct span domain)
{
	for (; list != NULL && *list != NULL; list++)
		if ((*list)[0] == '*' && span_eq(span_cstr(*list + 2), domain))
			return true;
	return false;
}

static bool by_login(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	(void)context;
	(void)port;
	return login.n > 0 && login.p[0] != '*' && has_text(s->logins, login);
}

static bool by_wildcard(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	struct span domain = login_domain(login);

	(void)context;
	(void)port;
	return domain.n > 0 && login.n > domain.n + 1 && has_wildcard(s->logins, domain);
}

static bool by_context(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	(void)login;
	(void)port;
	return context.n > 0 && has_text(s->contexts, context);
}

static bool by_port(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	(void)login;
	(void)context;
	for (const uint16_t *p = s->ports; port != 0 && p != NULL && *p != 0; p++)
		if (*p == port)
			return true;
	return false;
}

static bool by_nothing(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	(void)login;
	(void)context;
	(void)port;
	return s->logins == NULL && s->contexts == NULL && s->ports == NULL;
}

static bool by_class(
    const struct stream *s, struct span login, struct span context, uint16_t port)
{
	(void)login;
	(void)context;
	(void)port;
	return s->class == CLASS_BULK;
}

const struct stream *tenant_stream(
    const struct tenant *t, struct span login, struct span context, uint16_t port)
{
	typedef bool chooses(const struct stream *, struct span, struct span, uint16_t);
	static chooses *const order[] = { by_login, by_wildcard, by_context, by_port,
		by_nothing, by_class };

	for (size_t i = 0; i < ARRAY_SIZE(order); i++)
		for (size_t k = 0; k < t->stream_count; k++)
			if (order[i](&t->streams[k], login, context, port))
				return &t->streams[k];
	return &t->streams[0];
}

const struct tenant_domain *tenant_find_domain(const struct tenant *t, struct span domain)
{
	const struct tenant_domain *best = NULL;
	size_t length = 0;

	for (size_t i = 0; i < t->domain_count; i++) {
		const struct tenant_domain *d = &t->domains[i];
		struct span name = span_cstr(d->name);

		if (name.n > length && (span_eq(name, domain) ||
					   (d->subdomains && domain_is_within(domain, name)))) {
			best = d;
			length = name.n;
		}
	}
	return best;
}

static bool has_tracking_host(const struct tenant *t)
{
	for (size_t i = 0; i < t->domain_count; i++)
		if (t->domains[i].tracking_host != NULL)
			return true;
	return false;
}

bool stream_is_individual(const struct tenant *t, const struct stream *stream)
{
	bool unsubscribe =
	    stream->class == CLASS_BULK && stream->unsubscribe == UNSUBSCRIBE_ADD;

	return has_tracking_host(t) &&
	       (unsubscribe || stream->tracking == TRACKING_INDIVIDUAL ||
		   stream->opens == TRACKING_INDIVIDUAL);
}

bool tenant_has_bounce_domain(const struct tenant *t)
{
	for (size_t i = 0; i < t->domain_count; i++)
		if (t->domains[i].bounce_domain != NULL)
			return true;
	return false;
}

enum tenant_state tenant_effective_state(
    const struct tenant *t, enum tenant_state override, int64_t past_due_grace_s, int64_t now_s)
{
	enum tenant_state state = override > t->state ? override : t->state;
	bool grace_over = t->state == TENANT_PAST_DUE &&
			  (t->past_due_since_s > INT64_MAX - past_due_grace_s
				  ? false
				  : now_s >= t->past_due_since_s + past_due_grace_s);
	bool expired = t->expires_s != 0 && now_s >= t->expires_s;

	if ((grace_over || expired) && state < TENANT_SUSPENDED)
		state = TENANT_SUSPENDED;
	return state;
}

/* ---- words ---- */

const char *tenant_state_text(enum tenant_state s)
{
	static const char *const words[] = { "active", "past_due", "suspended", "closed" };

	return (unsigned)s < ARRAY_SIZE(words) ? words[s] : "unknown";
}

const char *stream_class_text(enum stream_class c)
{
	return c == CLASS_TRANSACTIONAL ? "transactional" : "bulk";
}

const char *pool_strategy_text(enum pool_strategy s)
{
	static const char *const words[] = { "round-robin", "weighted", "random", "sticky" };

	return (unsigned)s < ARRAY_SIZE(words) ? words[s] : "unknown";
}

const char *limit_unit_text(enum limit_unit u)
{
	static const char *const words[] = { "recipients", "messages", "bytes" };

	return (unsigned)u < ARRAY_SIZE(words) ? words[u] : "unknown";
}
