/* cmd_ring - "dkim list|rotate|activate|retire|rollback": keys of domains with dkim_ring, from the
 * making to the revocation. keyring.c says what follows; here it is looked at and done. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "dns_tools.h"
#include "dns_work.h"
#include "domain.h"
#include "file.h"
#include "genkey.h"
#include "key_place.h"
#include "keyring.h"
#include "progress.h"
#include "quantity.h"
#include "zone.h"

#define KEY_OCTETS_MAX 65536

struct managed {
	const struct tenant_domain *domain;
	const char *tenant;
	struct ring ring;
	enum ring_seen seen[RING_KEYS_MAX];
};

struct command {
	struct ctl *ctl;
	struct arena *arena;
	struct managed *at;
	size_t count;
	int64_t now_s;
	bool dry_run, changed;
	bool wanted[RING_TYPES];
	struct ring_policy policy;
	struct progress progress;
	struct report_table *table;
	struct buf zone; /* lines to publish */
};

/* ---- which domains ---- */

static void ring_path(
    const struct command *c, const struct tenant_domain *d, char *out, size_t size)
{
	(void)snprintf(
	    out, size, "%s/%s/%s", ctl_provider(c->ctl)->milter.keys, d->name, RING_FILE);
}

/* The ring as it is now; the configuration was read a moment ago. */
static int read_ring(const struct command *c, struct managed *m)
{
	char path[4096], error[4352];
	enum err e;

	ring_path(c, m->domain, path, sizeof path);
	e = ring_read(path, &m->ring, error, sizeof error);
	if (e == ERR_NOTFOUND)
		e = ERR_OK;
	if (e == ERR_OK && m->ring.count != m->domain->key_count) {
		ctl_error("%s changed meanwhile", path);
		return EX_TEMPFAIL;
	}
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s%s", error, e == ERR_DENIED ? "; root can read it" : "");
	return e == ERR_DENIED ? EX_NOPERM : EX_CONFIG;
}

static int add(struct command *c, const struct tenant_domain *d, const char *tenant)
{
	struct managed *m = &c->at[c->count];

	*m = (struct managed){ .domain = d, .tenant = tenant };
	c->count++;
	return read_ring(c, m);
}

static int add_named(struct command *c, const char *given)
{
	const struct tenant_domain *d = NULL;
	char name[DOMAIN_MAX];
	size_t tenant = TENANT_NONE;

	if (domain_canonical(span_cstr(given), name) == ERR_OK)
		tenant = snapshot_find_domain(c->ctl->snapshot, span_cstr(name), &d);
	if (tenant == TENANT_NONE || strcmp(d->name, name) != 0) {
		ctl_error("no tenant has the domain %s", given);
		return EX_DATAERR;
	}
	if (!d->ring) {
		ctl_error(
		    "the keys of %s stand in its tenant's file (dkim_ring is not set)", name);
		return EX_DATAERR;
	}
	return add(c, d, snapshot_tenant(c->ctl->snapshot, tenant)->name);
}

static size_t count_domains(const struct snapshot *s)
{
	size_t n = 0;

	for (size_t i = 0; i < snapshot_tenant_count(s); i++)
		n += snapshot_tenant(s, i)->domain_count;
	return n;
}

/* Those that are named, from the first slot on; without any, all that have a ring. */
static int start(struct command *c, const struct grammar_match *match, size_t slots)
{
	const struct snapshot *s;
	int status = ctl_load(c->ctl);

	if (status != EX_OK)
		return status;
	s = c->ctl->snapshot;
	c->now_s = clock_wall_ns() / NS_PER_S;
	c->arena = arena_new((size_t)1 << 30);
	c->at = c->arena != NULL
		    ? arena_array(c->arena, count_domains(s) + slots + 1, sizeof *c->at)
		    : NULL;
	if (c->at == NULL)
		return EX_OSERR;
	for (size_t i = 0; i < slots && status == EX_OK; i++)
		status = add_named(c, grammar_slot(match, i));
	for (size_t i = 0; slots == 0 && i < snapshot_tenant_count(s); i++) {
		const struct tenant *t = snapshot_tenant(s, i);

		for (size_t k = 0; k < t->domain_count && status == EX_OK; k++)
			if (t->domains[k].ring)
				status = add(c, &t->domains[k], t->name);
	}
	return status;
}

