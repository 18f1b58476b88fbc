/* dns_judge_host - judges of names and addresses: MX, tracking hosts, CAA, hosts, PTR, the servers
 * of a zone. Pure over the book. */
#include "dns_ours.h"
#include "dns_record.h"
#include "dns_zone.h"
#include "domain.h"

static void put_list(struct buf *out, struct span item)
{
	if (out->n > 0)
		buf_add_cstr(out, ", ");
	buf_add_span(out, item.n > 0 ? item : SPAN("."));
}

void judge_mx(struct dns_book *book UNUSED, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	uint16_t best = UINT16_MAX, ours = UINT16_MAX;
	bool has_ours = false;

	if (verdict_without_record(v, answer))
		return;
	for (size_t i = 0; i < answer->count; i++) {
		const struct dns_record *mx = dns_answer_at(answer, i);

		put_list(&v->found, mx->text);
		best = mx->number < best ? mx->number : best;
		if (span_eq_nocase(mx->text, span_cstr(e->ours->host))) {
			ours = mx->number;
			has_ours = true;
		}
	}
	if (!has_ours)
		verdict_say(v, RECORD_WRONG, "returned mail does not reach us");
	else if (ours > best)
		verdict_say(
		    v, RECORD_WRONG, "another host comes first: returned mail goes there");
	else if (answer->count > 1)
		verdict_warn(v, "returned mail may reach the other hosts, too");
}

/* ---- tracking hosts ---- */

static void judge_tracking_address(
    struct dns_book *book, const struct expected *e, bool alias, struct verdict *v)
{
	const struct dns_answer *at = dns_book_ask(book, NULL, e->name, DNS_A),
				*target =
				    dns_book_ask(book, NULL, span_cstr(e->ours->target), DNS_A);

	v->pending = at == NULL || (e->ours->target[0] != '\0' && target == NULL);
	if (v->pending)
		return;
	if (at->status != DNS_FOUND) {
		if (at->status != DNS_NO_DATA && at->status != DNS_NO_NAME)
			verdict_say(v, RECORD_UNKNOWN, "DNS: %s", dns_status_text(at->status));
		else if (alias)
			verdict_say(
			    v, RECORD_WRONG, "the alias leads to a name without address");
		else
			v->state = RECORD_MISSING;
		return;
	}
	if (alias || e->ours->target[0] == '\0')
		return;
	for (size_t i = 0; i < at->count; i++) {
		char text[NETWORK_ADDRESS_MAX];
		bool same = false;

		network_print_address(dns_answer_at(at, i)->address, text);
		put_list(&v->found, span_cstr(text));
		for (size_t k = 0; k < target->count && !same; k++)
			same = memcmp(dns_answer_at(at, i)->address,
				   dns_answer_at(target, k)->address, 16) == 0;
		if (!same)
			verdict_say(v, RECORD_WRONG, "%s is not %s", text, e->ours->target);
	}
	if (v->state == RECORD_GOOD)
		verdict_warn(v, "an alias of %s would follow when it moves", e->ours->target);
}

void judge_tracking(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	struct span to;

	if (answer->status != DNS_FOUND) {
		if (verdict_without_record(v, answer) && v->state == RECORD_MISSING &&
		    answer->status == DNS_NO_DATA) {
			v->state = RECORD_GOOD;
			judge_tracking_address(book, e, false, v);
		}
		return;
	}
	to = dns_answer_at(answer, 0)->text;
	put_list(&v->found, to);
	if (e->ours->target[0] != '\0' && !span_eq_nocase(to, span_cstr(e->ours->target)))
		verdict_say(v, RECORD_WRONG, "links lead to %.*s, not to us", SPAN_ARG(to));
	else
		judge_tracking_address(book, e, true, v);
}

/* RFC 8659 section 3: the first name upwards that has CAA records decides. */
void judge_caa(struct dns_book *book, const struct expected *e, const struct dns_answer *answer,
    struct verdict *v)
{
	struct span name = e->name;
	bool ok = false, has_issue = false;

	while (answer != NULL && answer->status != DNS_FOUND) {
		if (answer->status != DNS_NO_DATA && answer->status != DNS_NO_NAME) {
			verdict_say(v, RECORD_UNKNOWN,
			    "DNS: %s; authorities issue nothing then",
			    dns_status_text(answer->status));
			return;
		}
		name = span_from(name, span_find(name, '.', 0) + 1);
		if (name.n == 0)
			return; /* nobody is forbidden */
		answer = dns_book_ask(book, NULL, name, DNS_CAA);
	}
	v->pending = answer == NULL;
	for (size_t i = 0; answer != NULL && i < answer->count; i++) {
		const struct dns_record *caa = dns_answer_at(answer, i);
		struct span issuer =
		    span_trim(span_head(caa->text, span_find(caa->text, ';', 0)));

		if (!span_eq(caa->tag, SPAN("issue")))
			continue;
		has_issue = true;
		put_list(&v->found, issuer.n > 0 ? issuer : SPAN(";"));
		for (const char *const *want = e->ours->issuers; want != NULL && *want != NULL;
		     want++)
			ok = ok || span_eq_nocase(issuer, span_cstr(*want));
	}
	if (has_issue && !ok && !v->pending)
		verdict_say(v, RECORD_WRONG, "CAA at %.*s does not let our authority issue",
		    SPAN_ARG(name));
}

