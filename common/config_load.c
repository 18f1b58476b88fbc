/* config_load - all files to one snapshot: what changed is read, what did not is shared with
 * the snapshot before, what is broken stays as it was. Knows no libconfig.
 *
 * Tenants that were there before come first, so that a new file cannot take away what another
 * tenant already has; among new and changed files the order of their names decides. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "clock.h"
#include "config_claim.h"
#include "hash.h"
#include "rules.h"

#define KEPT       "; keeping the version read before"
#define SETTLED_NS (100 * NS_PER_MS)

/* One file of the tenants' directory. */
struct candidate {
	struct tenant_box *fresh;          /* read now */
	const struct snapshot_tenant *old; /* in the snapshot before */
	struct tenant_box *box;            /* accepted: one of these, referenced */
	const struct plan *plan;
	struct provider_box *plan_owner;
};

struct load {
	const struct snapshot *previous; /* may be NULL */
	struct snapshot *s;
	struct config_report *report;
	struct config_schema schema;
	struct buf text;
	struct index zone_names, plans;
	struct claims claims;
	struct dirent **entries;
	size_t count;
	struct candidate *at;
	bool same_keys; /* paths of key files are as in the snapshot before */
	bool out_of_memory;
};

/* ---- zones ---- */

void zone_box_free(struct zone_box **z)
{
	if (*z != NULL && atomic_fetch_sub(&(*z)->references, 1) == 1) {
		zone_free(&(*z)->zone);
		free(*z);
	}
	*z = NULL;
}

static bool remember_zone(struct load *l, struct zone_box *z)
{
	struct snapshot *s = l->s;
	struct zone_box **more = realloc(s->zones, (s->zone_count + 1) * sizeof(void *));

	if (more == NULL)
		return false;
	s->zones = more;
	if (!index_add(&l->zone_names, span_cstr(z->name), (uint32_t)s->zone_count, 0))
		return false;
	s->zones[s->zone_count++] = z;
	return true;
}

/* UTC needs no file: hosts without any time zone data still start. */
static enum err new_zone(struct span name, struct zone_box **z_r)
{
	struct zone_box *z;
	struct zone *zone = NULL;
	enum err e = ERR_OK;

	if (!span_eq(name, SPAN("UTC")))
		e = zone_load(NULL, name, &zone);
	if (e != ERR_OK)
		return e;
	z = calloc(1, sizeof *z + name.n + 1);
	if (z == NULL) {
		zone_free(&zone);
		return ERR_NOMEM;
	}
	atomic_init(&z->references, 1);
	z->zone = zone;
	memcpy(z->name, name.p, name.n);
	*z_r = z;
	return ERR_OK;
}

static struct zone_box *find_zone(void *context, struct span name, enum err *e_r)
{
	struct load *l = context;
	const struct index_entry *known = index_find(&l->zone_names, name);
	struct zone_box *z = NULL;

	if (known != NULL) {
		z = l->s->zones[known->owner];
	} else {
		*e_r = new_zone(name, &z);
		if (*e_r != ERR_OK)
			return NULL;
		if (!remember_zone(l, z)) {
			zone_box_free(&z);
			*e_r = ERR_NOMEM;
			return NULL;
		}
	}
	atomic_fetch_add(&z->references, 1);
	return z;
}

static bool take_zones(struct load *l)
{
	for (size_t i = 0; l->previous != NULL && i < l->previous->zone_count; i++) {
		if (!remember_zone(l, l->previous->zones[i]))
			return false;
		atomic_fetch_add(&l->previous->zones[i]->references, 1);
	}
	return true;
}

/* ---- accepting ---- */

/* A new tenant's plan is there, or reading would have failed; the plan of an old one may have
 * left the provider's file and is kept then. */
static void find_plan(
    struct load *l, struct candidate *c, struct config_reader *r, const struct tenant_box *box)
{
	const struct index_entry *e = index_find(&l->plans, span_cstr(box->tenant.plan_name));

	if (e != NULL) {
		c->plan = &l->s->provider->provider.plans[e->owner];
		c->plan_owner = NULL;
		return;
	}
	if (r != NULL)
		config_error(
		    r, box->plan_line, "plan: there is no plan \"%s\"", box->tenant.plan_name);
	c->plan = c->old->plan;
	c->plan_owner = c->old->plan_owner != NULL ? c->old->plan_owner : l->previous->provider;
}