static void end(struct command *c)
{
	arena_free(&c->arena);
	buf_free(&c->zone);
}

/* ---- writing ---- */

static int write_ring(struct command *c, const struct key_place *place, const struct managed *m)
{
	struct buf text = BUF_INIT(RING_OCTETS);
	char path[4096];
	enum err e;

	ring_path(c, m->domain, path, sizeof path);
	ring_put(&text, &m->ring);
	e = !buf_ok(&text)            ? ERR_NOMEM
	    : access(path, F_OK) == 0 ? file_replace(path, buf_span(&text), path)
				      : file_create(place->fd, RING_FILE, buf_span(&text), 0600,
					    place->owner, place->group);
	buf_free(&text);
	if (e == ERR_OK) {
		c->changed = true;
		return EX_OK;
	}
	ctl_error("%s: %s", path, err_text(e));
	return e == ERR_DENIED ? EX_NOPERM : EX_CANTCREAT;
}

/* Is the selector taken, in the ring or by a file that is none of the ring's? */
static bool is_taken(const struct key_place *place, struct ring *ring, const char *selector)
{
	char name[RING_SELECTOR_MAX + 8];

	(void)snprintf(name, sizeof name, "%s.pem", selector);
	return ring_find(ring, span_cstr(selector)) != NULL ||
	       faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

/* "pm", year and month, "r" or "e"; a second one of the month gets a number. */
static void choose_selector(const struct command *c, const struct key_place *place,
    struct ring *ring, enum ring_type type, char *out, size_t size)
{
	char now[ZONE_TEXT_MAX];
	const char *letter = type == RING_RSA ? "r" : "e";

	zone_format(zone_utc(), c->now_s, now);
	(void)snprintf(out, size, "pm%.4s%.2s%s", now, now + 5, letter);
	for (unsigned n = 2; is_taken(place, ring, out) && n < 1000; n++)
		(void)snprintf(out, size, "pm%.4s%.2s%s%u", now, now + 5, letter, n);
}

static int make_key(struct command *c, const struct key_place *place, struct managed *m,
    enum ring_type type, char selector[RING_SELECTOR_MAX])
{
	struct buf pem = BUF_INIT(KEY_OCTETS_MAX), record = BUF_INIT(KEY_OCTETS_MAX),
		   line = BUF_INIT(KEY_OCTETS_MAX);
	char name[RING_SELECTOR_MAX + 8];
	int status = EX_OK;
	enum err e;

	choose_selector(c, place, &m->ring, type, selector, RING_SELECTOR_MAX);
	(void)snprintf(name, sizeof name, "%s.pem", selector);
	e = genkey_make(type == RING_RSA ? GENKEY_RSA : GENKEY_ED25519, 2048, &pem, &record);
	if (e == ERR_OK && !ring_add(&m->ring, span_cstr(selector), type, c->now_s))
		e = ERR_FULL;
	if (e == ERR_OK)
		e = file_create(
		    place->fd, name, buf_span(&pem), 0600, place->owner, place->group);
	if (e != ERR_OK) {
		ctl_error("%s/%s: %s", place->path, name, err_text(e));
		status = e == ERR_DENIED ? EX_NOPERM : EX_CANTCREAT;
	} else {
		genkey_zone_line(
		    span_cstr(selector), span_cstr(m->domain->name), buf_span(&record), &line);
		buf_printf(&c->zone, "%s\n", buf_cstr(&line));
	}
	genkey_wipe(&pem);
	buf_free(&record);
	buf_free(&line);
	return status;
}

/* ---- rotate ---- */

static enum err plan_domain(
    void *context, size_t index, struct arena *arena, struct dns_plan *plan_r)
{
	const struct command *c = context;
	const struct tenant_domain *domain = c->at[index].domain;
	struct dns_public_key *keys = arena_array(arena, domain->key_count + 1, sizeof *keys);

	if (keys == NULL)
		return ERR_NOMEM;
	for (size_t i = 0; i < domain->key_count; i++) {
		enum dkim_state state = domain->keys[i].state;

		if (state == DKIM_GENERATED || state == DKIM_PUBLISHED)
			dns_public_key_read(domain->keys[i].path, arena, &keys[i]);
		else
			keys[i] = (struct dns_public_key){ .problem = "not asked for" };
	}
	return dns_plan_keys(domain, keys, arena, plan_r);
}

static enum err take_verdicts(void *context, size_t index, const struct dns_work *work)
{
	static const enum ring_seen seen[RECORD_STATES] = {
		[RECORD_GOOD] = RING_SEEN,
		[RECORD_PROPAGATING] = RING_MISSING,
		[RECORD_MISSING] = RING_MISSING,
		[RECORD_WRONG] = RING_MISSING,
		[RECORD_UNKNOWN] = RING_UNKNOWN,
	};
	struct command *c = context;
	struct managed *m = &c->at[index];

	for (size_t i = 0; i < m->ring.count && i < work->plan.count; i++)
		m->seen[i] = work->plan.at[i].problem != NULL ? RING_UNKNOWN
							      : seen[work->verdicts[i].state];
	return ERR_OK;
}

static void on_tick(void *context, size_t done, size_t count)
{
	struct command *c = context;

	progress_update(&c->progress, done, count, 0);
}

static void put_row(struct command *c, const struct managed *m, const char *selector,
    enum ring_type type, const char *step, const char *why)
{
	report_row(c->table,
	    (struct span[]){ span_cstr(m->domain->name), span_cstr(m->tenant),
		span_cstr(selector), span_cstr(ring_type_text(type)), span_cstr(step),
		span_cstr(why) },
	    6);
}

static const char *why_of(enum dkim_state state)
{
	static const char *const texts[DKIM_STATES] = {
		[DKIM_ACTIVE] = "it signs from now on",
		[DKIM_PUBLISHED] = "every server has its record; it waits for its turn",
		[DKIM_RETIRING] = "it does not sign any more; its record stays",
		[DKIM_REVOKED] = "publish its record with an empty p=",
	};

	return texts[state] != NULL ? texts[state] : "";
}

/* What waits for somebody, when there is no step. */
static void put_waiting(struct command *c, const struct managed *m)
{
	for (size_t i = 0; i < m->ring.count; i++)
		if (m->ring.at[i].state == DKIM_GENERATED && m->seen[i] != RING_SEEN)
			put_row(c, m, m->ring.at[i].selector, m->ring.at[i].type, "waiting",
			    m->seen[i] == RING_MISSING
				? "publish its record; not every server has it"
				: "DNS could not be asked");
}

static int carry_out(struct command *c, struct managed *m, const struct ring_step *steps,
    size_t count, const struct key_place *place)
{
	char selector[RING_SELECTOR_MAX] = "(new)";
	struct ring before = m->ring;
	int status = EX_OK;

	for (size_t i = 0; i < count && status == EX_OK; i++) {
		const struct ring_step *s = &steps[i];
		const struct ring_key *k = &before.at[s->key];

		if (s->action == RING_CHANGE) {
			put_row(c, m, k->selector, k->type, ring_state_text(s->state),
			    why_of(s->state));
		} else if (s->action == RING_REMOVE) {
			put_row(
			    c, m, k->selector, k->type, "removed", "its record may go, too");
		} else {
			if (!c->dry_run)
				status = make_key(c, place, m, s->type, selector);
			if (status == EX_OK)
				put_row(
				    c, m, selector, s->type, "generated", "publish its record");
		}
	}
	if (c->dry_run || status != EX_OK)
		return status;
	ring_apply(&m->ring, steps, count, c->now_s);
	status = write_ring(c, place, m);
	for (size_t i = 0; i < count && status == EX_OK; i++) {
		char name[RING_SELECTOR_MAX + 8];

		if (steps[i].action != RING_REMOVE)
			continue;
		(void)snprintf(name, sizeof name, "%s.pem", before.at[steps[i].key].selector);
		if (unlinkat(place->fd, name, 0) < 0 && errno != ENOENT)
			ctl_error("%s/%s: %s", place->path, name, strerror(errno));
	}
	return status;
}

static int rotate_one(struct command *c, struct managed *m)
{
	struct ring_step steps[RING_STEPS_MAX];
	struct key_place place = { .fd = -1 };
	size_t count = ring_steps(&m->ring, &c->policy, c->now_s, m->seen, c->wanted, steps);
	int status = EX_OK;

	put_waiting(c, m);
	if (count > 0 && !c->dry_run)
		status = key_place_open(c->ctl, m->domain->name, NULL, &place);
	if (status == EX_OK && count > 0)
		status = carry_out(c, m, steps, count, &place);
	if (place.fd >= 0)
		close(place.fd);
	return status;
}

static bool read_policy(struct command *c, const struct grammar_match *match, size_t slots)
{
	const char *lifetime = grammar_value(match, "lifetime"),
		   *type = grammar_value(match, "type");

	c->policy = (struct ring_policy)RING_POLICY;
	c->policy.now = grammar_has(match, "now");
	c->policy.emergency = grammar_has(match, "emergency");
	c->dry_run = grammar_has(match, "dry-run");
	type = type != NULL ? type : "rsa";
	c->wanted[RING_RSA] = strcmp(type, "rsa") == 0 || strcmp(type, "both") == 0;
	c->wanted[RING_ED25519] = strcmp(type, "ed25519") == 0 || strcmp(type, "both") == 0;
	if (!c->wanted[RING_RSA] && !c->wanted[RING_ED25519]) {
		ctl_error("unknown key type \"%s\" (rsa, ed25519, both)", type);
		return false;
	}
	if (lifetime != NULL &&
	    (!quantity_duration(span_cstr(lifetime), &c->policy.lifetime_s) ||
		c->policy.lifetime_s <= c->policy.lead_s)) {
		ctl_error("--lifetime: a duration of more than 14 days, as in 180d");
		return false;
	}
	if (c->policy.emergency && slots == 0) {
		ctl_error("an emergency has a name: of which domains?");
		return false;
	}
	return true;
}

static int look_at_dns(struct command *c, const struct grammar_match *match)
{
	const struct dns_work_calls calls = { plan_domain, take_verdicts, on_tick, c };
	struct dns *dns = NULL;
	int status = dns_resolver_open(match, &dns);
	enum err e;

	if (status != EX_OK)
		return status;
	progress_start(&c->progress, "looking at DNS", c->ctl->progress);
	e = dns_work_run(dns, c->count, &calls);
	progress_end(&c->progress);
	dns_close(&dns);
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s", err_text(e));
	return EX_OSERR;
}

static struct report *new_report(struct command *c, const char *const *columns, size_t count)
{
	struct report *report = report_new();

	c->table = report != NULL ? report_table(report, "keys") : NULL;
	for (size_t i = 0; i < count && report != NULL; i++)
		report_column(
		    c->table, span_cstr(columns[i]), report_kind(span_cstr(columns[i])));
	return report;
}

/* What the daemons sign with follows at once. */
static int finish(struct command *c, struct report **report, int status)
{
	int printed = ctl_print(c->ctl, report);

	if (c->zone.n > 0 && c->ctl->style.format == REPORT_TABLE)
		printf("\n; publish this:\n%s", buf_cstr(&c->zone));
	if (c->changed && daemons_reload(c->ctl) != EX_OK && status == EX_OK)
		status = EX_UNAVAILABLE;
	return status == EX_OK ? printed : status;
}

int cmd_dkim_rotate(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const columns[] = { "domain", "tenant", "selector", "type", "step",
		"why" };
	struct command c = { .ctl = ctl, .zone = BUF_INIT((size_t)64 << 20) };
	struct report *report = new_report(&c, columns, ARRAY_SIZE(columns));
	int status = report != NULL ? EX_OK : EX_OSERR;

	if (status == EX_OK && !read_policy(&c, match, match->slot_count))
		status = EX_USAGE;
	if (status == EX_OK)
		status = start(&c, match, match->slot_count);
	if (status == EX_OK)
		status = look_at_dns(&c, match);
	if (status == EX_OK) {
		/* One domain's trouble is no other's. */
		for (size_t i = 0; i < c.count; i++) {
			int one = rotate_one(&c, &c.at[i]);

			status = status == EX_OK ? one : status;
		}
		if (ctl->left_out > 0) {
			ctl_error(
			    "tenants are broken, and their domains left out: penguinctl check");
			status = status == EX_OK ? EX_CONFIG : status;
		}
		status = finish(&c, &report, status);
	}
	report_free(&report);
	end(&c);
	return status;
}

/* ---- list ---- */

int cmd_dkim_list(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const columns[] = { "domain", "tenant", "selector", "type", "state",
		"since" };
	struct command c = { .ctl = ctl, .zone = BUF_INIT(16) };
	struct report *report = new_report(&c, columns, ARRAY_SIZE(columns));
	int status = report != NULL ? start(&c, match, match->slot_count) : EX_OSERR;

	for (size_t i = 0; status == EX_OK && i < c.count; i++)
		for (size_t k = 0; k < c.at[i].ring.count; k++) {
			const struct ring_key *key = &c.at[i].ring.at[k];
			char since[ZONE_TEXT_MAX];

			zone_format(zone_utc(), key->since_s, since);
			put_row(&c, &c.at[i], key->selector, key->type,
			    ring_state_text(key->state), since);
		}
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
	report_free(&report);
	end(&c);
	return status;
}

/* ---- by hand ---- */

static size_t count_active(const struct ring *r)
{
	size_t n = 0;

	for (size_t i = 0; i < r->count; i++)
		n += r->at[i].state == DKIM_ACTIVE;
	return n;
}

static void set(struct command *c, struct ring_key *k, enum dkim_state state)
{
	k->state = state;
	k->since_s = c->now_s;
}

/* The administrator's word in place of the proof. */
static bool activate(struct command *c, struct ring *r, const char *selector)
{
	struct ring_key *k = ring_find(r, span_cstr(selector));

	if (k == NULL || k->state == DKIM_REVOKED) {
		ctl_error("there is no key %s that could sign", selector);
		return false;
	}
	for (size_t i = 0; i < r->count; i++)
		if (&r->at[i] != k && r->at[i].type == k->type && r->at[i].state == DKIM_ACTIVE)
			set(c, &r->at[i], DKIM_RETIRING);
	set(c, k, DKIM_ACTIVE);
	return true;
}

static bool retire(struct command *c, struct ring *r, const char *selector)
{
	struct ring_key *k = ring_find(r, span_cstr(selector));

	if (k == NULL || k->state != DKIM_ACTIVE) {
		ctl_error("there is no active key %s", selector);
		return false;
	}
	if (count_active(r) == 1) {
		ctl_error(
		    "%s is the only key that signs: activate another one instead", selector);
		return false;
	}
	set(c, k, DKIM_RETIRING);
	return true;
}

/* The newest that retires signs again, in place of the one that followed it. */
static bool roll_back(struct command *c, struct ring *r, const char *selector UNUSED)
{
	for (size_t i = r->count; i-- > 0;)
		if (r->at[i].state == DKIM_RETIRING)
			return activate(c, r, r->at[i].selector);
	ctl_error("no key is retiring: there is nothing to go back to");
	return false;
}

static int by_hand(struct ctl *ctl, const struct grammar_match *match,
    bool (*change)(struct command *c, struct ring *r, const char *selector))
{
	static const char *const columns[] = { "domain", "tenant", "selector", "type", "step",
		"why" };
	struct command c = { .ctl = ctl, .zone = BUF_INIT(16) };
	struct report *report = new_report(&c, columns, ARRAY_SIZE(columns));
	struct key_place place = { .fd = -1 };
	int status = report != NULL ? start(&c, match, 1) : EX_OSERR;
	struct ring before;

	if (status != EX_OK)
		goto out;
	before = c.at[0].ring;
	if (!change(&c, &c.at[0].ring, grammar_slot(match, 1)))
		status = EX_DATAERR;
	if (status == EX_OK)
		status = key_place_open(ctl, c.at[0].domain->name, NULL, &place);
	if (status == EX_OK)
		status = write_ring(&c, &place, &c.at[0]);
	for (size_t i = 0; i < before.count && status == EX_OK; i++) {
		const struct ring_key *k = &c.at[0].ring.at[i];

		if (k->state != before.at[i].state)
			put_row(&c, &c.at[0], k->selector, k->type, ring_state_text(k->state),
			    why_of(k->state));
	}
	if (status == EX_OK)
		status = finish(&c, &report, status);
out:
	if (place.fd >= 0)
		close(place.fd);
	report_free(&report);
	end(&c);
	return status;
}

int cmd_dkim_activate(struct ctl *ctl, const struct grammar_match *match)
{
	return by_hand(ctl, match, activate);
}

int cmd_dkim_retire(struct ctl *ctl, const struct grammar_match *match)
{
	return by_hand(ctl, match, retire);
}

int cmd_dkim_rollback(struct ctl *ctl, const struct grammar_match *match)
{
	return by_hand(ctl, match, roll_back);
}
