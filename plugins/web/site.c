/* site - what is answered to which request. The handlers, and the table that finds them. */
#include <stdio.h>
#include <stdlib.h>

#include "clock.h"
#include "domain.h"
#include "forwarded.h"
#include "hash.h"
#include "hit.h"
#include "language.h"
#include "page.h"
#include "site.h"
#include "target.h"
#include "token_payload.h"

/* ---- configuration ---- */

struct edition *site_edition(struct site *s)
{
	struct edition *g;

	pthread_mutex_lock(&s->lock);
	g = edition_ref(s->current);
	pthread_mutex_unlock(&s->lock);
	return g;
}

void site_replace(struct site *s, struct edition *next)
{
	struct edition *before;

	pthread_mutex_lock(&s->lock);
	before = s->current;
	s->current = next;
	pthread_mutex_unlock(&s->lock);
	edition_unref(&before);
	count_add(&s->counters, COUNTER_RELOADS, 1);
}

void site_work_init(struct site_work *w)
{
	memset(w, 0, offsetof(struct site_work, body));
	buf_init(&w->ask.text, 1u << 20);
}

void site_work_free(struct site_work **w)
{
	if (*w == NULL)
		return;
	buf_free(&(*w)->ask.text);
	free(*w);
	*w = NULL;
}

void site_answer_free(struct site_answer *a)
{
	buf_free(&a->text);
}

/* ---- answers ---- */

static void begin(struct site_answer *a, unsigned status)
{
	*a = (struct site_answer){ .status = status };
	buf_init(&a->text, 1u << 20);
}

static void say(struct site_answer *a, unsigned status, const char *text)
{
	begin(a, status);
	a->type = "text/plain; charset=utf-8";
	a->body = span_cstr(text);
}

void site_refuse(struct site *s, unsigned status, struct site_answer *a)
{
	count_add(&s->counters, COUNTER_REFUSED, 1);
	say(a, status,
	    status == 411   ? "Length required\n"
	    : status == 413 ? "Too large\n"
	    : status == 431 ? "Header too large\n"
			    : "Bad request\n");
	a->close = true;
}

/* What a page is about. */
struct about {
	const struct tenant *tenant; /* NULL: not known */
	struct span stream;          /* name; may be empty */
	struct span token;           /* ASK */
};

static struct span shown_tenant(const struct tenant *t)
{
	return span_cstr(t->display_name != NULL ? t->display_name : t->name);
}

static struct span shown_stream(const struct tenant *t, struct span name)
{
	for (size_t i = 0; i < t->stream_count; i++)
		if (t->streams[i].title != NULL && span_eq(span_cstr(t->streams[i].name), name))
			return span_cstr(t->streams[i].title);
	return name;
}

/* The streams that recipients may choose from: those that are bulk mail. */
static size_t list_streams(const struct tenant *t, struct page_stream out[FORM_STREAMS_MAX])
{
	size_t n = 0;

	for (size_t i = 0; i < t->stream_count && n < FORM_STREAMS_MAX; i++) {
		struct span name = span_cstr(t->streams[i].name);

		if (t->streams[i].class == CLASS_BULK)
			out[n++] = (struct page_stream){ name, shown_stream(t, name) };
	}
	return n;
}

static void make_nonce(char out[SITE_NONCE_MAX])
{
	uint8_t octets[(SITE_NONCE_MAX - 1) / 2];

	/* Without randomness the page goes without its style. */
	out[0] = '\0';
	if (random_octets(octets, sizeof octets) != ERR_OK)
		return;
	for (size_t i = 0; i < sizeof octets; i++)
		snprintf(out + 2 * i, 3, "%02x", octets[i]);
}

static void show(struct site_answer *a, unsigned status, enum page_kind kind,
    const struct edition *g, const struct site_request *r, const struct about *about)
{
	struct page_stream streams[FORM_STREAMS_MAX];
	struct page_facts f = {
		.kind = kind,
		.texts = g->texts,
		.language =
		    language_choose(r->accept_language, g->texts->tags, g->texts->count),
		.token = about->token,
		.stream_name = about->stream,
		.streams = streams,
	};

	begin(a, status);
	make_nonce(a->nonce);
	f.nonce = span_cstr(a->nonce);
	if (about->tenant != NULL) {
		f.tenant = shown_tenant(about->tenant);
		f.stream = shown_stream(about->tenant, about->stream);
		f.stream_count = list_streams(about->tenant, streams);
	}
	page_put(&a->text, &f);
	a->type = "text/html; charset=utf-8";
	a->body = buf_span(&a->text);
	a->later = status == 503;
}

static void show_plain(struct site_answer *a, unsigned status, enum page_kind kind,
    const struct edition *g, const struct site_request *r)
{
	static const struct about nothing = { .tenant = NULL };

	show(a, status, kind, g, r, &nothing);
}

