/* dns_plan - the list of records. Knows the configuration's structs, no DNS. */
#include "dns_plan.h"
#include "domain.h"

#define RECORDS_MAX 256 /* of one domain: its keys, its addresses and a dozen */
#define STRING_MAX  255
#define TTL_S       3600

struct plan_writer {
	struct arena *arena;
	struct expected *at;
	size_t count;
	const struct dns_ours *ours;
	struct span domain;
	bool full;
};

static struct span format(struct plan_writer *w, const char *text, ...) PRINTF_LIKE(2, 3);

static struct span format(struct plan_writer *w, const char *text, ...)
{
	struct buf out = BUF_INIT(16384);
	va_list ap;
	char *p;

	va_start(ap, text);
	buf_vprintf(&out, text, ap);
	va_end(ap);
	p = buf_ok(&out) ? arena_dup(w->arena, buf_span(&out)) : NULL;
	buf_free(&out);
	w->full = w->full || p == NULL;
	return span_cstr(p);
}

/* The next record; beyond the bound one that nobody sees. */
static struct expected *add(struct plan_writer *w, enum record_name kind, enum record_need need,
    enum dns_type type, struct span name, struct span text)
{
	struct expected *e = &w->at[w->count < RECORDS_MAX ? w->count : RECORDS_MAX - 1];

	w->full = w->full || w->count == RECORDS_MAX;
	w->count += w->count < RECORDS_MAX;
	*e = (struct expected){
		.kind = kind,
		.need = need,
		.type = type,
		.name = name,
		.text = text,
		.domain = w->domain,
		.ours = w->ours,
	};
	return e;
}

static enum err start(
    struct plan_writer *w, const struct dns_ours *ours, struct arena *arena, const char *domain)
{
	*w = (struct plan_writer){ .arena = arena, .ours = ours, .domain = span_cstr(domain) };
	w->at = arena_array(arena, RECORDS_MAX, sizeof *w->at);
	return w->at != NULL ? ERR_OK : ERR_NOMEM;
}

static enum err finish(const struct plan_writer *w, struct dns_plan *plan_r)
{
	*plan_r = (struct dns_plan){ w->at, w->count };
	return w->full ? ERR_NOMEM : ERR_OK;
}

static void plan_keys(struct plan_writer *w, const struct tenant_domain *domain,
    const struct dns_public_key *keys)
{
	struct expected *e;

	for (size_t i = 0; i < domain->key_count; i++) {
		bool revoked = domain->keys[i].state == DKIM_REVOKED;
		const char *p = NULL;

		e = add(w, RECORD_DKIM, revoked ? RECORD_OPTIONAL : RECORD_REQUIRED, DNS_TXT,
		    format(w, "%s._domainkey.%s", domain->keys[i].selector, domain->name),
		    revoked                   ? SPAN("v=DKIM1; p=")
		    : keys[i].problem == NULL ? keys[i].record
					      : SPAN(""));
		e->problem =
		    revoked ? "revoked: this says so, and goes with the key" : keys[i].problem;
		if (revoked) {
			e->problem_state = RECORD_GOOD;
			e->key_type = keys[i].type;
			continue;
		}
		e->problem_state = RECORD_UNKNOWN;
		e->key_type = keys[i].type;
		for (size_t k = 0; keys[i].problem == NULL && k + 2 < keys[i].record.n; k++)
			if (memcmp(keys[i].record.p + k, " p=", 3) == 0)
				p = keys[i].record.p + k + 3;
		if (p != NULL)
			e->key = span_from(keys[i].record, (size_t)(p - keys[i].record.p));
	}
	if (domain->key_count > 0)
		return;
	e = add(w, RECORD_DKIM, RECORD_REQUIRED, DNS_TXT,
	    format(w, "_domainkey.%s", domain->name), SPAN(""));
	e->problem = "the domain has no key: penguinctl dkim genkey makes one";
	e->problem_state = RECORD_MISSING;
}

enum err dns_plan_keys(const struct tenant_domain *domain, const struct dns_public_key *keys,
    struct arena *arena, struct dns_plan *plan_r)
{
	struct plan_writer w;
	enum err e = start(&w, NULL, arena, domain->name);

	if (e != ERR_OK)
		return e;
	plan_keys(&w, domain, keys);
	return finish(&w, plan_r);
}

static void plan_dmarc(struct plan_writer *w, const struct tenant_domain *domain)
{
	struct span reports = span_cstr(w->ours->reports);
	struct span receiver = span_from(reports, span_find(reports, '@', 0) + 1);

	add(w, RECORD_DMARC, RECORD_REQUIRED, DNS_TXT, format(w, "_dmarc.%s", domain->name),
	    reports.n > 0 ? format(w, "v=DMARC1; p=none; rua=mailto:%.*s", SPAN_ARG(reports))
			  : SPAN("v=DMARC1; p=none"));
	if (reports.n > 0 && !domain_is_within(span_cstr(domain->name), receiver) &&
	    !domain_is_within(receiver, span_cstr(domain->name)))
		add(w, RECORD_REPORTS, RECORD_ADVISED, DNS_TXT,
		    format(w, "%s._report._dmarc.%.*s", domain->name, SPAN_ARG(receiver)),
		    SPAN("v=DMARC1"));
}

