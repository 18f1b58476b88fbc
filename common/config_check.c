/* config_check - rules for single values and groups. Knows no libconfig and no other tenant. */
#include <stdio.h>

#include "addr.h"
#include "config_check.h"
#include "domain.h"
#include "keyring.h"
#include "net.h"

const char *check_not_empty(struct span value)
{
	return value.n == 0 ? "must not be empty" : NULL;
}

const char *check_name(struct span value)
{
	bool ok = value.n > 0 && value.n <= CONFIG_NAME_MAX &&
		  (ascii_alpha(value.p[0]) || ascii_digit(value.p[0]));

	for (size_t i = 0; ok && i < value.n; i++)
		ok = ascii_alpha(value.p[i]) || ascii_digit(value.p[i]) ||
		     strchr("._-", value.p[i]) != NULL;
	return ok ? NULL : "a name is a letter or digit, then up to 62 of A-Z a-z 0-9 . _ -";
}

const char *check_account(struct span value)
{
	if (value.n == 0)
		return "must not be empty";
	return span_find(value, ' ', 0) < value.n || span_find(value, ':', 0) < value.n
		   ? "is not the name of an account"
		   : NULL;
}

const char *check_account_or_empty(struct span value)
{
	return value.n == 0 ? NULL : check_account(value);
}

const char *check_socket(struct span value)
{
	bool ok = (value.n > 1 && value.p[0] == '/') ||
		  (value.n > 5 && span_starts(value, SPAN("unix:"))) ||
		  (value.n > 5 && span_starts(value, SPAN("inet:")));

	return ok ? NULL : "expected \"unix:PATH\", \"inet:HOST:PORT\" or an absolute path";
}

const char *check_host_port(struct span value)
{
	struct net_address address;
	char name[128], error[256];

	if (value.n < sizeof name - 5 && value.n > 0) {
		int n = snprintf(name, sizeof name, "inet:%.*s", SPAN_ARG(value));

		if (net_parse(span_make(name, (size_t)n), "/", &address, error, sizeof error) ==
		    ERR_OK)
			return NULL;
	}
	return "expected a numeric address and a port, as in \"127.0.0.1:8025\"";
}

const char *check_absolute(struct span value)
{
	return value.n > 0 && value.p[0] == '/' ? NULL : "expected an absolute path";
}

const char *check_socket_or_empty(struct span value)
{
	return value.n == 0 ? NULL : check_socket(value);
}

const char *check_absolute_or_empty(struct span value)
{
	return value.n == 0 ? NULL : check_absolute(value);
}

/* Only loopback: whoever reaches this port sends without being counted. */
const char *check_split_or_empty(struct span value)
{
	struct span name = SPAN("inet:");
	struct net_address address;
	char space[80], error[256];

	if (value.n == 0)
		return NULL;
	if (name.n + value.n < sizeof space) {
		memcpy(space, name.p, name.n);
		memcpy(space + name.n, value.p, value.n);
		name = span_make(space, name.n + value.n);
		if (net_parse(name, "/", &address, error, sizeof error) == ERR_OK &&
		    address.port != 0 &&
		    (strncmp(address.host, "127.", 4) == 0 || strcmp(address.host, "::1") == 0))
			return NULL;
	}
	return "expected a loopback address and a port: \"127.0.0.1:10027\"";
}

const char *check_key_file(struct span value)
{
	struct span rest = value, part;

	if (value.n == 0 || value.p[value.n - 1] == '/')
		return "expected the name of a file";
	/* A tenant's keys are below one directory; nothing may lead out of it again. */
	while (span_next(&rest, '/', &part))
		if (span_eq(part, SPAN("..")))
			return "\"..\" is not allowed";
	return NULL;
}

const char *check_domain(struct span value)
{
	char canonical[DOMAIN_MAX];

	return domain_canonical(value, canonical) == ERR_OK ? NULL : "is not a domain name";
}

const char *check_domain_or_empty(struct span value)
{
	return value.n == 0 ? NULL : check_domain(value);
}

