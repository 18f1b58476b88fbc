/* cmd_token - "token keys" makes and lists the keys of links and return paths; "token show" says
 * what a token carries. The platform's key stays root's; each purpose's file goes to the milter,
 * which mints, and to the group of the process that reads. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "daemon.h"
#include "domain.h"
#include "file.h"
#include "hash.h"
#include "token_payload.h"
#include "token_ring.h"
#include "zone.h"

#define PATH_OCTETS   4096
#define PLATFORM_NAME "platform.keys"

/* ---- keys list ---- */

static void put_columns(struct report_table *t)
{
	report_column(t, SPAN("purpose"), CELL_TEXT);
	report_column(t, SPAN("id"), CELL_NUMBER);
	report_column(t, SPAN("since"), CELL_TEXT);
	report_column(t, SPAN("mints"), CELL_YES_NO);
}

static void put_ring(struct report_table *t, const char *purpose, const struct token_ring *ring)
{
	for (size_t i = 0; i < ring->count; i++) {
		char id[8];
		struct span row[] = { span_cstr(purpose), { id, 0 },
			span_cstr(ring->at[i].since),
			i + 1 == ring->count ? SPAN("yes") : SPAN("no") };

		row[1].n = (size_t)snprintf(id, sizeof id, "%u", ring->at[i].id);
		report_row(t, row, ARRAY_SIZE(row));
	}
}

int cmd_token_keys_list(struct ctl *ctl, const struct grammar_match *match UNUSED)
{
	struct report *report = report_new();
	int status = ctl_load_provider(ctl);
	struct report_table *table;

	if (report == NULL)
		status = EX_OSERR;
	if (status != EX_OK)
		goto out;
	table = report_table(report, "keys");
	put_columns(table);
	for (int p = 0; p < TOKEN_PURPOSES; p++) {
		struct token_ring *ring;
		char error[PATH_OCTETS + 256];

		if (token_ring_read(ctl_provider(ctl)->tokens.keys, (enum token_purpose)p,
			&ring, error, sizeof error) == ERR_OK) {
			put_ring(table, token_purpose_text((enum token_purpose)p), ring);
		} else {
			ctl_error("%s", error);
			status = EX_NOINPUT;
		}
		token_ring_free(&ring);
	}
	if (report_rows(table) > 0) {
		int printed = ctl_print(ctl, &report);

		status = status == EX_OK ? printed : status;
	}
out:
	report_free(&report);
	return status;
}

/* ---- keys rotate ---- */

struct keys_place {
	const char *directory;
	int fd;
	uid_t milter; /* owns the files of the purposes; (uid_t)-1: we do */
	gid_t readers[TOKEN_PURPOSES];
};

/* A user by number may have no group of its own: then the number is the group's, too. */
static bool find_account(const char *user, const char *group, uid_t *uid_r, gid_t *gid_r)
{
	char error[512];
	uint64_t number;

	if (group[0] == '\0' && span_u64(span_cstr(user), &number))
		group = user;
	if (daemon_find_account(user, group, uid_r, gid_r, error, sizeof error) == ERR_OK)
		return true;
	ctl_error("%s", error);
	return false;
}

/* What penguin-web opens, it reads by its group. It may not be installed: then nobody does. */
static void find_web(const struct provider *p, struct keys_place *place)
{
	static const enum token_purpose purposes[] = { TOKEN_CLICK, TOKEN_OPEN,
		TOKEN_UNSUBSCRIBE };
	char error[512];
	gid_t group;
	uid_t user;

	if (p->web.user[0] == '\0' || daemon_find_account(p->web.user, p->web.group, &user,
					  &group, error, sizeof error) != ERR_OK)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(purposes); i++)
		place->readers[purposes[i]] = group;
}

/* As root: who reads a purpose besides the milter does so by its group. */
static bool find_readers(const struct ctl *ctl, struct keys_place *place)
{
	const struct provider *p = ctl_provider(ctl);
	gid_t group;
	uid_t user;

	place->milter = (uid_t)-1;
	for (size_t i = 0; i < TOKEN_PURPOSES; i++)
		place->readers[i] = (gid_t)-1;
	if (geteuid() != 0 || p->milter.user[0] == '\0' || p->policyd.user[0] == '\0')
		return true;
	if (!find_account(p->milter.user, p->milter.group, &place->milter, &group) ||
	    !find_account(p->policyd.user, p->policyd.group, &user, &group))
		return false;
	place->readers[TOKEN_RETURN] = group;
	find_web(p, place);
	return true;
}

