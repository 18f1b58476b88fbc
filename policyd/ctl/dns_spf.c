/* dns_spf - terms of SPF records and their evaluation. Knows no configuration. */
#include "dns_spf.h"

/* Counting goes on over the limit, so that the message names the real sum; not for ever. */
#define COUNT_END 60
#define DEPTH_MAX 20

static const struct {
	struct span name;
	enum spf_kind kind;
	bool needs_domain;
} mechanisms[] = {
	{ { "all", 3 }, SPF_ALL, false },
	{ { "include", 7 }, SPF_INCLUDE, true },
	{ { "a", 1 }, SPF_A, false },
	{ { "mx", 2 }, SPF_MX, false },
	{ { "ptr", 3 }, SPF_PTR, false },
	{ { "ip4", 3 }, SPF_IP4, true },
	{ { "ip6", 3 }, SPF_IP6, true },
	{ { "exists", 6 }, SPF_EXISTS, true },
};

bool spf_is(struct span text)
{
	return span_eq_nocase(span_head(text, 6), SPAN("v=spf1")) &&
	       (text.n == 6 || text.p[6] == ' ');
}

static bool read_number(struct span text, unsigned most, unsigned *number_io)
{
	uint64_t n;

	if (text.n == 0)
		return true;
	if (!span_u64(text, &n) || n > most)
		return false;
	*number_io = (unsigned)n;
	return true;
}

/* Cuts "/24", "//64" or "/24//64" off the end of a mechanism (section 5.6). */
static bool read_bits(struct span *text, struct spf_term *term)
{
	size_t at = span_find(*text, '/', 0);
	struct span four = span_from(*text, at + 1), six = SPAN("");

	term->bits4 = 32;
	term->bits6 = 128;
	if (at == text->n)
		return true;
	*text = span_head(*text, at);
	at = span_find(four, '/', 0);
	if (at < four.n) {
		/* "//64" has nothing before its second slash, "/24//64" two behind the 24. */
		six = span_from(four, at + (at == 0 ? 1 : 2));
		if (six.n == 0 || (at > 0 && four.p[at + 1] != '/'))
			return false;
		four = span_head(four, at);
	} else if (four.n == 0) {
		return false;
	}
	if (term->kind == SPF_IP6)
		return six.n == 0 && read_number(four, 128, &term->bits6);
	return (six.n == 0 || term->kind != SPF_IP4) && read_number(four, 32, &term->bits4) &&
	       read_number(six, 128, &term->bits6);
}

static const char *read_mechanism(struct span text, struct spf_term *term)
{
	size_t end = 0;
	struct span name;

	while (end < text.n && text.p[end] != ':' && text.p[end] != '/')
		end++;
	name = span_head(text, end);
	for (size_t i = 0; i < ARRAY_SIZE(mechanisms); i++) {
		if (!span_eq_nocase(name, mechanisms[i].name))
			continue;
		term->kind = mechanisms[i].kind;
		text = span_from(text, end);
		if (text.n > 0 && text.p[0] == ':')
			text = span_from(text, 1);
		else if (mechanisms[i].needs_domain)
			return "has nothing behind it";
		if (!read_bits(&text, term))
			return "has a bad prefix length";
		term->domain = text;
		if (term->kind == SPF_ALL && text.n > 0)
			return "has something behind it";
		if (mechanisms[i].needs_domain && text.n == 0)
			return "has nothing behind it";
		if ((term->kind == SPF_IP4 || term->kind == SPF_IP6) &&
		    (!network_parse_address(text, term->address) ||
			network_is_v4(term->address) != (term->kind == SPF_IP4)))
			return "has no such address";
		return NULL;
	}
	return "is no mechanism that exists";
}

static const char *read_term(struct span text, struct spf_term *term)
{
	size_t equals = span_find(text, '=', 0), colon = span_find(text, ':', 0);

	*term = (struct spf_term){ .qualifier = '+', .text = text };
	if (equals < text.n && equals < colon && span_find(text, '/', 0) > equals) {
		struct span name = span_head(text, equals);

		term->kind = span_eq_nocase(name, SPAN("redirect")) ? SPF_REDIRECT : SPF_OTHER;
		term->domain = span_from(text, equals + 1);
		return equals == 0 || (term->kind == SPF_REDIRECT && term->domain.n == 0)
			   ? "is no modifier"
			   : NULL;
	}
	if (text.n > 0 && memchr("+-~?", text.p[0], 4) != NULL) {
		term->qualifier = text.p[0];
		text = span_from(text, 1);
	}
	return read_mechanism(text, term);
}

