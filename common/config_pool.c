/* config_pool - rules of sources, pools and what chooses among pools. Knows no libconfig. */
#include <arpa/inet.h>
#include <stdio.h>

#include "addr.h"
#include "config_check.h"
#include "domain.h"
#include "hash.h"
#include "quantity.h"

#define MAILBOX_LIMIT "50/day"

/* Ids leave the process in return paths: the seed is part of their format. */
#define SOURCE_SEED UINT64_C(0x70656e6775696e33)

uint32_t source_id_of(struct span name)
{
	uint32_t id = (uint32_t)hash64(name, SOURCE_SEED);

	return id != 0 ? id : 1; /* 0: none was chosen */
}

/* ---- values ---- */

const char *check_address4(struct span value)
{
	char text[INET_ADDRSTRLEN];
	struct in_addr a;

	if (span_copy(value, text, sizeof text) && inet_pton(AF_INET, text, &a) == 1 &&
	    a.s_addr != 0 && ntohl(a.s_addr) < 0xe0000000)
		return NULL;
	return "expected an IPv4 address of this host, as in \"192.0.2.1\"";
}

const char *check_address6(struct span value)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr a;

	if (span_copy(value, text, sizeof text) && inet_pton(AF_INET6, text, &a) == 1 &&
	    !IN6_IS_ADDR_UNSPECIFIED(&a) && !IN6_IS_ADDR_MULTICAST(&a) &&
	    !IN6_IS_ADDR_V4MAPPED(&a))
		return NULL;
	return "expected an IPv6 address of this host, as in \"2001:db8::1\"";
}

/* What may stand in Postfix's files without being taken for something else. */
static bool has_only(struct span value, const char *marks)
{
	for (size_t i = 0; i < value.n; i++)
		if (!ascii_alpha(value.p[i]) && !ascii_digit(value.p[i]) &&
		    strchr(marks, value.p[i]) == NULL)
			return false;
	return value.n > 0;
}

const char *check_relay(struct span value)
{
	return value.n <= 270 && has_only(value, ".-:[]")
		   ? NULL
		   : "expected a next hop of Postfix, as in \"[smtp.example.net]:587\"";
}

const char *check_table(struct span value)
{
	return value.n <= 512 && has_only(value, "._-:/+") && span_find(value, ':', 0) < value.n
		   ? NULL
		   : "expected a table of Postfix, as in \"hash:/etc/postfix/passwords\"";
}

const char *check_mailbox(struct span value)
{
	struct addr a;

	return addr_split(value, &a) == ERR_OK && check_domain(a.domain) == NULL
		   ? NULL
		   : "is not a mail address";
}

/* "1", "0.5", "9.99" to hundredths. */
static bool parse_weight(struct span text, unsigned *weight_r)
{
	unsigned fraction = 0, place = POOL_WEIGHT_UNIT / 10;

	if (text.n == 0 || !ascii_digit(text.p[0]) || text.n == 2 || text.n > 4 ||
	    (text.n > 1 && text.p[1] != '.'))
		return false;
	for (size_t i = 2; i < text.n; i++, place /= 10) {
		if (!ascii_digit(text.p[i]))
			return false;
		fraction += (unsigned)(text.p[i] - '0') * place;
	}
	*weight_r = (unsigned)(text.p[0] - '0') * POOL_WEIGHT_UNIT + fraction;
	return true;
}

const char *check_weight(struct span value)
{
	unsigned weight;

	return parse_weight(value, &weight) ? NULL : "expected \"0\" to \"9.99\"";
}

/* ---- sources ---- */

void finish_source(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	char canonical[DOMAIN_MAX];
	struct source *s = object;
	unsigned line = config_line(group, "name", 0);

	if (s->name == NULL)
		return; /* said already */
	s->id = source_id_of(span_cstr(s->name));
	if (s->helo != NULL && domain_canonical(span_cstr(s->helo), canonical) == ERR_OK)
		s->helo = arena_dup(r->arena, span_cstr(canonical));
	if (s->address4 == NULL && s->address6 == NULL && s->relay == NULL)
		config_error(
		    r, line, "source \"%s\" has neither an address nor a relay", s->name);
	else if (s->helo == NULL && (s->address4 != NULL || s->address6 != NULL))
		config_error(r, line, "source \"%s\" has an address but no \"helo\"", s->name);
	if (s->password_maps != NULL && s->relay == NULL)
		config_error(r, line, "source \"%s\" has password_maps but no relay", s->name);
}

/* Text, or the octets of an address or id: true and an error when it was there before. */
static bool is_again(
    struct config_reader *r, struct index *seen, struct span key, size_t item, size_t *first_r)
{
	const struct index_entry *e = index_find(seen, key);

	if (e != NULL) {
		*first_r = e->owner;
		return true;
	}
	if (!index_add(seen, key, (uint32_t)item, 0))
		config_error(r, 0, "out of memory");
	return false;
}

