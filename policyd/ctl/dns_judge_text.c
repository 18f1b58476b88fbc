/* dns_judge_text - judges of TXT records: SPF, DKIM, DMARC and its reports, alignment, MTA-STS,
 * TLS-RPT. Pure over the book. */
#include "dns_dmarc.h"
#include "dns_ours.h"
#include "dns_record.h"
#include "dns_spf.h"
#include "dns_tags.h"
#include "domain.h"

/* ---- SPF ---- */

static bool is_spf(struct span text)
{
	return spf_is(text);
}

static void advise_merged(struct verdict *v, const struct dns_answer *answer, struct span add)
{
	struct span texts[8];
	size_t n = 0;

	for (size_t i = 0; i < answer->count && n < ARRAY_SIZE(texts); i++)
		if (spf_is(dns_answer_at(answer, i)->text))
			texts[n++] = dns_answer_at(answer, i)->text;
	if (v->advice.n > 0)
		buf_add_cstr(&v->advice, "; ");
	buf_add_cstr(&v->advice, "publish: ");
	spf_merge(texts, n, add, &v->advice);
}

/* Do all of our addresses pass? Without addresses: are our mechanisms there? */
static bool covers_ours(const struct expected *e, struct span text, const struct spf_sum *sum,
    char missing[NETWORK_ADDRESS_MAX])
{
	struct span rest = span_cstr(e->ours->spf), want, piece;

	missing[0] = '\0';
	for (size_t i = 0; i < e->ours->address_count && i < SPF_ADDRESSES_MAX; i++) {
		if (sum->result[i] != '+') {
			network_print_address(e->ours->addresses[i].bytes, missing);
			return false;
		}
	}
	if (e->ours->address_count > 0)
		return true;
	while (span_next(&rest, ' ', &want)) {
		struct span words = text;
		bool found = false;

		while (!found && span_next(&words, ' ', &piece))
			found = span_eq_nocase(piece, want);
		if (!found)
			return false;
	}
	return true;
}

static void judge_spf_sum(const struct expected *e, const struct dns_answer *answer,
    struct span text, const struct spf_sum *sum, struct verdict *v)
{
	struct span ours = span_cstr(e->ours->spf);
	char missing[NETWORK_ADDRESS_MAX];

	if (sum->error != NULL) {
		verdict_say(v, RECORD_WRONG, "%.*s %s (%u look-ups, %u of them void)",
		    SPAN_ARG(sum->error_at), sum->error, sum->lookups, sum->voids);
	} else if (!covers_ours(e, text, sum, missing)) {
		if (sum->uses_macros || sum->uses_ptr)
			verdict_say(v, RECORD_UNKNOWN,
			    "%s may pass by a macro, exists or ptr, which depends on the mail",
			    missing[0] != '\0' ? missing : "our host");
		else
			verdict_say(v, RECORD_WRONG, "%s does not pass",
			    missing[0] != '\0' ? missing : "our host");
		advise_merged(v, answer, ours);
	}
	if (v->state != RECORD_GOOD)
		return;
	if (sum->lookups >= SPF_LOOKUPS_WARN)
		verdict_warn(v, "%u of 10 look-ups are used", sum->lookups);
	if (e->ours->address_count > SPF_ADDRESSES_MAX)
		verdict_warn(v, "only the first %d addresses were checked", SPF_ADDRESSES_MAX);
	if (sum->uses_ptr)
		verdict_warn(v, "ptr should not be used (RFC 7208 section 5.5)");
	if (text.n > SPF_OCTETS_WARN)
		verdict_warn(v, "%zu octets: over 450 the answer may not fit", text.n);
}

void judge_spf(struct dns_book *book, const struct expected *e, const struct dns_answer *answer,
    struct verdict *v)
{
	struct spf_sum sum;
	struct span text;

	if (!verdict_one_text(v, answer, is_spf, "SPF", &text)) {
		if (v->state == RECORD_WRONG)
			advise_merged(v, answer, span_cstr(e->ours->spf));
		return;
	}
	spf_check(book, e->name, text, e->ours->addresses, e->ours->address_count, &sum);
	v->pending = sum.pending;
	if (sum.failed)
		verdict_say(v, RECORD_UNKNOWN, "DNS fails for a domain that it includes");
	else if (!sum.pending)
		judge_spf_sum(e, answer, text, &sum, v);
}