static int open_place(const struct ctl *ctl, struct keys_place *place)
{
	bool made;

	place->directory = ctl_provider(ctl)->tokens.keys;
	if (!find_readers(ctl, place))
		return EX_NOUSER;
	made = mkdir(place->directory, 0755) == 0;
	if (!made && errno != EEXIST) {
		ctl_error("%s: %s", place->directory, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_CANTCREAT;
	}
	place->fd = open(place->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	/* Three processes look into it, whatever the umask of who makes it. */
	if (place->fd >= 0 && (!made || fchmod(place->fd, 0755) == 0))
		return EX_OK;
	ctl_error("%s: %s", place->directory, strerror(errno));
	return EX_NOINPUT;
}

/* Replaces or makes the file; a new one gets its owner before it has its name. */
static enum err write_ring(const struct keys_place *place, const char *name,
    const struct token_ring *ring, mode_t mode, uid_t owner, gid_t group)
{
	struct buf text = BUF_INIT(TOKEN_RING_OCTETS);
	char fresh[64], path[PATH_OCTETS];
	enum err e = ERR_TOOBIG;

	token_ring_put(ring, name, &text);
	(void)snprintf(fresh, sizeof fresh, ".%s.new", name);
	if (buf_ok(&text) && (size_t)snprintf(path, sizeof path, "%s/%s", place->directory,
				 name) < sizeof path) {
		(void)unlinkat(place->fd, fresh, 0);
		e = file_create(place->fd, fresh, buf_span(&text), mode, owner, group);
	}
	if (e == ERR_OK &&
	    (renameat(place->fd, fresh, place->fd, name) != 0 || fsync(place->fd) != 0))
		e = err_from_errno(errno);
	if (text.p != NULL)
		token_wipe(text.p, text.size);
	buf_free(&text);
	if (e != ERR_OK)
		ctl_error("%s/%s: %s", place->directory, name, err_text(e));
	return e;
}

static bool has_purpose_file(const struct keys_place *place)
{
	char name[64];

	for (int p = 0; p < TOKEN_PURPOSES; p++) {
		(void)snprintf(
		    name, sizeof name, "%s.keys", token_purpose_text((enum token_purpose)p));
		if (faccessat(place->fd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
			return true;
	}
	return false;
}

/* A new platform beside keys that are in use would end all links that were ever sent. */
static int read_platform(const struct keys_place *place, struct token_ring *platform)
{
	char path[PATH_OCTETS], error[PATH_OCTETS + 256];
	enum err e;

	(void)snprintf(path, sizeof path, "%s/%s", place->directory, PLATFORM_NAME);
	e = token_ring_read_file(path, false, platform, error, sizeof error);
	if (e == ERR_NOTFOUND && !has_purpose_file(place)) {
		platform->count = 0;
		return EX_OK;
	}
	if (e == ERR_OK)
		return EX_OK;
	ctl_error("%s", error);
	if (e == ERR_NOTFOUND)
		ctl_error("restore it: without it no link that was sent would work any more");
	return e == ERR_DENIED ? EX_NOPERM : EX_DATAERR;
}

static int add_key(struct token_ring *platform)
{
	struct token_secret *s = &platform->at[platform->count];
	unsigned last = platform->count > 0 ? s[-1].id : 0;
	char now[ZONE_TEXT_MAX];

	if (platform->count == TOKEN_KEYS_MAX || last == TOKEN_KEYS_MAX) {
		ctl_error("there are %u keys already", TOKEN_KEYS_MAX);
		return EX_UNAVAILABLE;
	}
	s->id = (uint8_t)(last + 1);
	zone_format(zone_utc(), clock_wall_ns() / NS_PER_S, now);
	(void)span_copy(
	    span_head(span_cstr(now), TOKEN_DATE_OCTETS), s->since, sizeof s->since);
	if (random_octets(s->key, sizeof s->key) != ERR_OK)
		return EX_OSERR;
	platform->count++;
	return EX_OK;
}

static int write_purposes(const struct keys_place *place, const struct token_ring *platform,
    struct report_table *table)
{
	struct token_ring *ring = calloc(1, sizeof *ring);
	int status = ring != NULL ? EX_OK : EX_OSERR;
	char name[64];

	for (int i = 0; status == EX_OK && i < TOKEN_PURPOSES; i++) {
		enum token_purpose p = (enum token_purpose)i;

		(void)snprintf(name, sizeof name, "%s.keys", token_purpose_text(p));
		if (token_ring_derive(platform, p, ring) != ERR_OK)
			status = EX_SOFTWARE;
		else if (write_ring(place, name, ring, 0640, place->milter,
			     place->readers[p]) != ERR_OK)
			status = EX_CANTCREAT;
		else
			put_ring(table, token_purpose_text(p), ring);
	}
	token_ring_free(&ring);
	return status;
}

int cmd_token_keys_rotate(struct ctl *ctl, const struct grammar_match *match)
{
	struct token_ring *platform = calloc(1, sizeof *platform);
	struct report *report = report_new();
	struct keys_place place = { .fd = -1 };
	int status = ctl_load_provider(ctl);
	struct report_table *table;

	if (platform == NULL || report == NULL)
		status = EX_OSERR;
	if (status == EX_OK)
		status = open_place(ctl, &place);
	if (status == EX_OK)
		status = read_platform(&place, platform);
	if (status == EX_OK && grammar_has(match, "if-missing") && platform->count > 0)
		goto out;
	if (status == EX_OK)
		status = add_key(platform);
	if (status != EX_OK)
		goto out;
	table = report_table(report, "keys");
	put_columns(table);
	/* First the platform's: what is derived from it can be made again. */
	if (write_ring(&place, PLATFORM_NAME, platform, 0600, (uid_t)-1, (gid_t)-1) != ERR_OK)
		status = EX_CANTCREAT;
	if (status == EX_OK)
		status = write_purposes(&place, platform, table);
	if (status == EX_OK)
		status = ctl_print(ctl, &report);
	if (status == EX_OK)
		ctl_note(ctl, "now: penguinctl reload; and keep a copy of %s/%s",
		    place.directory, PLATFORM_NAME);
out:
	if (place.fd >= 0)
		close(place.fd);
	token_ring_free(&platform);
	report_free(&report);
	return status;
}

/* ---- show ---- */

/* What was given, taken apart: a link, a return path, or a bare token with --host. */
struct given {
	char host[DOMAIN_MAX];
	struct span token;
	int purpose; /* enum token_purpose, or -1: any */
};

static int purpose_of(struct span letter)
{
	static const char letters[] = "cou";

	for (int i = 0; letters[i] != '\0'; i++)
		if (letter.n == 1 && letter.p[0] == letters[i])
			return i;
	return -1;
}

static bool take_apart(const char *text, const char *host, struct given *g)
{
	struct span s = span_cstr(text), name = span_cstr(host), piece, rest;
	size_t at;

	*g = (struct given){ .token = s, .purpose = -1 };
	if (span_starts(s, SPAN("https://")) || span_starts(s, SPAN("http://"))) {
		rest = span_from(s, span_find(s, ':', 0) + 3);
		(void)span_next(&rest, '/', &name);
		(void)span_next(&rest, '/', &piece);
		g->purpose = purpose_of(piece);
		g->token = span_head(rest, span_find(rest, '?', 0));
		if (g->purpose < 0)
			return false;
	} else if ((at = span_find(s, '@', 0)) < s.n) {
		name = span_from(s, at + 1);
		s = span_head(s, at);
		g->token = span_from(s, span_find(s, '+', 0) + 1);
		g->purpose = TOKEN_RETURN;
	}
	return domain_canonical(name, g->host) == ERR_OK;
}

static void put_id(struct report *r, const char *name, uint64_t value)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%016llx", (unsigned long long)value);

	report_field(r, name, CELL_TEXT, span_make(text, (size_t)n));
}

static void put_number(struct report *r, const char *name, unsigned value)
{
	char text[32];
	int n = snprintf(text, sizeof text, "%u", value);

	report_field(r, name, CELL_NUMBER, span_make(text, (size_t)n));
}

static void put_expiry(struct report *r, uint32_t hours)
{
	char text[ZONE_TEXT_MAX];

	zone_format(zone_utc(), (int64_t)hours * 3600, text);
	report_field(
	    r, "counts_until", CELL_TEXT, hours > 0 ? span_cstr(text) : SPAN("for ever"));
}

static bool show_click(struct report *r, struct span payload)
{
	struct token_click t;

	if (token_get_click(payload, &t) != ERR_OK)
		return false;
	put_id(r, "message", t.message);
	put_number(r, "link", t.link);
	put_id(r, "recipient", t.recipient);
	put_expiry(r, t.expires_h);
	report_field(r, "target", CELL_TEXT, t.target);
	return true;
}

static bool show_open(struct report *r, struct span payload)
{
	struct token_open_pixel t;

	if (token_get_open(payload, &t) != ERR_OK)
		return false;
	put_id(r, "message", t.message);
	put_id(r, "recipient", t.recipient);
	put_expiry(r, t.expires_h);
	return true;
}

static bool show_unsubscribe(struct report *r, struct span payload)
{
	struct token_unsubscribe t;

	if (token_get_unsubscribe(payload, &t) != ERR_OK)
		return false;
	put_id(r, "message", t.message);
	report_field(r, "stream", CELL_TEXT, t.stream);
	report_field(r, "address", CELL_TEXT, t.address);
	return true;
}

static bool show_return(struct report *r, struct span payload)
{
	struct token_return t;

	if (token_get_return(payload, &t) != ERR_OK)
		return false;
	put_id(r, "message", t.message);
	put_number(r, "source", t.source);
	put_number(r, "stream", t.stream);
	report_field(
	    r, "split", CELL_YES_NO, (t.flags & TOKEN_SPLIT) != 0 ? SPAN("yes") : SPAN("no"));
	return true;
}

static bool (*const shows[TOKEN_PURPOSES])(struct report *, struct span) = {
	[TOKEN_CLICK] = show_click,
	[TOKEN_OPEN] = show_open,
	[TOKEN_UNSUBSCRIBE] = show_unsubscribe,
	[TOKEN_RETURN] = show_return,
};

/* True: it is one of this purpose, and its contents are in the report. */
static bool try_purpose(struct ctl *ctl, const struct given *g, enum token_purpose purpose,
    const struct tenant *tenant, struct report *report)
{
	uint8_t payload[TOKEN_PAYLOAD_MAX];
	char error[PATH_OCTETS + 256];
	struct token_key *key = NULL;
	struct token_ring *ring;
	bool shown = false;
	size_t n;

	if (token_ring_read(ctl_provider(ctl)->tokens.keys, purpose, &ring, error,
		sizeof error) != ERR_OK) {
		ctl_error("%s", error);
		return false;
	}
	key = token_key_new(ring, span_cstr(tenant->name));
	if (key != NULL &&
	    token_open(key, span_cstr(g->host), g->token, payload, &n) == ERR_OK) {
		report_field(
		    report, "purpose", CELL_TEXT, span_cstr(token_purpose_text(purpose)));
		report_field(report, "tenant", CELL_TEXT, span_cstr(tenant->name));
		report_field(report, "host", CELL_TEXT, span_cstr(g->host));
		put_number(report, "key", token_key_id(key, g->token));
		shown = shows[purpose](report, span_make((const char *)payload, n));
	}
	token_key_free(&key);
	token_ring_free(&ring);
	return shown;
}

int cmd_token_show(struct ctl *ctl, const struct grammar_match *match)
{
	const char *host = grammar_value(match, "host");
	struct report *report = report_new();
	struct given g;
	size_t index;
	bool shown = false;
	int status = EX_USAGE;

	if (report == NULL || !take_apart(grammar_slot(match, 0), host, &g)) {
		ctl_error("expected a link of ours, a return path, or a token and --host");
		goto out;
	}
	status = ctl_load(ctl);
	if (status != EX_OK)
		goto out;
	for (int p = 0; !shown && p < TOKEN_PURPOSES; p++) {
		if (g.purpose >= 0 && p != g.purpose)
			continue;
		index = (p == TOKEN_RETURN ? snapshot_find_bounce_domain
					   : snapshot_find_tracking_host)(
		    ctl->snapshot, span_cstr(g.host), NULL);
		if (index != TENANT_NONE)
			shown = try_purpose(ctl, &g, (enum token_purpose)p,
			    snapshot_tenant(ctl->snapshot, index), report);
	}
	status = shown ? ctl_print(ctl, &report) : EX_DATAERR;
	if (!shown)
		ctl_error("no token of a tenant with the host %s", g.host);
out:
	report_free(&report);
	return status;
}