/* A tenant's file can ask for more than its plan; what asks for less has no effect, and whoever
 * wrote it should know. */
static void warn_of_weak_rules(
    struct config_reader *r, const struct tenant *t, const struct plan *plan)
{
	enum rule_mode modes[RULE_COUNT], asked;
	enum rule_id id;

	for (size_t i = 0; r != NULL && i < t->stream_count; i++) {
		const struct stream *s = &t->streams[i];

		if (s->rules == NULL)
			continue;
		rules_settle(s->class,
		    s->class == CLASS_BULK ? plan->bulk_rules : plan->transactional_rules, NULL,
		    modes);
		for (size_t k = 0; s->rules[k] != NULL; k++) {
			id = rules_find_weaker(span_cstr(s->rules[k]), modes, &asked);
			if (id < RULE_COUNT)
				config_warning(r, 0,
				    "stream \"%s\": rules: \"%s\" has no effect; %s asks for "
				    "%s",
				    s->name, s->rules[k], plan->name,
				    rule_mode_text(modes[id]));
		}
	}
}

static bool accept_box(
    struct load *l, size_t i, struct config_reader *r, struct tenant_box *box)
{
	struct candidate *c = &l->at[i];

	find_plan(l, c, r, box);
	warn_of_weak_rules(r, &box->tenant, c->plan);
	if (claims_check(&l->claims, r, box) > 0)
		return false;
	claims_add(&l->claims, box, (uint32_t)i);
	if (c->plan_owner != NULL)
		atomic_fetch_add(&c->plan_owner->references, 1);
	atomic_fetch_add(&box->references, 1);
	c->box = box;
	return true;
}

static struct config_reader reader(struct load *l, const char *path, bool has_old)
{
	return (struct config_reader){ .file = path,
		.report = l->report,
		.schema = &l->schema,
		.provider = &l->s->provider->provider,
		.plans = &l->plans,
		.pools = &l->s->pools,
		.consequence = has_old ? KEPT : NULL };
}

/* Pools of an old tenant may have left the provider's file, or got mailboxes of others: its mail
 * waits until that is mended. */
static void find_pools(struct config_reader *r, const struct tenant *t)
{
	for (size_t i = 0; i < t->stream_count; i++)
		config_check_stream_pool(r, 0, t, &t->streams[i]);
}

static void accept_old(struct load *l, size_t i)
{
	struct candidate *c = &l->at[i];
	struct config_reader r = reader(l, c->old->box->tenant.file, true);

	find_pools(&r, &c->old->box->tenant);
	if (!accept_box(l, i, &r, c->old->box)) {
		r.consequence = NULL;
		config_error(&r, 0, "the tenant is left out");
	}
}

static void accept_fresh(struct load *l, size_t i)
{
	struct candidate *c = &l->at[i];
	struct config_reader r = reader(l, c->fresh->tenant.file, c->old != NULL);

	c->fresh->tenant.generation = l->s->generation;
	if (!accept_box(l, i, &r, c->fresh) && c->old != NULL &&
	    !accept_box(l, i, NULL, c->old->box)) {
		r.consequence = NULL;
		config_error(&r, 0,
		    "what the version before had is taken; "
		    "the tenant is left out");
	}
}

/* ---- files ---- */

static int is_tenant_file(const struct dirent *entry)
{
	struct span name = span_cstr(entry->d_name);
	struct span suffix = SPAN(".conf");

	return name.n > suffix.n && name.p[0] != '.' &&
	       span_eq(span_from(name, name.n - suffix.n), suffix);
}

static const struct snapshot_tenant *find_old(const struct load *l, const char *path)
{
	const struct index_entry *e;

	if (l->previous == NULL)
		return NULL;
	e = index_find(&l->previous->files, span_cstr(path));
	return e != NULL ? &l->previous->tenants[e->owner] : NULL;
}

/* The kernel's time stamps move in steps: a file that changed just now may change again without
 * looking any different. Without an identity it is read again next time. */
static bool is_settled(const struct config_identity *id)
{
	int64_t changed_ns = (int64_t)id->changed.tv_sec * NS_PER_S + id->changed.tv_nsec;

	return clock_wall_ns() - changed_ns > SETTLED_NS;
}

/* Its keys stand in files of their own, which change while the tenant's does not. */
static bool has_ring(const struct tenant *t)
{
	bool any = false;

	for (size_t i = 0; i < t->domain_count; i++)
		any = any || t->domains[i].ring;
	return any;
}