static void plan_bounces(struct plan_writer *w, const struct tenant_domain *domain)
{
	struct span name = span_cstr(domain->bounce_domain);
	bool reports = w->ours->tls_reports[0] != '\0';

	add(w, RECORD_ALIGNMENT, RECORD_REQUIRED, (enum dns_type)0, name, SPAN(""));
	add(w, RECORD_MX, RECORD_REQUIRED, DNS_MX, name, format(w, "10 %s.", w->ours->host));
	add(w, RECORD_TLS_RPT, reports ? RECORD_ADVISED : RECORD_OPTIONAL, DNS_TXT,
	    format(w, "_smtp._tls.%s", domain->bounce_domain),
	    reports ? format(w, "v=TLSRPTv1; rua=mailto:%s", w->ours->tls_reports) : SPAN(""));
	w->domain = name;
	add(w, RECORD_MTA_STS, RECORD_OPTIONAL, DNS_TXT,
	    format(w, "_mta-sts.%s", domain->bounce_domain), SPAN(""));
	w->domain = span_cstr(domain->name);
}

static void plan_tracking(struct plan_writer *w, const struct tenant_domain *domain)
{
	struct span name = span_cstr(domain->tracking_host);

	add(w, RECORD_TRACKING, RECORD_REQUIRED, DNS_CNAME, name,
	    w->ours->target[0] != '\0' ? format(w, "%s.", w->ours->target) : SPAN(""));
	if (w->ours->issuers != NULL)
		add(w, RECORD_CAA, RECORD_ADVISED, DNS_CAA, name, SPAN(""));
}

enum err dns_plan_domain(const struct tenant_domain *domain, const struct dns_public_key *keys,
    const struct dns_ours *ours, struct arena *arena, struct dns_plan *plan_r)
{
	struct span name = span_cstr(domain->name);
	struct plan_writer w;
	enum err e = start(&w, ours, arena, domain->name);

	if (e != ERR_OK)
		return e;
	add(&w, RECORD_ZONE, RECORD_REQUIRED, (enum dns_type)0, name, SPAN(""));
	/* SPF is about the domain of the return path (RFC 7208 section 2.4). */
	add(&w, RECORD_SPF, RECORD_REQUIRED, DNS_TXT,
	    domain->bounce_domain != NULL ? span_cstr(domain->bounce_domain) : name,
	    format(&w, "v=spf1 %s ~all", ours->spf));
	plan_keys(&w, domain, keys);
	plan_dmarc(&w, domain);
	if (domain->bounce_domain != NULL)
		plan_bounces(&w, domain);
	if (domain->tracking_host != NULL)
		plan_tracking(&w, domain);
	return finish(&w, plan_r);
}

/* "1.2.0.192.in-addr.arpa" (RFC 1035 section 3.5), "…ip6.arpa" (RFC 3596 section 2.5). */
static struct span reverse_name(struct plan_writer *w, const uint8_t a[16])
{
	char out[80];
	size_t n = 0;

	if (network_is_v4(a))
		return format(w, "%u.%u.%u.%u.in-addr.arpa", a[15], a[14], a[13], a[12]);
	for (size_t i = 16; i-- > 0;)
		n += (size_t)snprintf(
		    out + n, sizeof out - n, "%x.%x.", a[i] & 15u, (unsigned)a[i] >> 4);
	return format(w, "%sip6.arpa", out);
}

enum err dns_plan_host(
    const struct dns_ours *ours, struct arena *arena, struct dns_plan *plan_r)
{
	struct span host = span_cstr(ours->host);
	struct plan_writer w;
	enum err e = start(&w, ours, arena, ours->host);

	if (e != ERR_OK)
		return e;
	add(&w, RECORD_ZONE, RECORD_REQUIRED, (enum dns_type)0, host, SPAN(""));
	add(&w, RECORD_ADDRESS, RECORD_REQUIRED, DNS_A, host, SPAN(""));
	/* Of notices with an empty sender the name in HELO is checked (section 2.3). */
	add(&w, RECORD_SPF, RECORD_ADVISED, DNS_TXT, host,
	    format(&w, "v=spf1 %s -all", ours->spf));
	for (size_t i = 0; i < ours->address_count; i++) {
		const uint8_t *address = ours->addresses[i].bytes;

		memcpy(add(&w, RECORD_PTR, RECORD_REQUIRED, DNS_PTR, reverse_name(&w, address),
			   format(&w, "%s.", ours->host))
			   ->address,
		    address, 16);
	}
	return finish(&w, plan_r);
}

void dns_plan_line(const struct expected *e, struct buf *out)
{
	struct span rest = e->text;

	if (rest.n == 0)
		return;
	buf_printf(out, "%.*s. %u IN %s", SPAN_ARG(e->name), TTL_S, dns_type_text(e->type));
	if (e->type != DNS_TXT) {
		buf_printf(out, " %.*s\n", SPAN_ARG(rest));
		return;
	}
	while (rest.n > 0) {
		struct span string = span_head(rest, STRING_MAX);

		buf_printf(out, " \"%.*s\"", SPAN_ARG(string));
		rest = span_from(rest, string.n);
	}
	buf_add_char(out, '\n');
}
