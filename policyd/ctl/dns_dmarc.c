/* dns_dmarc - DMARC records and the tree walk. Knows no configuration. */
#include "dns_dmarc.h"
#include "dns_tags.h"
#include "domain.h"

static bool read_policy(struct span value, enum dmarc_policy *policy_r)
{
	static const struct span words[] = {
		[DMARC_NONE] = { "none", 4 },
		[DMARC_QUARANTINE] = { "quarantine", 10 },
		[DMARC_REJECT] = { "reject", 6 },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_eq_nocase(value, words[i])) {
			*policy_r = (enum dmarc_policy)i;
			return true;
		}
	}
	return false;
}

static bool read_mode(const struct dns_tags *tags, const char *name, bool *strict_r)
{
	struct span value;

	if (!dns_tags_get(tags, name, &value))
		return true;
	*strict_r = span_eq_nocase(value, SPAN("s"));
	return *strict_r || span_eq_nocase(value, SPAN("r"));
}

const char *dmarc_read(struct span text, struct dmarc_record *record_r)
{
	struct dns_tags tags;
	struct span value;
	const char *error = dns_tags_read(text, &tags);

	*record_r = (struct dmarc_record){ .psd = 'u' };
	if (error != NULL)
		return error;
	(void)dns_tags_get(&tags, "rua", &record_r->rua);
	if (dns_tags_get(&tags, "p", &value) && !read_policy(value, &record_r->p))
		return "p= is none of none, quarantine, reject";
	record_r->sp = record_r->p;
	if (dns_tags_get(&tags, "sp", &value) && !read_policy(value, &record_r->sp))
		return "sp= is none of none, quarantine, reject";
	if (!read_mode(&tags, "adkim", &record_r->strict_dkim))
		return "adkim= is neither r nor s";
	if (!read_mode(&tags, "aspf", &record_r->strict_spf))
		return "aspf= is neither r nor s";
	if (dns_tags_get(&tags, "psd", &value) && value.n == 1)
		record_r->psd = ascii_lower(value.p[0]);
	record_r->test = dns_tags_get(&tags, "t", &value) && span_eq_nocase(value, SPAN("y"));
	record_r->has_pct = dns_tags_get(&tags, "pct", &value);
	return NULL;
}

/* The one good record at "_dmarc." domain; several count as none. */
static bool at_domain(struct dns_book *book, struct span domain, struct dmarc_walk *walk,
    struct dmarc_record *record_r)
{
	char name[DOMAIN_MAX + 8];
	const struct dns_answer *answer;
	unsigned found = 0;

	(void)snprintf(name, sizeof name, "_dmarc.%.*s", SPAN_ARG(domain));
	answer = dns_book_ask(book, NULL, span_cstr(name), DNS_TXT);
	if (answer == NULL) {
		walk->pending = true;
		return false;
	}
	if (answer->status != DNS_FOUND) {
		walk->failed = walk->failed ||
			       (answer->status != DNS_NO_DATA && answer->status != DNS_NO_NAME);
		return false;
	}
	for (size_t i = 0; i < answer->count; i++) {
		struct span text = dns_answer_at(answer, i)->text;

		if (dns_tags_is(text, "DMARC1"))
			found += dmarc_read(text, record_r) == NULL ? 1 : 2;
	}
	return found == 1;
}

static struct span parent_of(struct span domain)
{
	return span_from(domain, span_find(domain, '.', 0) + 1);
}

static size_t labels(struct span domain)
{
	size_t n = domain.n > 0;

	for (size_t i = 0; i < domain.n; i++)
		n += domain.p[i] == '.';
	return n;
}

void dmarc_find(struct dns_book *book, struct span domain, struct dmarc_walk *walk_r)
{
	struct span at = domain, below = domain;

	*walk_r = (struct dmarc_walk){ .at = domain, .organisation = domain };
	for (unsigned n = 0; n < DMARC_WALK_MAX && at.n > 0; n++) {
		struct dmarc_record record;

		if (at_domain(book, at, walk_r, &record)) {
			/* Its own record, else the organisation's, else the registry's
			 * (section 4.10.1): those between do not count. */
			if (!walk_r->found || (record.psd != 'y' && walk_r->at.n < domain.n)) {
				walk_r->found = true;
				walk_r->at = at;
				walk_r->record = record;
			}
			/* A record with psd=n is the organisation's; below one with psd=y, it is
			 * the name one label longer; else the highest that has a record. */
			if (record.psd == 'y' && n > 0) {
				walk_r->organisation = below;
				break;
			}
			walk_r->organisation = at;
			if (record.psd == 'n')
				break;
		}
		below = at;
		at = parent_of(at);
		/* Long names are cut to seven labels after the first query. */
		while (n == 0 && labels(at) > DMARC_WALK_MAX - 1) {
			below = at;
			at = parent_of(at);
		}
	}
}

bool dmarc_aligned(struct span from, struct span other, bool strict,
    struct span from_organisation, struct span other_organisation)
{
	if (span_eq_nocase(from, other))
		return true;
	return !strict && span_eq_nocase(from_organisation, other_organisation);
}

void dmarc_advise(const struct dmarc_record *record, struct buf *out)
{
	if (record->rua.n == 0)
		buf_add_cstr(out, "without rua= nobody reports who sends in this name; ");
	if (record->has_pct)
		buf_add_cstr(out, "pct= is no longer read (RFC 9989); ");
	if (record->test)
		buf_add_cstr(out, "t=y: receivers only test the policy; ");
	else if (record->p == DMARC_NONE)
		buf_add_cstr(out, "p=none only watches: once the reports of 30 days show all "
				  "of your mail aligned, p=quarantine; ");
	else if (record->p == DMARC_QUARANTINE)
		buf_add_cstr(out, "once the reports of 90 days show all of your mail "
				  "aligned, p=reject; ");
	if (out->n >= 2)
		out->n -= 2;
}

bool dmarc_next_rua(struct span *rest_io, struct span *domain_r)
{
	struct span piece;

	while (span_next(rest_io, ',', &piece)) {
		size_t at;

		piece = span_trim(piece);
		if (!span_eq_nocase(span_head(piece, 7), SPAN("mailto:")))
			continue;
		piece = span_head(piece, span_find(piece, '!', 0));
		at = span_find(piece, '@', 0);
		if (at < piece.n) {
			*domain_r = span_from(piece, at + 1);
			return true;
		}
	}
	return false;
}
