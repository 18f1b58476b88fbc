/* cmd_dkim - "dkim genkey": writes a new private key where penguin-milter looks for it and says
 * what belongs into DNS and into the tenant's file. Never overwrites a key. */
#include <unistd.h>

#include "clock.h"
#include "commands.h"
#include "domain.h"
#include "file.h"
#include "genkey.h"
#include "key_place.h"
#include "zone.h"

#define KEY_OCTETS_MAX 65536

struct request {
	char domain[DOMAIN_MAX];
	const char *directory; /* given, or NULL */
	const char *selector;  /* given, or NULL */
	unsigned bits;
	bool make[2]; /* by enum genkey_type */
};

static bool read_request(const struct grammar_match *match, struct request *q)
{
	const char *domain = grammar_slot(match, 0), *type = grammar_value(match, "type"),
		   *bits = grammar_value(match, "bits");
	uint64_t n = 2048;

	*q = (struct request){
		.directory = grammar_value(match, "directory"),
		.selector = grammar_value(match, "selector"),
	};
	if (domain_canonical(span_cstr(domain), q->domain) != ERR_OK) {
		ctl_error("\"%s\" is no domain", domain);
		return false;
	}
	if (q->selector != NULL && !domain_selector_ok(span_cstr(q->selector))) {
		ctl_error("\"%s\" is no selector", q->selector);
		return false;
	}
	type = type != NULL ? type : "rsa";
	q->make[GENKEY_RSA] = strcmp(type, "rsa") == 0 || strcmp(type, "both") == 0;
	q->make[GENKEY_ED25519] = strcmp(type, "ed25519") == 0 || strcmp(type, "both") == 0;
	if (!q->make[GENKEY_RSA] && !q->make[GENKEY_ED25519]) {
		ctl_error("unknown key type \"%s\" (rsa, ed25519, both)", type);
		return false;
	}
	/* RFC 8301 section 3.2: signers use at least 2048 bits; all verifiers handle 4096. */
	if (bits != NULL &&
	    (!span_u64(span_cstr(bits), &n) || (n != 2048 && n != 3072 && n != 4096))) {
		ctl_error("an RSA key has 2048, 3072 or 4096 bits");
		return false;
	}
	q->bits = (unsigned)n;
	return true;
}

/* "pm", year and month, "r" or "e"; a given selector gets the letter only beside another key. */
static void choose_selector(
    const struct request *q, enum genkey_type type, char *out, size_t size)
{
	char now[ZONE_TEXT_MAX];
	bool both = q->make[GENKEY_RSA] && q->make[GENKEY_ED25519];
	const char *letter = type == GENKEY_RSA ? "r" : "e";

	if (q->selector != NULL) {
		(void)snprintf(out, size, "%s%s", q->selector, both ? letter : "");
		return;
	}
	zone_format(zone_utc(), clock_wall_ns() / NS_PER_S, now);
	(void)snprintf(out, size, "pm%.4s%.2s%s", now, now + 5, letter);
}

static int make_key(struct ctl *ctl, const struct request *q, enum genkey_type type,
    const struct key_place *p, struct report_table *table, struct buf *config, struct buf *zone)
{
	struct buf pem = BUF_INIT(KEY_OCTETS_MAX), record = BUF_INIT(KEY_OCTETS_MAX),
		   line = BUF_INIT(KEY_OCTETS_MAX), path = BUF_INIT(8192);
	char selector[128], name[160];
	int status = EX_OK;
	enum err e;

	choose_selector(q, type, selector, sizeof selector);
	(void)snprintf(name, sizeof name, "%s.pem", selector);
	buf_printf(&path, "%s/%s", p->path, name);
	e = genkey_make(type, q->bits, &pem, &record);
	if (e == ERR_OK)
		e = file_create(p->fd, name, buf_span(&pem), 0600, p->owner, p->group);
	if (e != ERR_OK) {
		ctl_error("%s: %s%s", buf_cstr(&path), err_text(e),
		    e == ERR_EXISTS ? "; a key is never overwritten, choose another --selector"
				    : "");
		status = e == ERR_DENIED ? EX_NOPERM : EX_CANTCREAT;
		goto out;
	}
	genkey_zone_line(span_cstr(selector), span_cstr(q->domain), buf_span(&record), &line);
	buf_printf(zone, "%s\n", buf_cstr(&line));
	buf_printf(config, "%s\n\t{ selector = \"%s\"; key = \"%s%s%s\"; }",
	    config->n > 0 ? "," : "", selector, p->below_keys ? q->domain : p->path, "/", name);
	{
		struct buf dns = BUF_INIT(1024);
		struct span row[] = { span_cstr(selector),
			type == GENKEY_RSA ? SPAN("rsa") : SPAN("ed25519"), buf_span(&path),
			{ NULL, 0 }, buf_span(&record), buf_span(&line) };

		buf_printf(&dns, "%s._domainkey.%s", selector, q->domain);
		row[3] = buf_span(&dns);
		report_row(table, row, ARRAY_SIZE(row));
		buf_free(&dns);
	}
	ctl_note(ctl, "wrote %s", buf_cstr(&path));
out:
	genkey_wipe(&pem);
	buf_free(&record);
	buf_free(&line);
	buf_free(&path);
	return status;
}

int cmd_dkim_genkey(struct ctl *ctl, const struct grammar_match *match)
{
	static const char *const columns[] = { "selector", "type", "file", "dns-name",
		"dns-text", "zone-line" };
	struct buf config = BUF_INIT(KEY_OCTETS_MAX), zone = BUF_INIT(KEY_OCTETS_MAX);
	struct report *report = report_new();
	struct report_table *table;
	struct request q;
	struct key_place p = { .fd = -1 };
	int status = EX_USAGE;

	if (report == NULL || !read_request(match, &q))
		goto out;
	status = key_place_open(ctl, q.domain, q.directory, &p);
	report_field(report, "domain", CELL_TEXT, span_cstr(q.domain));
	table = report_table(report, "keys");
	for (size_t i = 0; i < ARRAY_SIZE(columns); i++)
		report_column(table, span_cstr(columns[i]), CELL_TEXT);
	for (int type = GENKEY_RSA; status == EX_OK && type <= GENKEY_ED25519; type++)
		if (q.make[type])
			status = make_key(
			    ctl, &q, (enum genkey_type)type, &p, table, &config, &zone);
	if (status == EX_OK && ctl->style.format == REPORT_TABLE)
		printf("; publish this in the zone of %s:\n%s\n"
		       "# then, in the domain's entry of the tenant's file:\n"
		       "dkim = (%s\n);\n",
		    q.domain, buf_cstr(&zone), buf_cstr(&config));
	else if (status == EX_OK)
		status = ctl_print(ctl, &report);
out:
	if (p.fd >= 0)
		close(p.fd);
	report_free(&report);
	buf_free(&config);
	buf_free(&zone);
	return status;
}