bool spf_read(
    struct span text, struct spf_record *record_r, const char **error_r, struct span *term_r)
{
	struct span rest = span_from(text, 6), piece;

	record_r->count = 0;
	*error_r = NULL;
	*term_r = SPAN("");
	while (span_next(&rest, ' ', &piece)) {
		if (piece.n == 0)
			continue;
		*term_r = piece;
		*error_r = record_r->count == SPF_TERMS_MAX
			       ? "is the 65th term"
			       : read_term(piece, &record_r->at[record_r->count]);
		if (*error_r != NULL)
			return false;
		record_r->count++;
	}
	return true;
}

/* ---- evaluation ---- */

struct walk {
	struct dns_book *book;
	const struct network *addresses;
	size_t count;
	struct spf_sum *sum;
};

static void fault(struct walk *w, const char *error, struct span at)
{
	if (w->sum->error == NULL) {
		w->sum->error = error;
		w->sum->error_at = at;
	}
}

/* NULL when it is not to be used: pending, failed or void, each noted. */
static const struct dns_answer *look_up(struct walk *w, struct span name, enum dns_type type)
{
	const struct dns_answer *answer = dns_book_ask(w->book, NULL, name, type);

	if (answer == NULL) {
		w->sum->pending = true;
		return NULL;
	}
	if (answer->status == DNS_FOUND)
		return answer;
	if (answer->status == DNS_NO_DATA || answer->status == DNS_NO_NAME)
		w->sum->voids++;
	else
		w->sum->failed = true;
	return NULL;
}

static bool covers(const uint8_t base[16], unsigned bits4, unsigned bits6, const uint8_t at[16])
{
	struct network n;

	if (network_is_v4(base) != network_is_v4(at))
		return false;
	memcpy(n.bytes, base, sizeof n.bytes);
	n.bits = (uint8_t)(network_is_v4(base) ? 96 + bits4 : bits6);
	return network_holds(&n, 1, at);
}

static void match(
    struct walk *w, const struct spf_term *term, const uint8_t base[16], char *result)
{
	for (size_t i = 0; i < w->count; i++)
		if (result[i] == 0 &&
		    covers(base, term->bits4, term->bits6, w->addresses[i].bytes))
			result[i] = term->qualifier;
}

/* The addresses of a host, in the families that ours have. */
static void match_host(
    struct walk *w, const struct spf_term *term, struct span host, char *result)
{
	bool v4 = w->count == 0, v6 = false;

	for (size_t i = 0; i < w->count; i++)
		*(network_is_v4(w->addresses[i].bytes) ? &v4 : &v6) = true;
	for (int pass = 0; pass < 2; pass++) {
		const struct dns_answer *answer;

		if (!(pass == 0 ? v4 : v6))
			continue;
		answer = look_up(w, host, pass == 0 ? DNS_A : DNS_AAAA);
		for (size_t i = 0; answer != NULL && i < answer->count; i++)
			match(w, term, dns_answer_at(answer, i)->address, result);
	}
}

static void match_mx(
    struct walk *w, const struct spf_term *term, struct span domain, char *result)
{
	const struct dns_answer *answer = look_up(w, domain, DNS_MX);

	if (answer == NULL)
		return;
	if (answer->count > SPF_MX_MAX) {
		fault(w, "leads to more than 10 MX hosts", term->text);
		return;
	}
	for (size_t i = 0; i < answer->count; i++)
		if (dns_answer_at(answer, i)->text.n > 0)
			match_host(w, term, dns_answer_at(answer, i)->text, result);
}

static void walk_record(
    struct walk *w, struct span domain, struct span text, unsigned depth, char *result);

/* The one record of an included or redirected domain. */
static void walk_domain(
    struct walk *w, const struct spf_term *term, unsigned depth, char *result)
{
	const struct dns_answer *answer = look_up(w, term->domain, DNS_TXT);
	struct span text = SPAN("");
	unsigned found = 0;

	if (answer == NULL && (w->sum->pending || w->sum->failed))
		return;
	for (size_t i = 0; answer != NULL && i < answer->count; i++) {
		if (spf_is(dns_answer_at(answer, i)->text)) {
			text = dns_answer_at(answer, i)->text;
			found++;
		}
	}
	if (found == 0)
		fault(w, "leads to a domain without an SPF record", term->text);
	else if (found > 1)
		fault(w, "leads to a domain with two SPF records", term->text);
	else
		walk_record(w, term->domain, text, depth + 1, result);
}

