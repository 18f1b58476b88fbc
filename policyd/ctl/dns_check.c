/* dns_check - the table of kinds, and one state out of many views. Knows no record's contents. */
#include "dns_check.h"
#include "dns_zone.h"

static const struct {
	const char *name;
	record_judge *judge;
	bool by_servers; /* each server of the zone is asked, too */
	unsigned weight;
} kinds[] = {
	[RECORD_ZONE] = { "zone", judge_zone, false, 10 },
	[RECORD_SPF] = { "spf", judge_spf, true, 20 },
	[RECORD_DKIM] = { "dkim", judge_dkim, true, 20 },
	[RECORD_DMARC] = { "dmarc", judge_dmarc, true, 15 },
	[RECORD_REPORTS] = { "dmarc-reports", judge_reports, true, 5 },
	[RECORD_ALIGNMENT] = { "alignment", judge_alignment, false, 10 },
	[RECORD_MX] = { "mx", judge_mx, true, 10 },
	[RECORD_TRACKING] = { "tracking", judge_tracking, true, 10 },
	[RECORD_CAA] = { "caa", judge_caa, false, 5 },
	[RECORD_MTA_STS] = { "mta-sts", judge_mta_sts, true, 5 },
	[RECORD_TLS_RPT] = { "tls-rpt", judge_tls_rpt, true, 5 },
	[RECORD_ADDRESS] = { "address", judge_address, true, 10 },
	[RECORD_PTR] = { "ptr", judge_ptr, false, 20 },
};

_Static_assert(ARRAY_SIZE(kinds) == RECORD_NAMES, "each kind has a row");

const char *record_name_text(enum record_name kind)
{
	return kinds[kind].name;
}

/* An alias that a server could not follow is followed by the resolver. NULL: pending. */
static const struct dns_answer *followed(
    struct dns_book *book, const struct expected *e, const struct dns_answer *answer)
{
	if (answer == NULL || e->type == DNS_CNAME || answer->count > 0 ||
	    answer->aliases == 0 || answer->status > DNS_NO_NAME)
		return answer;
	return dns_book_ask(book, NULL, answer->records[answer->aliases - 1].text, e->type);
}

static void judge(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v)
{
	answer = followed(book, e, answer);
	if (answer == NULL)
		v->pending = true;
	else
		kinds[e->kind].judge(book, e, answer, v);
}

static bool is_bad(enum record_state state)
{
	return state == RECORD_MISSING || state == RECORD_WRONG;
}

/* What all servers of the zone say. */
struct views {
	unsigned good, bad;
	struct buf has, lacks;        /* their names */
	const struct dns_answer *any; /* of one that answered */
	bool pending;
};

static void look(struct dns_book *book, const struct expected *e, struct views *views)
{
	struct dns_zone zone;

	dns_zone_find(book, e->name, &zone);
	views->pending = zone.pending;
	for (size_t i = 0; i < zone.count; i++) {
		const struct dns_answer *answer;
		struct verdict v;
		struct buf *names;

		if (!zone.at[i].has_address)
			continue;
		answer = dns_book_ask(book, zone.at[i].address, e->name, e->type);
		views->pending = views->pending || answer == NULL;
		/* Servers in trouble are the zone's fault, not this record's. */
		if (answer == NULL || answer->status > DNS_NO_NAME || !answer->authoritative)
			continue;
		views->any = answer;
		verdict_init(&v);
		judge(book, e, answer, &v);
		views->pending = views->pending || v.pending;
		views->good += v.state == RECORD_GOOD;
		views->bad += is_bad(v.state);
		names = v.state == RECORD_GOOD ? &views->has : &views->lacks;
		if (v.state != RECORD_UNKNOWN)
			buf_printf(names, "%s%.*s", names->n > 0 ? ", " : "",
			    SPAN_ARG(zone.at[i].name));
		verdict_deinit(&v);
	}
}

static void combine(
    struct dns_book *book, const struct expected *e, uint32_t ttl_s, struct verdict *v)
{
	struct views views = { .has = BUF_INIT(4096), .lacks = BUF_INIT(4096) };
	bool good = v->state == RECORD_GOOD, bad = is_bad(v->state);

	look(book, e, &views);
	v->pending = v->pending || views.pending;
	if (v->pending)
		goto out;
	if (v->state == RECORD_UNKNOWN && views.any != NULL) {
		/* The resolver has trouble, the zone's own servers do not. */
		verdict_deinit(v);
		verdict_init(v);
		judge(book, e, views.any, v);
		good = v->state == RECORD_GOOD;
		bad = is_bad(v->state);
	}
	if ((good || views.good > 0) && (bad || views.bad > 0)) {
		v->state = RECORD_PROPAGATING;
		buf_reset(&v->advice);
		if (views.bad > 0)
			verdict_say(v, RECORD_PROPAGATING, "right on %s, not yet on %s",
			    views.has.n > 0 ? buf_cstr(&views.has) : "no server",
			    buf_cstr(&views.lacks));
		else
			verdict_say(v, RECORD_PROPAGATING,
			    "right on all servers; the resolver keeps its old answer for up to "
			    "%u s",
			    (unsigned)ttl_s);
		if (views.bad > 0 && views.good == 0)
			verdict_say(v, RECORD_PROPAGATING,
			    "the resolver still has the right one, for up to %u s",
			    (unsigned)ttl_s);
	}
out:
	buf_free(&views.has);
	buf_free(&views.lacks);
}

void dns_check(struct dns_book *book, const struct expected *e, struct verdict *v)
{
	static const struct dns_answer none = { .status = DNS_NO_DATA };
	const struct dns_answer *answer = &none;

	if (e->problem != NULL) {
		verdict_say(v, e->problem_state, "%s", e->problem);
		return;
	}
	if (e->type != 0)
		answer = dns_book_ask(book, NULL, e->name, e->type);
	judge(book, e, answer, v);
	if (kinds[e->kind].by_servers && e->type != 0)
		combine(book, e, answer != NULL ? answer->ttl_s : 0, v);
}

void dns_points(
    const struct expected *e, const struct verdict *v, unsigned *points_r, unsigned *of_r)
{
	unsigned weight = kinds[e->kind].weight;

	*points_r = 0;
	*of_r = 0;
	if (v->state == RECORD_UNKNOWN ||
	    (v->state == RECORD_MISSING && e->need == RECORD_OPTIONAL))
		return;
	*of_r = weight;
	if (v->state == RECORD_GOOD)
		*points_r = v->warn ? weight * 3 / 4 : weight;
	else if (v->state == RECORD_PROPAGATING)
		*points_r = weight / 2;
}

enum dns_trouble dns_trouble(const struct expected *e, const struct verdict *v)
{
	switch (v->state) {
	case RECORD_GOOD: return v->warn ? DNS_TROUBLE_WARNING : DNS_TROUBLE_NONE;
	case RECORD_UNKNOWN: return DNS_TROUBLE_UNKNOWN;
	case RECORD_PROPAGATING: return DNS_TROUBLE_WARNING;
	case RECORD_MISSING:
		return e->need == RECORD_OPTIONAL  ? DNS_TROUBLE_NONE
		       : e->need == RECORD_ADVISED ? DNS_TROUBLE_WARNING
						   : DNS_TROUBLE_ERROR;
	default: return e->need == RECORD_REQUIRED ? DNS_TROUBLE_ERROR : DNS_TROUBLE_WARNING;
	}
}
