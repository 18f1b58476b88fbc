/* config_read - from text to filled structs by the schema's rows: the provider's file, a
 * tenant's file. What belongs to one file only is checked here; knows no other file. */
#include <libconfig.h>
#include <stdlib.h>

#include "config.h"
#include "domain.h"

#define PROVIDER_MEMORY (64 * 1024 * 1024)
#define TENANT_MEMORY   (32 * 1024 * 1024)
#define KEYS_MAX        32 /* rows of one block */

/* ---- unknown keys ---- */

/* Levenshtein distance, up to what matters for a slip of the fingers. */
static unsigned edit_distance(struct span a, struct span b)
{
	unsigned row[CONFIG_NAME_MAX + 1], previous, above, best;

	if (a.n > CONFIG_NAME_MAX || b.n > CONFIG_NAME_MAX)
		return CONFIG_NAME_MAX;
	for (unsigned j = 0; j <= b.n; j++)
		row[j] = j;
	for (unsigned i = 1; i <= a.n; i++) {
		previous = row[0];
		row[0] = i;
		for (unsigned j = 1; j <= b.n; j++) {
			above = row[j];
			best = previous + (ascii_lower(a.p[i - 1]) != ascii_lower(b.p[j - 1]));
			if (above + 1 < best)
				best = above + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
			previous = above;
		}
	}
	return row[b.n];
}

struct block {
	const char *name;
	const struct setting_row *rows;
	size_t count;
};

static struct block find_block(const struct config_schema *schema, const char *name)
{
	for (size_t i = 0; i < schema->count; i++)
		if (strcmp(schema->at[i].name, name) == 0 && schema->at[i].count <= KEYS_MAX)
			return (struct block){ name, schema->at[i].rows, schema->at[i].count };
	return (struct block){ name, NULL, 0 };
}

