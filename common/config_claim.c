/* config_claim - what one file says is its own, against what others said before. Knows no
 * libconfig. */
#include <stdlib.h>

#include "config_claim.h"

struct span config_parent_domain(struct span domain)
{
	struct span parent = span_from(domain, span_find(domain, '.', 0) + 1);

	return span_find(parent, '.', 0) < parent.n ? parent : span_make("", 0);
}

/* What one file says is its own. Nothing of it is in the indexes while it is checked, so
 * whatever is found there is another's. */
struct claim {
	struct claims *all;
	struct config_reader *r; /* NULL: do not say anything */
	const struct tenant_box *box;
	uint32_t owner;
	unsigned conflicts;
};

static void conflict(struct claim *c, unsigned line, const char *kind, const char *value,
    const struct index_entry *with, const uint32_t *lines, uint32_t single_line)
{
	const struct tenant_box *other = c->all->boxes[with->owner];
	char quoted[CONFIG_QUOTE_MAX];

	c->conflicts++;
	if (c->r != NULL)
		config_error(c->r, line, "%s%s%s%s belongs to tenant \"%s\" (%s:%u)", kind,
		    value != NULL ? " \"" : "",
		    value != NULL ? config_quote(span_cstr(value), quoted) : "",
		    value != NULL ? "\"" : "", other->tenant.name, other->tenant.file,
		    lines != NULL ? lines[with->item] : single_line);
}

static const uint32_t *domain_lines(const struct claim *c, const struct index_entry *e)
{
	return c->all->boxes[e->owner]->domain_lines;
}

/* The names of hosts in a domain's group, and the index each is found in. */
struct host_claim {
	const char *kind, *name; /* name: NULL when it is not set */
	struct index *index;
};

#define HOST_CLAIMS 2

static void host_claims(const struct claim *c, const struct tenant_domain *d,
    struct host_claim hosts_r[HOST_CLAIMS])
{
	hosts_r[0] = (struct host_claim){ "tracking_host", d->tracking_host,
		&c->all->s->tracking_hosts };
	hosts_r[1] = (struct host_claim){ "bounce_domain", d->bounce_domain,
		&c->all->s->bounce_domains };
}

/* A host is one tenant's, and may lie in its own domains or in nobody's. */
static void check_host_claims(struct claim *c, size_t i)
{
	const struct tenant_domain *d = &c->box->tenant.domains[i];
	unsigned line = c->box->domain_lines[i];
	struct host_claim hosts[HOST_CLAIMS];
	const struct index_entry *e;

	host_claims(c, d, hosts);
	for (size_t k = 0; k < HOST_CLAIMS; k++) {
		struct span name = span_cstr(hosts[k].name), up = name;

		e = index_find(hosts[k].index, name);
		if (e != NULL && name.n > 0)
			conflict(
			    c, line, hosts[k].kind, hosts[k].name, e, domain_lines(c, e), 0);
		for (; up.n > 0; up = config_parent_domain(up)) {
			e = index_find(&c->all->s->domains, up);
			if (e == NULL ||
			    (up.n < name.n &&
				!c->all->boxes[e->owner]->tenant.domains[e->item].subdomains))
				continue;
			conflict(
			    c, line, hosts[k].kind, hosts[k].name, e, domain_lines(c, e), 0);
			break;
		}
	}
}

static bool is_host(const struct claim *c, struct span name)
{
	return index_find(&c->all->s->tracking_hosts, name) != NULL ||
	       index_find(&c->all->s->bounce_domains, name) != NULL;
}

static void check_domain_claim(struct claim *c, size_t i)
{
	const struct tenant_domain *d = &c->box->tenant.domains[i];
	unsigned line = c->box->domain_lines[i];
	struct span name = span_cstr(d->name), up;
	const struct index_entry *e = index_find(&c->all->s->domains, name);

	if (e != NULL) {
		conflict(c, line, "domain", d->name, e, domain_lines(c, e), 0);
		return;
	}
	for (up = config_parent_domain(name); up.n > 0; up = config_parent_domain(up)) {
		e = index_find(&c->all->s->domains, up);
		if (e != NULL && c->all->boxes[e->owner]->tenant.domains[e->item].subdomains) {
			conflict(c, line, "domain above", d->name, e, domain_lines(c, e), 0);
			return;
		}
	}
	e = index_find(&c->all->hosts_below, name);
	if (e != NULL && (d->subdomains || is_host(c, name)))
		conflict(c, line, "a host in", d->name, e, domain_lines(c, e), 0);
	if (!d->subdomains)
		return;
	e = index_find(&c->all->below, name);
	if (e != NULL)
		conflict(c, line, "domain below", d->name, e, domain_lines(c, e), 0);
}

/* The index that a login is found in, and its key there. */
static struct index *login_index(struct snapshot *s, const char *login, struct span *key_r)
{
	bool wildcard = login[0] == '*';

	*key_r = span_cstr(wildcard ? login + 2 : login);
	return wildcard ? &s->wildcards : &s->logins;
}