/* ---- DKIM ---- */

/* Everything at a selector is meant as a key. */
static bool is_any(struct span text)
{
	return text.n > 0;
}

static bool same_key(struct span a, struct span b)
{
	size_t i = 0, k = 0;

	for (;;) {
		while (i < a.n && memchr(" \t\r\n", a.p[i], 4) != NULL)
			i++;
		while (k < b.n && memchr(" \t\r\n", b.p[k], 4) != NULL)
			k++;
		if (i == a.n || k == b.n)
			return i == a.n && k == b.n;
		if (a.p[i++] != b.p[k++])
			return false;
	}
}

/* Is word one of a list with colons? */
static bool lists(struct span list, struct span word)
{
	struct span piece;

	while (span_next(&list, ':', &piece))
		if (span_eq_nocase(span_trim(piece), word))
			return true;
	return false;
}

/* RFC 6376 section 3.6.1, RFC 8463. */
static void judge_key(const struct expected *e, const struct dns_tags *tags, struct verdict *v)
{
	struct span p, k, value;
	bool has_k = dns_tags_get(tags, "k", &k);

	if (dns_tags_get(tags, "v", &value) &&
	    (!span_eq(value, SPAN("DKIM1")) || !span_eq(tags->at[0].name, SPAN("v"))))
		verdict_say(v, RECORD_WRONG, "v=DKIM1 must be the first tag");
	else if (!dns_tags_get(tags, "p", &p))
		verdict_say(v, RECORD_WRONG, "p= is missing");
	else if (p.n == 0)
		verdict_say(v, RECORD_WRONG,
		    "the key is revoked (p= is empty): mail must be "
		    "signed with another one");
	else if (!span_eq_nocase(has_k ? k : SPAN("rsa"), span_cstr(e->key_type)))
		verdict_say(v, RECORD_WRONG, "k= must be %s", e->key_type);
	else if (!same_key(p, e->key))
		verdict_say(v, RECORD_WRONG, "it is another key than the private one here");
	else if (dns_tags_get(tags, "h", &value) && !lists(value, SPAN("sha256")))
		verdict_say(v, RECORD_WRONG, "h= forbids sha256, which signatures use");
	else if (dns_tags_get(tags, "s", &value) && !lists(value, SPAN("email")) &&
		 !lists(value, SPAN("*")))
		verdict_say(v, RECORD_WRONG, "s= forbids mail");
	else if (dns_tags_get(tags, "t", &value) && lists(value, SPAN("y")))
		verdict_warn(v, "t=y: receivers treat the mail as unsigned");
}

void judge_dkim(struct dns_book *book UNUSED, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	struct dns_tags tags;
	struct span text;
	const char *error;

	if (!verdict_one_text(v, answer, is_any, "TXT", &text))
		return;
	error = dns_tags_read(text, &tags);
	if (error != NULL)
		verdict_say(v, RECORD_WRONG, "%s", error);
	else
		judge_key(e, &tags, v);
}

/* ---- DMARC ---- */

static bool is_dmarc(struct span text)
{
	/* Near misses count: a receiver would not see them, an admin should. */
	return span_eq_nocase(span_head(text, 7), SPAN("v=DMARC"));
}

static void inherit(struct dns_book *book, const struct expected *e, struct verdict *v)
{
	struct dmarc_walk walk;

	dmarc_find(book, e->domain, &walk);
	v->pending = walk.pending;
	if (walk.pending)
		return;
	if (walk.found) {
		v->state = RECORD_GOOD;
		buf_printf(&v->found, "(that of %.*s)", SPAN_ARG(walk.at));
		dmarc_advise(&walk.record, &v->advice);
	} else if (walk.failed) {
		verdict_say(v, RECORD_UNKNOWN, "DNS fails above the domain");
	}
}

void judge_dmarc(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	struct dmarc_record record;
	struct span text;
	const char *error;

	if (!verdict_one_text(v, answer, is_dmarc, "DMARC", &text)) {
		if (v->state == RECORD_MISSING)
			inherit(book, e, v);
		return;
	}
	if (!dns_tags_is(text, "DMARC1")) {
		verdict_say(v, RECORD_WRONG, "it must start with v=DMARC1;");
		return;
	}
	error = dmarc_read(text, &record);
	if (error != NULL) {
		verdict_say(v, RECORD_WRONG, "%s", error);
		return;
	}
	dmarc_advise(&record, &v->advice);
	v->warn = record.rua.n == 0 || record.test;
}

