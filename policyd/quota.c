/* quota - limits to charges. Knows counts by name only; not sockets, not LMDB, not SMTP. */
#include <stdio.h>

#include "hash.h"
#include "quota.h"

#define NAME_MAX_OCTETS 200u

static const char *const scope_words[SCOPE_COUNT] = {
	[SCOPE_PLAN] = "plan",
	[SCOPE_TENANT] = "tenant",
	[SCOPE_STREAM] = "stream",
	[SCOPE_LOGIN] = "login",
};

static const char *const window_words[] = {
	[WINDOW_HOUR] = "hour",
	[WINDOW_DAY] = "day",
	[WINDOW_MONTH] = "month",
	[WINDOW_CYCLE] = "cycle",
};

const char *quota_scope_text(enum quota_scope s)
{
	return scope_words[s];
}

/* ---- which limits hold ---- */

/* Both limits count the same thing in the same bucket. */
static bool same_bucket(const struct quota *a, enum quota_scope scope, const struct limit *b)
{
	if (a->scope != scope || a->limit->is_rate != b->is_rate)
		return false;
	if (a->limit->is_rate)
		return strcmp(a->limit->text, b->text) == 0;
	return a->limit->unit == b->unit && a->limit->window == b->window;
}

static size_t add(struct quota *out, size_t count, const struct limits *limits,
    enum quota_scope scope, struct span name, bool alert_only)
{
	for (size_t i = 0; i < limits->count; i++) {
		const struct limit *l = &limits->at[i];
		size_t k;

		for (k = 0; k < count && !same_bucket(&out[k], scope, l); k++)
			;
		if (k < count) {
			if (l->amount < out[k].limit->amount)
				out[k].limit = l;
		} else if (count < QUOTA_MAX) {
			out[count++] = (struct quota){ .limit = l,
				.scope = scope,
				.name = name,
				.alert_only = alert_only,
				.bucket = BUCKET_NONE };
		}
	}
	return count;
}

size_t quota_list(const struct tenant *tenant, const struct plan *plan,
    const struct stream *stream, struct span login, struct quota out[QUOTA_MAX])
{
	bool alert_only = plan->overage == OVERAGE_ALERT;
	size_t n = 0;

	n = add(out, n, &plan->tenant, SCOPE_PLAN, span_cstr(plan->name), alert_only);
	n = add(out, n, &tenant->limits, SCOPE_TENANT, span_cstr(tenant->name), false);
	n = add(out, n, &stream->limits, SCOPE_STREAM, span_cstr(stream->name), false);
	if (login.n > 0) {
		n = add(out, n, &plan->login, SCOPE_LOGIN, login, false);
		n = add(out, n, &tenant->login, SCOPE_LOGIN, login, false);
	}
	return n;
}

/* ---- bucket names ---- */

static void put_name(struct buf *out, struct span name, bool stored)
{
	bool plain = name.n > 0 && name.n <= NAME_MAX_OCTETS && (stored || name.p[0] != '#');

	for (size_t i = 0; i < name.n && plain; i++)
		plain = (unsigned char)name.p[i] >= 0x20;
	if (plain) {
		buf_add_span(out, name);
	} else {
		struct hash128 h = hash128(name, 0);

		buf_printf(out, "#%016llx%016llx", (unsigned long long)h.high,
		    (unsigned long long)h.low);
	}
}

void quota_bucket_name(struct buf *out, struct span tenant, const struct quota *q)
{
	buf_add_span(out, tenant);
	buf_printf(out, "\t%s\t", scope_words[q->scope]);
	put_name(out, q->name, q->stored_name);
	buf_printf(out, "\t%s\t", limit_unit_text(q->limit->unit));
	if (q->limit->is_rate)
		buf_printf(out, "rate %s", q->limit->text);
	else
		buf_add_cstr(out, window_words[q->limit->window]);
}

bool quota_split_bucket_name(struct span bucket_name, struct quota_bucket_parts *parts_r)
{
	struct span rest = bucket_name;

	return span_next(&rest, '\t', &parts_r->tenant) &&
	       span_next(&rest, '\t', &parts_r->scope) &&
	       span_next(&rest, '\t', &parts_r->name) &&
	       span_next(&rest, '\t', &parts_r->unit) &&
	       span_next(&rest, '\t', &parts_r->period) && rest.n == 0;
}

/* ---- charges ---- */

void quota_windows_update(struct quota_windows *w, const struct tenant *tenant, int64_t now_s)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->at); i++)
		if (now_s < w->at[i].start_s || now_s >= w->at[i].end_s)
			w->at[i] = zone_window(
			    tenant->zone, (enum window_kind)i, tenant->cycle_day, now_s);
}

size_t quota_charges(const struct quota *quotas, size_t count,
    const struct quota_windows *windows, const struct quota_amounts *amounts,
    struct charge out[CHARGES_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < count && n < CHARGES_MAX; i++) {
		const struct quota *q = &quotas[i];
		uint64_t amount = amounts->units[q->limit->unit];

		if (amount == 0)
			continue;
		/* Many recipients at once (a local submission) empty a token rate, at most. */
		if (q->limit->is_rate && amount > q->limit->rate.burst)
			amount = q->limit->rate.burst;
		out[n] = (struct charge){ .bucket = q->bucket,
			.is_rate = q->limit->is_rate,
			.alert_only = q->alert_only && !q->limit->is_rate,
			.amount = amount,
			.limit = q->limit->amount,
			.rate = q->limit->rate };
		if (!q->limit->is_rate) {
			out[n].start_s = windows->at[q->limit->window].start_s;
			out[n].end_s = windows->at[q->limit->window].end_s;
		}
		n++;
	}
	return n;
}