static void read_candidate(struct load *l, size_t i)
{
	struct candidate *c = &l->at[i];
	struct config_identity identity;
	struct config_reader r;
	char path[PATH_MAX];
	struct stat st;
	enum err e;
	int n;

	n = snprintf(path, sizeof path, "%s/%s", l->s->provider->provider.tenants_directory,
	    l->entries[i]->d_name);
	if (n < 0 || (size_t)n >= sizeof path) {
		r = reader(l, l->entries[i]->d_name, false);
		config_error(&r, 0, "the path is too long");
		return;
	}
	c->old = find_old(l, path);
	if (c->old != NULL && lstat(path, &st) == 0) {
		identity = config_identity_of(&st);
		if (l->same_keys && config_identity_eq(&identity, &c->old->box->identity))
			return;
	}
	r = reader(l, path, c->old != NULL);
	e = config_read_file_text(&r, path, false, CONFIG_TENANT_OCTETS, &l->text, &identity);
	if (e == ERR_NOTFOUND)
		c->old = NULL;
	if (e != ERR_OK)
		return;
	switch (config_read_tenant(&r, buf_span(&l->text), find_zone, l, &c->fresh)) {
	case ERR_OK:
		if (is_settled(&identity) && !has_ring(&c->fresh->tenant))
			c->fresh->identity = identity;
		break;
	case ERR_NOMEM: l->out_of_memory = true; break;
	default: break;
	}
}

static enum err read_tenants(struct load *l)
{
	const struct provider *p = &l->s->provider->provider;
	int n = scandir(p->tenants_directory, &l->entries, is_tenant_file, versionsort);
	struct config_reader r = reader(l, p->file, false);

	if (n < 0) {
		config_error(&r, 0, "tenants: cannot read the directory %s: %s",
		    p->tenants_directory, strerror(errno));
		return err_from_errno(errno);
	}
	l->count = (size_t)n;
	l->at = calloc(l->count + 1, sizeof *l->at);
	l->claims.boxes = calloc(l->count + 1, sizeof *l->claims.boxes);
	if (l->at == NULL || l->claims.boxes == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < l->count; i++)
		read_candidate(l, i);
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].fresh == NULL && l->at[i].old != NULL)
			accept_old(l, i);
	for (size_t i = 0; i < l->count; i++)
		if (l->at[i].fresh != NULL)
			accept_fresh(l, i);
	return l->out_of_memory || l->claims.out_of_memory ? ERR_NOMEM : ERR_OK;
}

static bool index_ways(struct snapshot *s)
{
	const struct provider *p = &s->provider->provider;
	bool ok = true;

	for (size_t i = 0; ok && i < p->pool_count; i++)
		ok = index_add(&s->pools, span_cstr(p->pools[i].name), (uint32_t)i, 0);
	for (size_t i = 0; ok && i < p->source_count; i++)
		ok = index_add(&s->sources, span_cstr(p->sources[i].name), (uint32_t)i, 0) &&
		     index_add(&s->source_ids,
			 span_make((const char *)&p->sources[i].id, sizeof p->sources[i].id),
			 (uint32_t)i, 0);
	return ok;
}

static enum err read_provider(struct load *l, const char *file)
{
	struct config_reader r = { .file = file, .report = l->report, .schema = &l->schema };
	struct config_identity identity;
	const struct provider *p;
	enum err e;

	e = config_read_file_text(&r, file, true, CONFIG_PROVIDER_OCTETS, &l->text, &identity);
	if (e == ERR_OK)
		e = config_read_provider(&r, buf_span(&l->text), &l->s->provider);
	if (e != ERR_OK)
		return e;
	p = &l->s->provider->provider;
	for (size_t i = 0; i < p->plan_count; i++)
		if (!index_add(&l->plans, span_cstr(p->plans[i].name), (uint32_t)i, 0))
			return ERR_NOMEM;
	if (!index_ways(l->s))
		return ERR_NOMEM;
	l->same_keys = l->previous != NULL &&
		       strcmp(p->milter.keys, l->previous->provider->provider.milter.keys) == 0;
	return ERR_OK;
}

/* ---- the snapshot ---- */