const char *check_spf_or_empty(struct span value)
{
	struct span rest = value, piece;

	while (span_next(&rest, ' ', &piece)) {
		for (size_t i = 0; i < piece.n; i++)
			if (piece.p[i] <= ' ' || piece.p[i] > '~' || piece.p[i] == '=')
				return "expected mechanisms, as in "
				       "\"include:_spf.example.net\"";
		if (piece.n == 0 || memchr("+-~?", piece.p[0], 4) != NULL ||
		    span_eq_nocase(piece, SPAN("all")))
			return "expected mechanisms that pass, one blank between them, no "
			       "\"all\"";
	}
	return NULL;
}

const char *check_selector(struct span value)
{
	return domain_selector_ok(value) ? NULL : "is not a DKIM selector";
}

const char *check_login(struct span value)
{
	bool wildcard = value.n > 2 && span_starts(value, SPAN("*@"));

	if (value.n == 0)
		return "must not be empty";
	if (value.n > CONFIG_LOGIN_MAX)
		return "is too long";
	if (span_find(value, '*', wildcard ? 1 : 0) < value.n)
		return "\"*\" stands only in front, as in \"*@acme.example\"";
	return wildcard && span_find(value, '@', 2) < value.n ? "has two \"@\"" : NULL;
}

/* RFC 3986 section 2.3: what needs no escape anywhere in a URI. */
static bool is_unreserved(char c)
{
	return ascii_alpha(c) || ascii_digit(c) || c == '-' || c == '.' || c == '_' || c == '~';
}

static bool is_hex(char c)
{
	return ascii_digit(c) || (ascii_lower(c) >= 'a' && ascii_lower(c) <= 'f');
}

/* Escapes that are none, and '@' in disguise. */
static bool has_bad_escape(struct span value)
{
	for (size_t i = span_find(value, '%', 0); i < value.n;
	     i = span_find(value, '%', i + 1)) {
		struct span hex = span_head(span_from(value, i + 1), 2);

		if (hex.n < 2 || !is_hex(hex.p[0]) || !is_hex(hex.p[1]) ||
		    span_eq(hex, SPAN("40")))
			return true;
	}
	return false;
}

const char *check_utm(struct span value)
{
	size_t equals = span_find(value, '=', 0);
	bool ok = span_starts(value, SPAN("utm_")) && equals > 4 && equals + 1 < value.n &&
		  value.n <= 128;

	/* No '@': an address has no place in a link. */
	for (size_t i = 0; ok && i < value.n; i++)
		ok = i == equals || is_unreserved(value.p[i]) ||
		     (i > equals && (value.p[i] == '%' || value.p[i] == '+'));
	if (ok && !has_bad_escape(value))
		return NULL;
	return "expected \"utm_NAME=VALUE\", at most 128 of A-Z a-z 0-9 - . _ ~ + and %XX";
}

const char *check_mailto(struct span value)
{
	struct addr addr;
	bool ok = addr_split(value, &addr) == ERR_OK && check_domain(addr.domain) == NULL;

	for (size_t i = 0; ok && i < addr.local.n; i++)
		ok = is_unreserved(addr.local.p[i]) || addr.local.p[i] == '+';
	return ok ? NULL : "expected an address of letters, digits and - . _ ~ + before the @";
}

const char *check_mailto_or_empty(struct span value)
{
	return value.n == 0 ? NULL : check_mailto(value);
}

#define LINE_OCTETS_MAX 200
#define PAGE_OCTETS_MAX 900

const char *check_line(struct span value)
{
	bool words = false;

	if (value.n > LINE_OCTETS_MAX)
		return "is too long for a line";
	if (!span_is_utf8(value))
		return "is not UTF-8";
	for (size_t i = 0; i < value.n; i++) {
		unsigned char c = (unsigned char)value.p[i];

		/* C1 controls are 0xc2 0x80 to 0xc2 0x9f in UTF-8. */
		if (c < ' ' || c == 0x7f ||
		    (c == 0xc2 && i + 1 < value.n && (unsigned char)value.p[i + 1] < 0xa0))
			return "has a control character";
		words = words || ascii_alpha((char)c) || ascii_digit((char)c) || c >= 0x80;
	}
	return words ? NULL : "must have a word";
}