/* ---- our hosts ---- */

void judge_address(struct dns_book *book UNUSED, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	(void)e;
	if (verdict_without_record(v, answer))
		return;
	for (size_t i = 0; i < answer->count; i++) {
		char text[NETWORK_ADDRESS_MAX];

		network_print_address(dns_answer_at(answer, i)->address, text);
		put_list(&v->found, span_cstr(text));
	}
}

/* Names as providers give to lines of their customers: the address in the name, or such a word. */
static bool is_generic(struct span name, const uint8_t address[16])
{
	static const char *const words[] = { "dynamic", "dyn", "dhcp", "pool", "ppp", "dsl",
		"adsl", "cable", "customer", "client", "static", "unassigned" };
	char dashes[32], dots[32];
	struct span rest = name, label;

	(void)snprintf(dashes, sizeof dashes, "%u-%u-%u-%u", address[12], address[13],
	    address[14], address[15]);
	(void)snprintf(dots, sizeof dots, "%u.%u.%u.%u", address[12], address[13], address[14],
	    address[15]);
	for (size_t i = 0; network_is_v4(address) && i < name.n; i++)
		if (span_starts(span_from(name, i), span_cstr(dashes)) ||
		    span_starts(span_from(name, i), span_cstr(dots)))
			return true;
	while (span_next(&rest, '.', &label))
		for (size_t i = 0; i < ARRAY_SIZE(words); i++)
			if (span_eq(label, span_cstr(words[i])))
				return true;
	return false;
}

static bool has_address(const struct dns_answer *answer, const uint8_t address[16])
{
	for (size_t i = 0; i < answer->count; i++)
		if (memcmp(dns_answer_at(answer, i)->address, address, 16) == 0)
			return true;
	return false;
}

/* One name, ours, that leads back (FCrDNS). */
void judge_ptr(struct dns_book *book, const struct expected *e, const struct dns_answer *answer,
    struct verdict *v)
{
	enum dns_type type = network_is_v4(e->address) ? DNS_A : DNS_AAAA;

	if (verdict_without_record(v, answer))
		return;
	for (size_t i = 0; i < answer->count; i++) {
		struct span name = dns_answer_at(answer, i)->text;
		const struct dns_answer *back = dns_book_ask(book, NULL, name, type);

		put_list(&v->found, name);
		if (back == NULL)
			v->pending = true;
		else if (back->status > DNS_NO_NAME)
			verdict_say(v, RECORD_UNKNOWN, "%.*s: %s", SPAN_ARG(name),
			    dns_status_text(back->status));
		else if (!has_address(back, e->address))
			verdict_say(v, RECORD_WRONG, "%.*s does not lead back to the address",
			    SPAN_ARG(name));
		if (is_generic(name, e->address))
			verdict_warn(v, "the name looks generic, which large receivers refuse");
	}
	if (answer->count > 1)
		verdict_warn(v, "an address should have one name");
	else if (!span_eq_nocase(dns_answer_at(answer, 0)->text, span_cstr(e->ours->host)))
		verdict_warn(v, "the name differs from the one that we greet with");
}

/* ---- the zone ---- */

void judge_zone(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	struct dns_zone zone;
	unsigned good = 0, bad = 0;

	(void)answer;
	dns_zone_find(book, e->name, &zone);
	if (zone.pending) {
		v->pending = true;
		return;
	}
	if (zone.failed) {
		verdict_say(v, RECORD_UNKNOWN, "DNS: %s", dns_status_text(zone.status));
		return;
	}
	if (zone.name.n == 0) {
		verdict_say(
		    v, RECORD_MISSING, "the domain is not in DNS: register or delegate it");
		return;
	}
	for (size_t i = 0; i < zone.count; i++) {
		const struct dns_server *s = &zone.at[i];
		const struct dns_answer *soa;
		const char *fault = NULL;

		if (!s->has_address) {
			fault = "has no address";
		} else {
			soa = dns_book_ask(book, s->address, zone.name, DNS_SOA);
			if (soa == NULL) {
				v->pending = true;
				continue;
			}
			if (soa->status != DNS_FOUND)
				fault = dns_status_text(soa->status);
			else if (!soa->authoritative)
				fault = "does not have the zone (lame)";
		}
		put_list(&v->found, s->name);
		if (fault == NULL) {
			good++;
			continue;
		}
		bad++;
		buf_printf(&v->found, " (%s)", fault);
	}
	if (v->pending)
		return;
	if (bad > 0)
		verdict_say(v, RECORD_WRONG, "%u of %u servers of %.*s do not answer for it",
		    bad, good + bad, SPAN_ARG(zone.name));
	else if (good < 2)
		verdict_warn(v, "a zone should have two servers or more");
}