/* Candidates that were accepted become tenants 0, 1, .. in the order of their files. */
static enum err number_tenants(struct load *l)
{
	struct snapshot *s = l->s;
	struct index *const all[] = { &s->files, &s->names, &s->logins, &s->wildcards,
		&s->domains, &s->networks, &s->tracking_hosts, &s->bounce_domains };
	uint32_t *map = calloc(l->count + 1, sizeof *map);

	s->tenants = calloc(l->count + 1, sizeof *s->tenants);
	if (map == NULL || s->tenants == NULL) {
		free(map);
		return ERR_NOMEM;
	}
	for (size_t i = 0; i < l->count; i++) {
		struct candidate *c = &l->at[i];

		if (c->box == NULL)
			continue;
		map[i] = (uint32_t)s->count;
		s->tenants[s->count++] =
		    (struct snapshot_tenant){ c->box, c->plan, c->plan_owner };
		c->box = NULL;
		c->plan_owner = NULL;
	}
	for (size_t i = 0; i < ARRAY_SIZE(all); i++)
		index_renumber(all[i], map);
	free(map);
	return ERR_OK;
}

static enum err load_init(struct load *l, const struct snapshot *previous)
{
	struct snapshot *s = calloc(1, sizeof *s);
	uint64_t seed = 0;

	if (s == NULL)
		return ERR_NOMEM;
	l->s = s;
	l->previous = previous;
	buf_init(&l->text, CONFIG_PROVIDER_OCTETS);
	config_schema_init(&l->schema);
	atomic_init(&s->references, 1);
	s->generation = previous != NULL ? previous->generation + 1 : 1;
	if (random_octets(&seed, sizeof seed) != ERR_OK)
		return ERR_IO;
	index_init(&s->files, seed);
	index_init(&s->names, seed);
	index_init(&s->logins, seed);
	index_init(&s->wildcards, seed);
	index_init(&s->domains, seed);
	index_init(&s->networks, seed);
	index_init(&s->tracking_hosts, seed);
	index_init(&s->bounce_domains, seed);
	index_init(&s->pools, seed);
	index_init(&s->sources, seed);
	index_init(&s->source_ids, seed);
	index_init(&l->zone_names, seed);
	index_init(&l->plans, seed);
	claims_init(&l->claims, s, seed);
	return take_zones(l) ? ERR_OK : ERR_NOMEM;
}

static void load_deinit(struct load *l)
{
	for (size_t i = 0; i < l->count; i++) {
		if (l->at != NULL) {
			tenant_box_free(&l->at[i].fresh);
			tenant_box_free(&l->at[i].box);
			provider_box_free(&l->at[i].plan_owner);
		}
		free(l->entries[i]);
	}
	free(l->entries);
	free(l->at);
	claims_deinit(&l->claims);
	index_free(&l->plans);
	index_free(&l->zone_names);
	buf_free(&l->text);
	if (l->s != NULL)
		snapshot_free(l->s);
}

static enum err load(const char *config_file, const struct snapshot *previous, bool tenants,
    struct config_report *report, struct snapshot **snapshot_r)
{
	struct load l = { .report = report };
	char directory[PATH_MAX], path[PATH_MAX];
	enum err e;

	*snapshot_r = NULL;
	e = load_init(&l, previous);
	if (e != ERR_OK)
		goto out;
	/* Names in the snapshot are absolute: daemons change their directory later. */
	directory[0] = '\0';
	if (config_file[0] != '/' && getcwd(directory, sizeof directory - 1) != NULL)
		memcpy(directory + strlen(directory), "/", 2);
	e = ERR_TOOBIG;
	if ((size_t)snprintf(path, sizeof path, "%s%s", directory, config_file) >= sizeof path)
		goto out;
	e = read_provider(&l, path);
	if (e == ERR_OK && tenants)
		e = read_tenants(&l);
	if (e == ERR_OK)
		e = number_tenants(&l);
	if (e != ERR_OK)
		goto out;
	*snapshot_r = l.s;
	l.s = NULL;
out:
	load_deinit(&l);
	return e;
}

enum err snapshot_load(const char *config_file, const struct snapshot *previous,
    struct config_report *report, struct snapshot **snapshot_r)
{
	return load(config_file, previous, true, report, snapshot_r);
}

enum err snapshot_load_provider(
    const char *config_file, struct config_report *report, struct snapshot **snapshot_r)
{
	return load(config_file, NULL, false, report, snapshot_r);
}