static void not_found(struct site *s, const struct edition *g, const struct site_request *r,
    struct site_answer *a)
{
	count_add(&s->counters, COUNTER_NOT_FOUND, 1);
	show_plain(a, 404, PAGE_GONE, g, r);
}

/* ---- tokens ---- */

/* What a genuine token comes with. */
struct visit {
	size_t index; /* of the tenant */
	const struct tenant *tenant;
	uint8_t client[16];
	struct span payload;
};

/* "Click.Acme.example:443" as the configuration has it. */
static size_t find_tenant(
    const struct snapshot *snapshot, struct span host, char canonical[DOMAIN_MAX])
{
	struct span name = span_head(host, span_find(host, ':', 0));
	size_t index;

	if (!span_lower(name, canonical, DOMAIN_MAX))
		return TENANT_NONE;
	index = snapshot_find_tracking_host(snapshot, span_cstr(canonical), NULL);
	if (index == TENANT_NONE && domain_canonical(name, canonical) == ERR_OK)
		index = snapshot_find_tracking_host(snapshot, span_cstr(canonical), NULL);
	return index;
}

static bool open_token(struct edition *g, const struct site_request *r,
    enum token_purpose purpose, struct span text, uint8_t payload[TOKEN_PAYLOAD_MAX],
    struct visit *v)
{
	const struct provider *p = snapshot_provider(g->snapshot);
	bool believed = network_holds(p->web.proxies, p->web.proxy_count, r->peer);
	struct span host = believed && r->forwarded_host.n > 0 ? r->forwarded_host : r->host;
	char canonical[DOMAIN_MAX];
	struct token_key *key;
	size_t n;

	v->index = find_tenant(g->snapshot, host, canonical);
	if (v->index == TENANT_NONE)
		return false;
	v->tenant = snapshot_tenant(g->snapshot, v->index);
	key = edition_key(g, purpose, v->index);
	if (key == NULL || token_open(key, span_cstr(canonical), text, payload, &n) != ERR_OK)
		return false;
	v->payload = span_make((const char *)payload, n);
	forwarded_client(
	    r->forwarded_for, p->web.proxies, p->web.proxy_count, r->peer, v->client);
	return true;
}

static bool expired(uint32_t expires_h, int64_t now_s)
{
	return expires_h != 0 && now_s / 3600 >= (int64_t)expires_h;
}

/* ---- clicks and opens ---- */

static void record(struct site *s, const struct site_request *r, const struct visit *v,
    struct hit *hit, uint8_t flags)
{
	struct buf line = BUF_INIT(HIT_LINE_MAX);
	struct hit_facts facts = {
		.kind = hit->kind,
		.head = r->method == METHOD_HEAD,
		.purpose = r->purpose,
		.agent = r->agent,
		.referer = r->referer,
		.delivered_s = -1,
	};

	if (hit->kind == HIT_CLICK)
		facts.links =
		    recent_note(s->recent, v->client, hit->message, hit->link, clock_mono_ns());
	hit->verdict = classify(&facts);
	hit->tenant = span_cstr(v->tenant->name);
	hit->agent = r->agent;
	hit->anonymous = span_eq(r->privacy, SPAN("1")) || (flags & TOKEN_INDIVIDUAL) == 0;
	memcpy(hit->address, v->client, sizeof hit->address);
	hit_put(&line, hit);
	if (buf_ok(&line))
		events_put(s->events, buf_span(&line));
	count_add(&s->counters,
	    (hit->kind == HIT_CLICK ? COUNTER_CLICKS_HUMAN : COUNTER_OPENS_HUMAN) +
		(unsigned)hit->verdict.class,
	    1);
	buf_free(&line);
}

static bool blocked(const struct edition *g, const struct tenant *t, int64_t now_s)
{
	enum tenant_state state = tenant_effective_state(
	    t, TENANT_ACTIVE, snapshot_provider(g->snapshot)->policyd.past_due_grace_s, now_s);

	return state == TENANT_SUSPENDED || state == TENANT_CLOSED;
}

static bool click(struct site *s, struct edition *g, const struct site_request *r,
    struct span token, struct site_work *work, struct site_answer *a)
{
	int64_t now_s = clock_wall_ns() / NS_PER_S;
	struct token_click t;
	struct visit v;