static bool is_agreement(struct span text)
{
	return dns_tags_is(text, "DMARC1");
}

/* RFC 9990 (RFC 7489 section 7.1): the other domain says that it takes our reports. */
void judge_reports(struct dns_book *book UNUSED, const struct expected *e UNUSED,
    const struct dns_answer *answer, struct verdict *v)
{
	struct span text;

	(void)verdict_one_text(v, answer, is_agreement, "TXT", &text);
	if (v->state == RECORD_MISSING)
		verdict_say(v, RECORD_MISSING, "until then reports are not sent there");
}

/* ---- alignment ---- */

/* name is the domain of return paths, domain that of From. */
void judge_alignment(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer UNUSED, struct verdict *v)
{
	struct dmarc_walk from, back;

	dmarc_find(book, e->domain, &from);
	dmarc_find(book, e->name, &back);
	v->pending = from.pending || back.pending;
	if (v->pending)
		return;
	buf_printf(&v->found, "%.*s and %.*s", SPAN_ARG(from.organisation),
	    SPAN_ARG(back.organisation));
	if (from.failed || back.failed) {
		verdict_say(v, RECORD_UNKNOWN, "DNS fails for the DMARC records");
		return;
	}
	/* Without any record there is no organisation to compare: names decide. */
	if (domain_is_within(e->name, e->domain) && !from.record.strict_spf)
		return;
	if (dmarc_aligned(e->domain, e->name, from.record.strict_spf, from.organisation,
		back.organisation))
		return;
	if (from.record.strict_spf)
		verdict_say(v, RECORD_WRONG,
		    "aspf=s wants the very same domain: take it out of the DMARC record");
	else
		verdict_say(v, RECORD_WRONG,
		    "SPF passes for a foreign domain: use a bounce domain below %.*s",
		    SPAN_ARG(from.organisation));
}

/* ---- MTA-STS (RFC 8461), TLS-RPT (RFC 8460) ---- */

static bool is_sts(struct span text)
{
	return dns_tags_is(text, "STSv1");
}

void judge_mta_sts(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	const struct dns_answer *host;
	char name[DOMAIN_MAX + 10];
	struct dns_tags tags;
	struct span text, id = SPAN("");
	const char *error;

	if (!verdict_one_text(v, answer, is_sts, "MTA-STS", &text))
		return;
	error = dns_tags_read(text, &tags);
	if (error == NULL && dns_tags_get(&tags, "id", &id))
		for (size_t i = 0; i < id.n; i++)
			if (!ascii_alpha(id.p[i]) && !ascii_digit(id.p[i]))
				error = "id= has other than letters and digits";
	if (error == NULL && (id.n == 0 || id.n > 32))
		error = "id= must have 1 to 32 letters and digits";
	if (error != NULL) {
		verdict_say(v, RECORD_WRONG, "%s", error);
		return;
	}
	(void)snprintf(name, sizeof name, "mta-sts.%.*s", SPAN_ARG(e->domain));
	host = dns_book_ask(book, NULL, span_cstr(name), DNS_A);
	v->pending = host == NULL;
	if (host != NULL && host->status != DNS_FOUND)
		verdict_say(v, RECORD_WRONG, "%s, which serves the policy: %s", name,
		    dns_status_text(host->status));
}

static bool is_tls_rpt(struct span text)
{
	return dns_tags_is(text, "TLSRPTv1");
}

void judge_tls_rpt(struct dns_book *book UNUSED, const struct expected *e UNUSED,
    const struct dns_answer *answer, struct verdict *v)
{
	struct dns_tags tags;
	struct span text, rua;
	const char *error;

	if (!verdict_one_text(v, answer, is_tls_rpt, "TLS-RPT", &text))
		return;
	error = dns_tags_read(text, &tags);
	if (error == NULL && (!dns_tags_get(&tags, "rua", &rua) ||
				 !(span_eq_nocase(span_head(rua, 7), SPAN("mailto:")) ||
				     span_eq_nocase(span_head(rua, 8), SPAN("https://")))))
		error = "rua= must be a mailto: or https: URI";
	if (error != NULL)
		verdict_say(v, RECORD_WRONG, "%s", error);
}