/* It stands in mail, between quotes and at the end of a line. */
const char *check_page(struct span value)
{
	bool ok =
	    span_starts(value, SPAN("https://")) && value.n > 8 && value.n <= PAGE_OCTETS_MAX;

	for (size_t i = 0; ok && i < value.n; i++)
		ok =
		    value.p[i] > ' ' && value.p[i] <= '~' && strchr("<>\"", value.p[i]) == NULL;
	return ok ? NULL
		  : "expected \"https://...\" of printable ASCII, at most 900 characters";
}

const char *check_language(struct span value)
{
	bool ok = value.n >= 2 && value.n <= 35;

	for (size_t i = 0; ok && i < value.n; i++)
		ok = (value.p[i] >= 'a' && value.p[i] <= 'z') || ascii_digit(value.p[i]) ||
		     value.p[i] == '-';
	return ok ? NULL : "expected a language in lower case, as in \"en\" or \"pt-br\"";
}

/* It stands between '<' and '>' in a header field, on one line. */
const char *check_list_uri(struct span value)
{
	bool ok = value.n <= 900 &&
		  (span_starts(value, SPAN("https://")) || span_starts(value, SPAN("mailto:")));

	for (size_t i = 0; ok && i < value.n; i++)
		ok = value.p[i] > ' ' && value.p[i] <= '~' && value.p[i] != '<' &&
		     value.p[i] != '>';
	return ok ? NULL : "expected \"https://...\" or \"mailto:...\" of printable ASCII";
}

/* Gmail wants 5 to 15 characters; ':' parts the fields. */
const char *check_sender_id_or_empty(struct span value)
{
	bool ok = value.n == 0 || (value.n >= 5 && value.n <= 15);

	for (size_t i = 0; ok && i < value.n; i++)
		ok = ascii_alpha(value.p[i]) || ascii_digit(value.p[i]) || value.p[i] == '-' ||
		     value.p[i] == '_';
	return ok ? NULL : "expected 5 to 15 of A-Z a-z 0-9 - _";
}

/* ---- groups ---- */

/* The canonical form in place of what was written. */
static void make_canonical(struct config_reader *r, const char **name)
{
	char canonical[DOMAIN_MAX];

	if (*name != NULL && domain_canonical(span_cstr(*name), canonical) == ERR_OK)
		*name = arena_dup(r->arena, span_cstr(canonical));
}

/* Names of key files are below the directory of keys. */
static void make_key_path(struct config_reader *r, const char *directory, const char **path)
{
	char text[4096];
	int n;

	if (*path == NULL || (*path)[0] == '/' || directory == NULL)
		return;
	n = snprintf(text, sizeof text, "%s/%s", directory, *path);
	if (n < 0 || (size_t)n >= sizeof text)
		config_error(r, 0, "key: the path of a key file is too long");
	else
		*path = arena_dup(r->arena, span_make(text, (size_t)n));
}

void finish_policyd(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	if (group != NULL && p->policyd.idle_timeout_s < p->policyd.request_timeout_s)
		config_error(r, config_line(group, "idle_timeout", 0),
		    "idle_timeout is shorter than request_timeout");
}

void finish_milter(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	(void)group;
	/* milter.notices may stand before milter.keys, so it waits until here. */
	make_key_path(r, p->milter.keys, &p->milter.notice_key.path);
}

const struct network config_loopback[2] = {
	{ { [10] = 0xff, [11] = 0xff, [12] = 127 }, 96 + 8 },
	{ { [15] = 1 }, 128 },
};

/* Lists have no written default, and an empty list is a choice, too. */
void finish_web(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	(void)r;
	(void)group;
	if (p->web.proxies == NULL) {
		p->web.proxies = config_loopback;
		p->web.proxy_count = ARRAY_SIZE(config_loopback);
	}
	if (p->web.metrics == NULL) {
		p->web.metrics = config_loopback;
		p->web.metrics_count = ARRAY_SIZE(config_loopback);
	}
}