/* Addresses are compared as octets: "2001:db8::1" has many spellings. */
static bool address_again(struct config_reader *r, struct index *seen, struct arena *arena,
    const char *text, size_t item, size_t *first_r)
{
	uint8_t *octets = text != NULL ? arena_alloc(arena, 16) : NULL;

	if (octets == NULL || !network_parse_address(span_cstr(text), octets))
		return false;
	return is_again(r, seen, span_make((const char *)octets, 16), item, first_r);
}

static void check_sources(
    struct config_reader *r, const struct config_setting_t *root, const struct provider *p)
{
	struct index names, ids, addresses;
	size_t first;

	index_init(&names, 0);
	index_init(&ids, 0);
	index_init(&addresses, 0);
	for (size_t i = 0; i < p->source_count; i++) {
		const struct source *s = &p->sources[i];
		unsigned line = config_line(root, "sources", i);

		if (s->name == NULL)
			continue;
		if (is_again(r, &names, span_cstr(s->name), i, &first))
			config_error(r, line, "source \"%s\" appears twice", s->name);
		else if (is_again(
			     r, &ids, span_make((const char *)&s->id, sizeof s->id), i, &first))
			config_error(r, line,
			    "return paths cannot tell source \"%s\" from \"%s\"; give it "
			    "another name",
			    s->name, p->sources[first].name);
		if (address_again(r, &addresses, r->arena, s->address4, i, &first) ||
		    address_again(r, &addresses, r->arena, s->address6, i, &first))
			config_error(r, line, "source \"%s\" has an address of source \"%s\"",
			    s->name, p->sources[first].name);
	}
	index_free(&addresses);
	index_free(&ids);
	index_free(&names);
}

/* ---- pools ---- */

static const struct limits *mailbox_limits(void)
{
	static const struct limit limit = { .text = MAILBOX_LIMIT,
		.unit = LIMIT_RECIPIENTS,
		.amount = 50,
		.window = WINDOW_DAY };
	static const struct limits limits = { &limit, 1 };

	return &limits;
}

/* The tenant's billing cycle is nothing that a source has. */
static void check_windows(
    struct config_reader *r, unsigned line, const char *key, const struct limits *limits)
{
	for (size_t i = 0; i < limits->count; i++)
		if (limits->at[i].window == WINDOW_CYCLE)
			config_error(r, line, "%s: \"%s\": expected an hour, day or month", key,
			    limits->at[i].text);
}

static void settle_member(const struct pool *pool, struct pool_member *m)
{
	bool mailbox = m->source->mailbox != NULL;

	m->weight = POOL_WEIGHT_UNIT;
	if (m->weight_text != NULL)
		(void)parse_weight(span_cstr(m->weight_text), &m->weight);
	if (m->limits.count == 0)
		m->limits = pool->limits;
	if (m->limits.count == 0 && mailbox)
		m->limits = *mailbox_limits();
	if (m->gap_s == 0)
		m->gap_s = pool->gap_s;
	if (m->gap_s == 0 && mailbox)
		m->gap_s = POOL_MAILBOX_GAP_S;
}

/* One array out of the two ways to write members. */
static bool gather(struct config_reader *r, struct pool *pool)
{
	size_t count = pool->list_count;

	if (pool->list == NULL)
		for (count = 0; pool->sources != NULL && pool->sources[count] != NULL;)
			count++;
	pool->members = arena_array(r->arena, count, sizeof *pool->members);
	if (pool->members == NULL) {
		config_error(r, 0, "out of memory");
		return false;
	}
	for (size_t i = 0; i < count; i++)
		if (pool->list != NULL)
			pool->members[i] = pool->list[i];
		else
			pool->members[i].source_name = pool->sources[i];
	pool->member_count = count;
	return true;
}

static void finish_members(struct config_reader *r, const struct config_setting_t *group,
    const struct index *sources, const struct provider *p, struct pool *pool)
{
	const char *key = pool->list != NULL ? "members" : "sources";
	struct index seen;
	bool on = false;
	size_t first;

	index_init(&seen, 0);
	for (size_t i = 0; i < pool->member_count; i++) {
		struct pool_member *m = &pool->members[i];
		struct span name = span_cstr(m->source_name);
		unsigned line = config_line(group, key, i);
		const struct index_entry *e = index_find(sources, name);

		if (m->source_name == NULL)
			continue;
		if (is_again(r, &seen, name, i, &first))
			config_error(r, line, "pool \"%s\" has source \"%s\" twice", pool->name,
			    m->source_name);
		if (e == NULL) {
			config_error(
			    r, line, "%s: there is no source \"%s\"", key, m->source_name);
			continue;
		}
		check_windows(r, line, "limit", &m->limits);
		m->source = &p->sources[e->owner];
		settle_member(pool, m);
		on = on || m->weight > 0;
	}
	index_free(&seen);
	if (!on && pool->member_count > 0 && r->errors == 0)
		config_warning(r, config_line(group, "name", 0),
		    "pool \"%s\": every member has weight 0; its mail waits", pool->name);
}