/* How a block is called in a sentence. */
static const char *block_word(const char *block)
{
	static const char *const words[][2] = {
		{ "", "this file" },
		{ "plans", "plan" },
		{ "plans.login", "a plan's login" },
		{ "sources", "source" },
		{ "pools", "pool" },
		{ "pools.members", "a pool's member" },
		{ "pool_rules", "pool rule" },
		{ "tenant", "a tenant's file" },
		{ "tenant.login", "login" },
		{ "tenant.domains", "domain" },
		{ "tenant.domains.dkim", "dkim" },
		{ "tenant.streams", "stream" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		if (strcmp(block, words[i][0]) == 0)
			return words[i][1];
	return block;
}

static void unknown_key(
    struct config_reader *r, const struct block *block, const config_setting_t *s)
{
	struct span name = span_cstr(config_setting_name(s));
	unsigned best = 3; /* further than two slips is another word */
	const char *hint = NULL;
	char quoted[CONFIG_QUOTE_MAX];

	for (size_t i = 0; i < block->count; i++) {
		struct span key = span_cstr(block->rows[i].key);
		unsigned distance = edit_distance(name, key);

		if (distance < best && distance * 2 < key.n) {
			best = distance;
			hint = block->rows[i].key;
		}
	}
	config_error(r, config_setting_source_line(s), "unknown key \"%s\" in %s%s%s%s",
	    config_quote(name, quoted), block_word(block->name),
	    hint != NULL ? "; did you mean \"" : "", hint != NULL ? hint : "",
	    hint != NULL ? "\"?" : "");
}

/* Which settings of the group are which of the block's keys; others are errors. */
static void match_keys(struct config_reader *r, const struct block *block,
    const struct config_setting_t *group, const config_setting_t *found[KEYS_MAX])
{
	size_t members = group != NULL ? (size_t)config_setting_length(group) : 0;

	for (size_t i = 0; i < members; i++) {
		const config_setting_t *s = config_setting_get_elem(group, (unsigned)i);
		size_t k = 0;

		while (
		    k < block->count && strcmp(block->rows[k].key, config_setting_name(s)) != 0)
			k++;
		if (k < block->count)
			found[k] = s;
		else
			unknown_key(r, block, s);
	}
}

void config_fill(struct config_reader *r, const char *block_name,
    const struct config_setting_t *group, void *object)
{
	const config_setting_t *found[KEYS_MAX] = { NULL };
	struct block block = find_block(r->schema, block_name);

	match_keys(r, &block, group, found);
	for (size_t i = 0; i < block.count; i++) {
		const struct setting_row *row = &block.rows[i];

		if (found[i] != NULL)
			config_read_value(r, row, found[i], object);
		else if (group != NULL && row->field->required)
			config_error(r, config_setting_source_line(group),
			    "\"%s\" is missing in %s", row->key, block_word(block.name));
		else
			config_read_default(r, row, object);
	}
}

/* Parses text into *config, which is to be destroyed by the caller in any case. */
static bool parse(struct config_reader *r, struct span text, config_t *config)
{
	config_init(config);
	if (!config_text_ok(r, text))
		return false;
	if (config_read_string(config, text.p) == CONFIG_TRUE)
		return true;
	config_error(r, (unsigned)config_error_line(config), "%s", config_error_text(config));
	return false;
}

/* ---- provider ---- */

static void check_plans(
    struct config_reader *r, const config_setting_t *root, const struct provider *p)
{
	struct index names;

	index_init(&names, 0);
	for (size_t i = 0; i < p->plan_count; i++) {
		struct span name = span_cstr(p->plans[i].name);

		if (name.n == 0)
			continue;
		if (index_find(&names, name) != NULL)
			config_error(r, config_line(root, "plans", i),
			    "plan \"%s\" appears twice", p->plans[i].name);
		else if (!index_add(&names, name, 0, 0))
			config_error(r, 0, "out of memory");
	}
	index_free(&names);
}

void provider_box_free(struct provider_box **p)
{
	if (*p != NULL && atomic_fetch_sub(&(*p)->references, 1) == 1) {
		arena_free(&(*p)->arena);
		free(*p);
	}
	*p = NULL;
}

enum err config_read_provider(
    struct config_reader *r, struct span text, struct provider_box **box_r)
{
	struct provider_box *box = calloc(1, sizeof *box);
	config_t config;
	enum err e = ERR_NOMEM;

	*box_r = NULL;
	if (box == NULL || (box->arena = arena_new(PROVIDER_MEMORY)) == NULL) {
		free(box);
		return ERR_NOMEM;
	}
	atomic_init(&box->references, 1);
	r->arena = box->arena;
	box->provider.file = arena_dup(box->arena, span_cstr(r->file));
	if (parse(r, text, &config)) {
		const config_setting_t *root = config_root_setting(&config);

		config_fill(r, "", root, &box->provider);
		check_plans(r, root, &box->provider);
		config_finish_pools(r, root, &box->provider);
	}
	config_destroy(&config);
	e = r->errors == 0 ? ERR_OK : ERR_SYNTAX;
	if (e == ERR_OK) {
		*box_r = box;
		return ERR_OK;
	}
	provider_box_free(&box);
	return e;
}

/* ---- tenant ---- */

struct reading {
	struct config_reader *r;
	const config_setting_t *root;
	struct tenant_box *box;
};

const struct config_setting_t *config_group(
    const struct config_setting_t *group, const char *key, size_t i)
{
	const config_setting_t *s = config_setting_get_member(group, key);

	return s != NULL ? config_setting_get_elem(s, (unsigned)i) : NULL;
}

static const config_setting_t *group_at(const struct reading *t, const char *list, size_t i)
{
	return config_group(t->root, list, i);
}

static size_t list_length(const char *const *list)
{
	size_t n = 0;

	while (list != NULL && list[n] != NULL)
		n++;
	return n;
}

static bool has_item(const char *const *list, size_t i)
{
	return list != NULL && list[i] != NULL;
}

static const struct stream *find_stream(const struct tenant *t, const char *name)
{
	for (size_t i = 0; i < t->stream_count; i++)
		if (t->streams[i].name != NULL && strcmp(t->streams[i].name, name) == 0)
			return &t->streams[i];
	return NULL;
}

/* Twice the same in one file; across files it is settings.c that looks. */
static void add_once(const struct reading *t, struct index *seen, const char *kind,
    const char *value, unsigned line, size_t item)
{
	char quoted[CONFIG_QUOTE_MAX];

	if (value == NULL)
		return;
	if (index_find(seen, span_cstr(value)) != NULL)
		config_error(t->r, line, "%s \"%s\" appears twice", kind,
		    config_quote(span_cstr(value), quoted));
	else if (!index_add(seen, span_cstr(value), 0, (uint32_t)item))
		config_error(t->r, line, "out of memory");
}

static void keep_lower_name(const struct reading *t)
{
	char lower[CONFIG_NAME_MAX + 1];

	if (t->box->tenant.name != NULL &&
	    span_lower(span_cstr(t->box->tenant.name), lower, sizeof lower))
		t->box->lower_name = arena_dup(t->r->arena, span_cstr(lower));
}

/* Where everything stands that another tenant may claim too. */
static void read_lines(const struct reading *t)
{
	struct tenant *tenant = &t->box->tenant;
	size_t logins = list_length(tenant->logins), n = 0;
	uint32_t *domain_lines, *login_lines, *network_lines;

	for (size_t i = 0; i < tenant->stream_count; i++)
		logins += list_length(tenant->streams[i].logins);
	domain_lines = arena_array(t->r->arena,
	    logins + tenant->domain_count + tenant->network_count, sizeof(uint32_t));
	if (domain_lines == NULL) {
		config_error(t->r, 0, "out of memory");
		return;
	}
	login_lines = domain_lines + tenant->domain_count;
	network_lines = login_lines + logins;
	for (size_t i = 0; i < tenant->domain_count; i++)
		domain_lines[i] = config_line(group_at(t, "domains", i), "name", 0);
	for (size_t i = 0; has_item(tenant->logins, i); i++)
		login_lines[n++] = config_line(t->root, "logins", i);
	for (size_t i = 0; i < tenant->stream_count; i++)
		for (size_t k = 0; has_item(tenant->streams[i].logins, k); k++)
			login_lines[n++] = config_line(group_at(t, "streams", i), "logins", k);
	for (size_t i = 0; i < tenant->network_count; i++)
		network_lines[i] = config_line(t->root, "networks", i);
	t->box->domain_lines = domain_lines;
	t->box->login_lines = login_lines;
	t->box->network_lines = network_lines;
	t->box->name_line = config_line(t->root, "tenant", 0);
	t->box->plan_line = config_line(t->root, "plan", 0);
}

/* Fills domains: name => index in the tenant's domains. */
static void check_domains(const struct reading *t, struct index *domains)
{
	const struct tenant *tenant = &t->box->tenant;

	for (size_t i = 0; i < tenant->domain_count; i++) {
		const struct tenant_domain *d = &tenant->domains[i];

		add_once(t, domains, "domain", d->name, t->box->domain_lines[i], i);
		for (size_t k = 0; k < d->key_count; k++)
			for (size_t s = 0; has_item(d->keys[k].streams, s); s++)
				if (find_stream(tenant, d->keys[k].streams[s]) == NULL)
					config_error(t->r,
					    config_line(group_at(t, "domains", i), "dkim", k),
					    "dkim: there is no stream \"%s\"",
					    d->keys[k].streams[s]);
	}
}

/* domains: name => index in t->domains. */
static bool owns(const struct tenant *t, const struct index *domains, const char *name)
{
	const struct index_entry *e = index_find(domains, span_cstr(name));
	struct span up = config_parent_domain(span_cstr(name));

	for (; e == NULL && up.n > 0; up = config_parent_domain(up)) {
		e = index_find(domains, up);
		if (e != NULL && !t->domains[e->item].subdomains)
			e = NULL;
	}
	return e != NULL;
}

static void check_streams(const struct reading *t, const struct index *domains)
{
	const struct tenant *tenant = &t->box->tenant;
	size_t n = list_length(tenant->logins);
	struct index names, logins;

	index_init(&names, 0);
	index_init(&logins, 0);
	for (size_t i = 0; i < tenant->stream_count; i++) {
		const struct stream *s = &tenant->streams[i];
		const config_setting_t *group = group_at(t, "streams", i);

		if (group == NULL) /* the default one */
			break;
		add_once(t, &names, "stream", s->name, config_line(group, "name", 0), i);
		config_check_stream_pool(t->r, config_line(group, "pool", 0), tenant, s);
		/* A login may be the tenant's and a stream's, but not of two streams. */
		for (size_t k = 0; has_item(s->logins, k); k++)
			add_once(
			    t, &logins, "login", s->logins[k], t->box->login_lines[n++], k);
		for (size_t k = 0; has_item(s->domains, k); k++)
			if (!owns(tenant, domains, s->domains[k]))
				config_error(t->r, config_line(group, "domains", k),
				    "domain \"%s\" is not in this tenant's domains",
				    s->domains[k]);
	}
	index_free(&names);
	index_free(&logins);
}

static void check_logins(const struct reading *t)
{
	const struct tenant *tenant = &t->box->tenant;
	struct index seen;

	index_init(&seen, 0);
	for (size_t i = 0; has_item(tenant->logins, i); i++)
		add_once(t, &seen, "login", tenant->logins[i], t->box->login_lines[i], i);
	index_free(&seen);
	for (size_t i = 0; i < tenant->network_count; i++) {
		struct span key =
		    span_make((const char *)&tenant->networks[i], sizeof tenant->networks[i]);

		if (index_find(&seen, key) != NULL)
			config_error(t->r, t->box->network_lines[i],
			    "networks: the same network appears twice");
		else if (!index_add(&seen, key, 0, 0))
			config_error(t->r, 0, "out of memory");
	}
	index_free(&seen);
}

/* Moves a date (midnight in UTC) to the midnight that the tenant's clock shows. */
static void localise(const struct zone *zone, int64_t *seconds)
{
	int64_t noon = *seconds + 43200;

	if (*seconds == 0)
		return;
	noon -= zone_offset_s(zone, noon);
	*seconds = zone_window(zone, WINDOW_DAY, 1, noon).start_s;
}

static void finish_dates(const struct reading *t)
{
	struct tenant *tenant = &t->box->tenant;

	if (tenant->state == TENANT_PAST_DUE && tenant->past_due_since_s == 0)
		config_error(t->r, config_line(t->root, "state", 0),
		    "state \"past_due\" needs past_due_since");
	if (tenant->state != TENANT_PAST_DUE && tenant->past_due_since_s != 0) {
		config_warning(t->r, config_line(t->root, "past_due_since", 0),
		    "past_due_since means nothing without state \"past_due\"");
		tenant->past_due_since_s = 0;
	}
	if (tenant->zone == NULL)
		return;
	localise(tenant->zone, &tenant->past_due_since_s);
	localise(tenant->zone, &tenant->expires_s);
}

static void finish_zone(const struct reading *t, config_find_zone *zones, void *context)
{
	struct tenant *tenant = &t->box->tenant;
	char quoted[CONFIG_QUOTE_MAX];
	enum err e = ERR_OK;

	if (tenant->timezone == NULL)
		return;
	t->box->zone = zones(context, span_cstr(tenant->timezone), &e);
	if (t->box->zone == NULL) {
		config_error(t->r, config_line(t->root, "timezone", 0), "timezone: \"%s\": %s",
		    config_quote(span_cstr(tenant->timezone), quoted),
		    e == ERR_NOTFOUND ? "there is no such time zone" : err_text(e));
		return;
	}
	tenant->timezone = t->box->zone->name;
	tenant->zone = t->box->zone->zone != NULL ? t->box->zone->zone : zone_utc();
}

static void check_plan(const struct reading *t)
{
	const char *name = t->box->tenant.plan_name;

	if (name != NULL && index_find(t->r->plans, span_cstr(name)) == NULL)
		config_error(t->r, config_line(t->root, "plan", 0),
		    "plan: there is no plan \"%s\"", name);
}

static void finish_streams(const struct reading *t)
{
	struct tenant *tenant = &t->box->tenant;
	struct stream *only;

	if (tenant->stream_count > 0)
		return;
	only = arena_alloc(t->r->arena, sizeof *only);
	if (only == NULL) {
		config_error(t->r, 0, "out of memory");
		return;
	}
	only->name = "default";
	only->class = CLASS_BULK;
	tenant->streams = only;
	tenant->stream_count = 1;
}

void tenant_box_free(struct tenant_box **t)
{
	if (*t != NULL && atomic_fetch_sub(&(*t)->references, 1) == 1) {
		zone_box_free(&(*t)->zone);
		arena_free(&(*t)->arena);
		free(*t);
	}
	*t = NULL;
}

enum err config_read_tenant(struct config_reader *r, struct span text, config_find_zone *zones,
    void *zones_context, struct tenant_box **box_r)
{
	struct tenant_box *box = calloc(1, sizeof *box);
	struct reading t = { r, NULL, box };
	struct index domains;
	config_t config;

	*box_r = NULL;
	if (box == NULL || (box->arena = arena_new(TENANT_MEMORY)) == NULL) {
		free(box);
		return ERR_NOMEM;
	}
	atomic_init(&box->references, 1);
	r->arena = box->arena;
	box->tenant.file = arena_dup(box->arena, span_cstr(r->file));
	if (parse(r, text, &config)) {
		t.root = config_root_setting(&config);
		config_fill(r, "tenant", t.root, &box->tenant);
		check_plan(&t);
		finish_zone(&t, zones, zones_context);
		finish_streams(&t);
		finish_dates(&t);
		keep_lower_name(&t);
		read_lines(&t);
		if (box->domain_lines != NULL) {
			index_init(&domains, 0);
			check_domains(&t, &domains);
			check_streams(&t, &domains);
			index_free(&domains);
			check_logins(&t);
		}
	}
	config_destroy(&config);
	if (r->errors == 0 && box->tenant.file != NULL && box->lower_name != NULL) {
		*box_r = box;
		return ERR_OK;
	}
	tenant_box_free(&box);
	return r->errors == 0 ? ERR_NOMEM : ERR_SYNTAX;
}