static void walk_term(struct walk *w, struct span domain, const struct spf_term *term,
    unsigned depth, char *result)
{
	struct span name = term->domain.n > 0 ? term->domain : domain;
	char inner[SPF_ADDRESSES_MAX] = { 0 };

	if (term->kind != SPF_ALL && term->kind != SPF_IP4 && term->kind != SPF_IP6 &&
	    term->kind != SPF_OTHER)
		w->sum->lookups++;
	if (term->kind == SPF_PTR)
		w->sum->uses_ptr = true;
	if (span_find(term->domain, '%', 0) < term->domain.n) {
		w->sum->uses_macros = true;
		return;
	}
	switch (term->kind) {
	case SPF_ALL:
		for (size_t i = 0; i < w->count; i++)
			result[i] = result[i] != 0 ? result[i] : term->qualifier;
		break;
	case SPF_IP4:
	case SPF_IP6: match(w, term, term->address, result); break;
	case SPF_A: match_host(w, term, name, result); break;
	case SPF_MX: match_mx(w, term, name, result); break;
	case SPF_INCLUDE:
		walk_domain(w, term, depth, inner);
		for (size_t i = 0; i < w->count; i++)
			if (result[i] == 0 && inner[i] == '+')
				result[i] = term->qualifier;
		break;
	default: break;
	}
}

static void walk_record(
    struct walk *w, struct span domain, struct span text, unsigned depth, char *result)
{
	struct spf_record record;
	const struct spf_term *redirect = NULL;
	bool all = false;
	const char *error;
	struct span at;

	if (!spf_read(text, &record, &error, &at)) {
		fault(w, error, at);
		return;
	}
	for (size_t i = 0; i < record.count; i++) {
		const struct spf_term *term = &record.at[i];

		if (w->sum->lookups >= COUNT_END || depth > DEPTH_MAX)
			return;
		all = all || term->kind == SPF_ALL;
		if (term->kind == SPF_REDIRECT) {
			if (redirect != NULL)
				fault(w, "is there twice", term->text);
			redirect = term;
		} else {
			walk_term(w, domain, term, depth, result);
		}
	}
	if (redirect != NULL && !all) {
		w->sum->lookups++;
		if (span_find(redirect->domain, '%', 0) < redirect->domain.n)
			w->sum->uses_macros = true;
		else
			walk_domain(w, redirect, depth, result);
	}
}

void spf_check(struct dns_book *book, struct span domain, struct span text,
    const struct network *addresses, size_t count, struct spf_sum *sum_r)
{
	struct walk w = { book, addresses,
		count < SPF_ADDRESSES_MAX ? count : SPF_ADDRESSES_MAX, sum_r };

	*sum_r = (struct spf_sum){ .error = NULL };
	walk_record(&w, domain, text, 0, sum_r->result);
	if (sum_r->lookups > SPF_LOOKUPS_MAX)
		fault(&w, "takes more than 10 look-ups", SPAN("the record"));
	else if (sum_r->voids > SPF_VOIDS_MAX)
		fault(&w, "has more than 2 look-ups that find nothing", SPAN("the record"));
}

/* ---- merging ---- */

static bool has_term(struct span record, struct span term)
{
	struct span piece;

	while (span_next(&record, ' ', &piece))
		if (span_eq_nocase(piece, term))
			return true;
	return false;
}

static bool is_end(struct span term)
{
	if (term.n > 0 && memchr("+-~?", term.p[0], 4) != NULL)
		term = span_from(term, 1);
	return span_eq_nocase(term, SPAN("all")) ||
	       span_eq_nocase(span_head(term, 9), SPAN("redirect="));
}

void spf_merge(const struct span *texts, size_t count, struct span add, struct buf *out)
{
	struct span end = SPAN(""), piece, rest = add;

	buf_add_cstr(out, "v=spf1");
	for (size_t i = 0; i < count; i++) {
		rest = span_from(texts[i], 6);
		while (span_next(&rest, ' ', &piece)) {
			if (piece.n == 0 || has_term(buf_span(out), piece))
				continue;
			if (is_end(piece)) {
				end = end.n == 0 ? piece : end;
				continue;
			}
			buf_add_char(out, ' ');
			buf_add_span(out, piece);
		}
	}
	rest = add;
	while (span_next(&rest, ' ', &piece)) {
		if (piece.n > 0 && !has_term(buf_span(out), piece)) {
			buf_add_char(out, ' ');
			buf_add_span(out, piece);
		}
	}
	buf_add_char(out, ' ');
	buf_add_span(out, end.n > 0 ? end : SPAN("~all"));
}