void finish_store(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	if (group != NULL && p->store.map_octets > p->store.map_ceiling)
		config_error(r, config_line(group, "map_size", 0),
		    "map_size is larger than map_ceiling");
}

void finish_notices(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	(void)group;
	make_canonical(r, &p->milter.notice_domain);
}

void finish_dns(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct provider *p = object;

	make_canonical(r, &p->dns.host);
	make_canonical(r, &p->dns.tracking_target);
	for (size_t i = 0; i < p->dns.address_count; i++)
		if (p->dns.addresses[i].bits != 128)
			config_error(r, config_line(group, "addresses", i),
			    "addresses: expected single addresses, not networks");
}

/* A complaint address elsewhere would need a second signature there (RFC 9477 section 3.1). */
static void check_complaint_address(struct config_reader *r,
    const struct config_setting_t *group, const struct tenant_domain *d)
{
	char domain[DOMAIN_MAX];
	struct addr addr;

	if (d->complaint_address == NULL || d->name == NULL ||
	    addr_split(span_cstr(d->complaint_address), &addr) != ERR_OK ||
	    domain_canonical(addr.domain, domain) != ERR_OK)
		return;
	if (!domain_is_within(span_cstr(domain), span_cstr(d->name)))
		config_error(r, config_line(group, "complaint_address", 0),
		    "complaint_address is neither at %s nor below it", d->name);
}

/* The keys of the domain's ring. Who may not read it (penguin-policyd) needs no keys; without a
 * file there are none yet. */
static void read_ring(
    struct config_reader *r, const struct config_setting_t *group, struct tenant_domain *d)
{
	char path[4096], error[4352];
	struct dkim_key *list;
	struct ring ring;
	enum err e;
	int n = snprintf(
	    path, sizeof path, "%s/%s/%s", r->provider->milter.keys, d->name, RING_FILE);

	if (n < 0 || (size_t)n >= sizeof path)
		return;
	e = ring_read(path, &ring, error, sizeof error);
	if (e == ERR_NOTFOUND || e == ERR_DENIED)
		return;
	list = arena_array(r->arena, ring.count + 1, sizeof *list);
	if (e != ERR_OK || list == NULL) {
		config_error(r, config_line(group, "dkim_ring", 0), "%s",
		    e != ERR_OK ? error : err_text(ERR_NOMEM));
		return;
	}
	for (size_t i = 0; i < ring.count; i++) {
		(void)snprintf(path, sizeof path, "%s/%s/%s.pem", r->provider->milter.keys,
		    d->name, ring.at[i].selector);
		list[i] = (struct dkim_key){ .selector = arena_dup(
						 r->arena, span_cstr(ring.at[i].selector)),
			.state = ring.at[i].state,
			.path = arena_dup(r->arena, span_cstr(path)) };
	}
	d->keys = list;
	d->key_count = ring.count;
}

void finish_domain(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct tenant_domain *d = object;

	make_canonical(r, &d->name);
	make_canonical(r, &d->tracking_host);
	make_canonical(r, &d->bounce_domain);
	check_complaint_address(r, group, d);
	if (d->ring && d->key_count > 0)
		config_error(r, config_line(group, "dkim_ring", 0),
		    "\"%s\" has keys here, and dkim_ring; it is one or the other",
		    d->name != NULL ? d->name : "");
	else if (d->ring && d->name != NULL)
		read_ring(r, group, d);
	for (size_t i = 0; i < d->key_count; i++)
		for (size_t k = 0; k < i; k++)
			if (d->keys[i].selector != NULL && d->keys[k].selector != NULL &&
			    span_eq_nocase(
				span_cstr(d->keys[i].selector), span_cstr(d->keys[k].selector)))
				config_error(r, config_line(group, "dkim", i),
				    "selector \"%s\" appears twice", d->keys[i].selector);
}

void finish_key(struct config_reader *r, const struct config_setting_t *group, void *object)
{
	struct dkim_key *k = object;

	(void)group;
	make_key_path(r, r->provider->milter.keys, &k->path);
}