	(void)work;
	if (!open_token(g, r, TOKEN_CLICK, token, s->payload, &v) ||
	    token_get_click(v.payload, &t) != ERR_OK) {
		not_found(s, g, r, a);
	} else if (blocked(g, v.tenant, now_s)) {
		count_add(&s->counters, COUNTER_BLOCKED, 1);
		show_plain(a, 403, PAGE_BLOCKED, g, r);
	} else if (!target_ok(t.target) ||
		   !span_copy(t.target, s->location, sizeof s->location)) {
		/* We sealed it, and would not do so today. */
		count_add(&s->counters, COUNTER_REFUSED, 1);
		show_plain(a, 400, PAGE_GONE, g, r);
	} else {
		struct hit hit = { .kind = HIT_CLICK,
			.message = t.message,
			.recipient = t.recipient,
			.link = t.link,
			.time_s = now_s };

		count_add(&s->counters, COUNTER_REDIRECTS, 1);
		if (expired(t.expires_h, now_s))
			count_add(&s->counters, COUNTER_EXPIRED, 1);
		else
			record(s, r, &v, &hit, t.flags);
		begin(a, 302);
		a->location = s->location;
	}
	return false;
}

/* One transparent pixel, GIF89a; the same for everybody. */
static const char pixel[] = "GIF89a\1\0\1\0\x80\0\0\xff\xff\xff\0\0\0!\xf9\4\1\0\0\0\0,\0\0\0\0"
			    "\1\0\1\0\0\2\2D\1\0;";
_Static_assert(sizeof pixel - 1 == 43, "the smallest transparent GIF");

static bool open_pixel(struct site *s, struct edition *g, const struct site_request *r,
    struct span token, struct site_work *work, struct site_answer *a)
{
	int64_t now_s = clock_wall_ns() / NS_PER_S;
	struct token_open_pixel t;
	struct visit v;

	(void)work;
	if (open_token(g, r, TOKEN_OPEN, token, s->payload, &v) &&
	    token_get_open(v.payload, &t) == ERR_OK && !expired(t.expires_h, now_s) &&
	    !blocked(g, v.tenant, now_s)) {
		struct hit hit = { .kind = HIT_OPEN,
			.message = t.message,
			.recipient = t.recipient,
			.time_s = now_s };

		record(s, r, &v, &hit, t.flags);
	}
	count_add(&s->counters, COUNTER_PIXELS, 1);
	begin(a, 200);
	a->type = "image/gif";
	a->body = span_make(pixel, sizeof pixel - 1);
	return false;
}

/* ---- unsubscribing ---- */

/* Streams that the form names must be such as the page shows. */
static bool choose_streams(const struct tenant *t, const struct form *form, struct ask *ask)
{
	struct page_stream shown[FORM_STREAMS_MAX];
	size_t count = list_streams(t, shown);

	for (size_t i = 0; i < form->stream_count; i++) {
		size_t k = 0;

		while (k < count && !span_eq(shown[k].name, form->streams[i]))
			k++;
		if (k == count)
			return false;
		ask->streams[ask->stream_count++] = shown[k].name;
	}
	return ask->stream_count > 0;
}

static bool plan_ask(const struct tenant *t, const struct form *form,
    const struct token_unsubscribe *u, struct ask *ask)
{
	ask->kind = ASK_UNSUBSCRIBE;
	ask->tenant = span_cstr(t->name);
	ask->address = u->address;
	ask->message = u->message;
	ask->source = form->act == FORM_ONE_CLICK ? SPAN("one-click") : SPAN("page");
	ask->whole_tenant = form->act == FORM_TENANT;
	if (form->act == FORM_STREAMS)
		return choose_streams(t, form, ask);
	if (form->act == FORM_NONE)
		return false;
	ask->streams[0] = u->stream;
	ask->stream_count = 1;
	return true;
}

static bool unsubscribe_post(struct edition *g, const struct site_request *r,
    const struct token_unsubscribe *u, const struct visit *v, struct site_work *work,
    struct site_answer *a)
{
	const struct about about = { .tenant = v->tenant, .stream = u->stream };
	struct form form;

	if (!form_read(r->content_type, work->body, work->body_n, &form) ||
	    !plan_ask(v->tenant, &form, u, &work->ask)) {
		show(a, 400, PAGE_NOTHING, g, r, &about);
		return false;
	}
	work->act = form.act;
	work->tenant = v->index;
	work->stream = u->stream;
	return true;
}

static bool unsubscribe(struct site *s, struct edition *g, const struct site_request *r,
    struct span rest, struct site_work *work, struct site_answer *a)
{
	size_t slash = span_find(rest, '/', 0);
	struct span token = span_head(rest, slash), page = span_from(rest, slash);
	bool choose = span_eq(page, SPAN("/choose"));
	uint8_t *payload = work != NULL ? work->payload : s->payload;
	struct token_unsubscribe u;
	struct about about;
	struct visit v;