static void finish_pool(struct config_reader *r, const struct config_setting_t *group,
    const struct index *sources, const struct provider *p, struct pool *pool)
{
	unsigned line = config_line(group, "name", 0);

	if (pool->name == NULL)
		return;
	if (pool->sources != NULL && pool->list != NULL)
		config_error(r, line, "pool \"%s\" has both sources and members", pool->name);
	if (!gather(r, pool))
		return;
	if (pool->member_count == 0)
		config_error(r, line, "pool \"%s\" has no sources", pool->name);
	if (pool->member_count > POOL_MEMBERS_MAX)
		config_error(
		    r, line, "pool \"%s\" has over %u sources", pool->name, POOL_MEMBERS_MAX);
	check_windows(r, config_line(group, "limit", 0), "limit", &pool->limits);
	check_windows(r, config_line(group, "capacity", 0), "capacity", &pool->capacity);
	finish_members(r, group, sources, p, pool);
}

static void finish_rules(struct config_reader *r, const struct config_setting_t *root,
    const struct index *pools, struct provider *p)
{
	for (size_t i = 0; i < p->pool_rule_count; i++) {
		struct pool_rule *rule = &p->pool_rules[i];
		const struct config_setting_t *group = config_group(root, "pool_rules", i);
		const struct index_entry *e = index_find(pools, span_cstr(rule->pool_name));

		if (rule->pool_name == NULL)
			continue;
		if (e != NULL)
			rule->pool = &p->pools[e->owner];
		else
			config_error(r, config_line(group, "pool", 0),
			    "pool: there is no pool \"%s\"", rule->pool_name);
	}
}

static void index_sources(
    struct config_reader *r, const struct provider *p, struct index *sources)
{
	for (size_t i = 0; i < p->source_count; i++)
		if (p->sources[i].name != NULL &&
		    index_find(sources, span_cstr(p->sources[i].name)) == NULL &&
		    !index_add(sources, span_cstr(p->sources[i].name), (uint32_t)i, 0))
			config_error(r, 0, "out of memory");
}

/* A mailbox is one tenant's; a rule would give it to all. */
static void check_rule_mailboxes(
    struct config_reader *r, const struct config_setting_t *root, const struct provider *p)
{
	for (size_t i = 0; i < p->pool_rule_count; i++) {
		const struct pool *pool = p->pool_rules[i].pool;

		for (size_t k = 0; pool != NULL && k < pool->member_count; k++)
			if (pool->members[k].source != NULL &&
			    pool->members[k].source->mailbox != NULL) {
				config_error(r, config_line(root, "pool_rules", i),
				    "pool \"%s\" has mailboxes: only streams of their tenant "
				    "may name it",
				    pool->name);
				break;
			}
	}
}

void config_finish_pools(
    struct config_reader *r, const struct config_setting_t *root, struct provider *p)
{
	struct index sources, pools;
	size_t first;

	index_init(&sources, 0);
	index_init(&pools, 0);
	check_sources(r, root, p);
	index_sources(r, p, &sources);
	for (size_t i = 0; i < p->pool_count; i++) {
		finish_pool(r, config_group(root, "pools", i), &sources, p, &p->pools[i]);
		if (p->pools[i].name != NULL &&
		    is_again(r, &pools, span_cstr(p->pools[i].name), i, &first))
			config_error(r, config_line(root, "pools", i),
			    "pool \"%s\" appears twice", p->pools[i].name);
	}
	finish_rules(r, root, &pools, p);
	check_rule_mailboxes(r, root, p);
	index_free(&pools);
	index_free(&sources);
}

/* ---- a tenant's choice ---- */

static bool is_of(const struct tenant *t, const char *mailbox)
{
	char domain[DOMAIN_MAX];
	struct addr a;

	return addr_split(span_cstr(mailbox), &a) == ERR_OK &&
	       domain_canonical(a.domain, domain) == ERR_OK &&
	       tenant_find_domain(t, span_cstr(domain)) != NULL;
}

const char *pool_foreign_mailbox(const struct pool *pool, const struct tenant *tenant)
{
	for (size_t i = 0; i < pool->member_count; i++) {
		const char *mailbox = pool->members[i].source->mailbox;

		if (mailbox != NULL && !is_of(tenant, mailbox))
			return mailbox;
	}
	return NULL;
}

void config_check_stream_pool(
    struct config_reader *r, unsigned line, const struct tenant *t, const struct stream *stream)
{
	const struct index_entry *e;
	const struct pool *pool;
	const char *foreign;
	char quoted[CONFIG_QUOTE_MAX];

	if (stream->pool == NULL)
		return;
	e = index_find(r->pools, span_cstr(stream->pool));
	if (e == NULL) {
		config_error(r, line, "pool: there is no pool \"%s\"", stream->pool);
		return;
	}
	pool = &r->provider->pools[e->owner];
	foreign = pool_foreign_mailbox(pool, t);
	if (foreign != NULL)
		config_error(r, line,
		    "pool: \"%s\" has the mailbox \"%s\", which is not this tenant's",
		    pool->name, config_quote(span_cstr(foreign), quoted));
}