typedef void login_visit(struct claim *c, const char *login, uint32_t item);

/* All logins in the order of login_lines. */
static void each_login(struct claim *c, login_visit *visit)
{
	const struct tenant *t = &c->box->tenant;
	uint32_t item = 0;

	for (size_t i = 0; t->logins != NULL && t->logins[i] != NULL; i++)
		visit(c, t->logins[i], item++);
	for (size_t k = 0; k < t->stream_count; k++)
		for (size_t i = 0;
		     t->streams[k].logins != NULL && t->streams[k].logins[i] != NULL; i++)
			visit(c, t->streams[k].logins[i], item++);
}

static void check_login_claim(struct claim *c, const char *login, uint32_t item)
{
	struct span key;
	struct index *x = login_index(c->all->s, login, &key);
	const struct index_entry *e = index_find(x, key);

	if (e != NULL)
		conflict(c, c->box->login_lines[item], "login", login, e,
		    c->all->boxes[e->owner]->login_lines, 0);
}

static struct span network_key(const struct network *n)
{
	_Static_assert(sizeof *n == 17, "a network is its own key: no padding");
	return span_make((const char *)n, sizeof *n);
}

static unsigned check_all(struct claim *c)
{
	const struct tenant *t = &c->box->tenant;
	const struct index_entry *e;

	e = index_find(&c->all->s->names, span_cstr(c->box->lower_name));
	if (e != NULL)
		conflict(c, c->box->name_line, "name", t->name, e, NULL,
		    c->all->boxes[e->owner]->name_line);
	for (size_t i = 0; i < t->domain_count; i++) {
		check_domain_claim(c, i);
		check_host_claims(c, i);
	}
	each_login(c, check_login_claim);
	for (size_t i = 0; i < t->network_count; i++) {
		e = index_find(&c->all->s->networks, network_key(&t->networks[i]));
		if (e != NULL)
			conflict(c, c->box->network_lines[i], "network", NULL, e,
			    c->all->boxes[e->owner]->network_lines, 0);
	}
	return c->conflicts;
}

static void add(struct claim *c, struct index *x, struct span key, size_t item)
{
	if (!index_add(x, key, c->owner, (uint32_t)item))
		c->all->out_of_memory = true;
}

static void add_domain(struct claim *c, size_t i)
{
	struct span name = span_cstr(c->box->tenant.domains[i].name), up;

	add(c, &c->all->s->domains, name, i);
	for (up = config_parent_domain(name); up.n > 0; up = config_parent_domain(up)) {
		if (index_find(&c->all->below, up) == NULL)
			add(c, &c->all->below, up, i);
	}
}

/* Several domains of a tenant may share a host. */
static void add_hosts(struct claim *c, size_t i)
{
	struct host_claim hosts[HOST_CLAIMS];
	struct span up;

	host_claims(c, &c->box->tenant.domains[i], hosts);
	for (size_t k = 0; k < HOST_CLAIMS; k++) {
		struct span name = span_cstr(hosts[k].name);

		if (name.n > 0 && index_find(hosts[k].index, name) == NULL)
			add(c, hosts[k].index, name, i);
		for (up = name; up.n > 0; up = config_parent_domain(up))
			if (index_find(&c->all->hosts_below, up) == NULL)
				add(c, &c->all->hosts_below, up, i);
	}
}

static void add_login(struct claim *c, const char *login, uint32_t item)
{
	struct span key;
	struct index *x = login_index(c->all->s, login, &key);

	if (index_find(x, key) == NULL)
		add(c, x, key, item);
}

static void add_all(struct claim *c)
{
	struct snapshot *s = c->all->s;
	const struct tenant *t = &c->box->tenant;

	add(c, &s->names, span_cstr(c->box->lower_name), 0);
	add(c, &s->files, span_cstr(t->file), 0);
	for (size_t i = 0; i < t->domain_count; i++) {
		add_domain(c, i);
		add_hosts(c, i);
	}
	each_login(c, add_login);
	for (size_t i = 0; i < t->network_count; i++) {
		add(c, &s->networks, network_key(&t->networks[i]), i);
		s->network_bits[t->networks[i].bits / 64] |= UINT64_C(1)
							     << t->networks[i].bits % 64;
	}
}

/* ---- the set ---- */

void claims_init(struct claims *c, struct snapshot *s, uint64_t seed)
{
	*c = (struct claims){ .s = s };
	index_init(&c->below, seed);
	index_init(&c->hosts_below, seed);
}

void claims_deinit(struct claims *c)
{
	index_free(&c->hosts_below);
	index_free(&c->below);
	free(c->boxes);
	c->boxes = NULL;
}

unsigned claims_check(struct claims *c, struct config_reader *r, const struct tenant_box *box)
{
	struct claim claim = { .all = c, .r = r, .box = box };

	return check_all(&claim);
}

void claims_add(struct claims *c, const struct tenant_box *box, uint32_t owner)
{
	struct claim claim = { .all = c, .box = box, .owner = owner };

	c->boxes[owner] = box;
	add_all(&claim);
}