	if ((page.n > 0 && !choose) ||
	    !open_token(g, r, TOKEN_UNSUBSCRIBE, token, payload, &v) ||
	    token_get_unsubscribe(v.payload, &u) != ERR_OK) {
		not_found(s, g, r, a);
		return false;
	}
	if (work != NULL)
		return unsubscribe_post(g, r, &u, &v, work, a);
	about = (struct about){ v.tenant, u.stream, token };
	count_add(&s->counters, COUNTER_PAGES, 1);
	show(a, 200, choose ? PAGE_CHOOSE : PAGE_ASK, g, r, &about);
	return false;
}

static void unsubscribed(struct site *s, struct edition *g, const struct site_request *r,
    struct site_work *work, struct site_answer *a)
{
	const struct about about = { .tenant = snapshot_tenant(g->snapshot, work->tenant),
		.stream = work->stream };
	bool one_click = work->act == FORM_ONE_CLICK, ok = work->ask.result == ERR_OK;

	count_add(&s->counters,
	    !ok         ? COUNTER_UNSUBSCRIBE_FAILED
	    : one_click ? COUNTER_UNSUBSCRIBED_ONE_CLICK
			: COUNTER_UNSUBSCRIBED_PAGE,
	    1);
	if (!one_click)
		show(a, ok ? 200 : 503, ok ? PAGE_DONE : PAGE_LATER, g, r, &about);
	else if (ok)
		say(a, 200, "Unsubscribed.\n");
	else
		say(a, 503, "Not recorded, please try again.\n");
	a->later = !ok;
}

/* ---- for the operator ---- */

static bool is_operator(const struct edition *g, const struct site_request *r)
{
	const struct provider *p = snapshot_provider(g->snapshot);

	return !r->via_proxy && network_holds(p->web.metrics, p->web.metrics_count, r->peer);
}

static bool health(struct site *s, struct edition *g, const struct site_request *r,
    struct span rest, struct site_work *work, struct site_answer *a)
{
	(void)work;
	if (rest.n > 0 || !is_operator(g, r))
		not_found(s, g, r, a);
	else
		say(a, 200, "ok\n");
	return false;
}

static bool metrics(struct site *s, struct edition *g, const struct site_request *r,
    struct span rest, struct site_work *work, struct site_answer *a)
{
	if (rest.n > 0 || work == NULL || !is_operator(g, r)) {
		not_found(s, g, r, a);
		return false;
	}
	work->ask.kind = ASK_METRICS;
	return true;
}

static void put_metrics(struct site *s, struct site_work *work, struct site_answer *a)
{
	begin(a, 200);
	a->type = "text/plain; version=0.0.4; charset=utf-8";
	counters_put(&a->text, &s->counters);
	buf_printf(&a->text,
	    "# HELP penguin_web_policyd_up Did penguin-policyd tell its metrics?\n"
	    "# TYPE penguin_web_policyd_up gauge\n"
	    "penguin_web_policyd_up %d\n",
	    work->ask.result == ERR_OK);
	buf_add_span(&a->text, buf_span(&work->ask.text));
	a->body = buf_span(&a->text);
}

/* ---- routes ---- */

typedef bool route_handler(struct site *s, struct edition *g, const struct site_request *r,
    struct span rest, struct site_work *work, struct site_answer *a);

static const struct route {
	struct span prefix;
	bool post; /* GET and HEAD always */
	route_handler *handler;
} routes[] = {
	{ { "/c/", 3 }, false, click },
	{ { "/o/", 3 }, false, open_pixel },
	{ { "/u/", 3 }, true, unsubscribe },
	{ { "/healthz", 8 }, false, health },
	{ { "/metrics", 8 }, false, metrics },
};

bool site_wants_work(const struct site_request *r)
{
	return r->method == METHOD_POST || span_eq(r->path, SPAN("/metrics"));
}

bool site_handle(struct site *s, struct edition *g, const struct site_request *r,
    struct site_work *work, struct site_answer *a)
{
	for (size_t i = 0; i < ARRAY_SIZE(routes); i++) {
		const struct route *route = &routes[i];

		if (!span_starts(r->path, route->prefix))
			continue;
		if (r->method == METHOD_OTHER || (r->method == METHOD_POST && !route->post)) {
			count_add(&s->counters, COUNTER_REFUSED, 1);
			say(a, 405, "Method not allowed\n");
			a->allow = route->post ? "GET, HEAD, POST" : "GET, HEAD";
			return false;
		}
		return route->handler(s, g, r, span_from(r->path, route->prefix.n), work, a);
	}
	not_found(s, g, r, a);
	return false;
}

void site_finish(struct site *s, struct edition *g, const struct site_request *r,
    struct site_work *work, struct site_answer *a)
{
	if (work->ask.kind == ASK_METRICS)
		put_metrics(s, work, a);
	else
		unsubscribed(s, g, r, work, a);
}
