/* classify - was it a person, a machine, or somebody behind a machine? One table of rules, read
 * from the top; the first that holds decides. */
#include "classify.h"

#define PREFETCH_WITHIN_S 10 /* after delivery nobody has read anything yet */

enum rule_test {
	IS_HEAD,
	PURPOSE_HOLDS,
	AGENT_IS,
	AGENT_HOLDS,
	REFERER_HOST, /* that host, or one below it */
	LINKS_BURST,
	TOO_EARLY,
	AGENT_MISSING,
};

static const struct rule {
	enum rule_test test;
	const char *text; /* lower case */
	enum hit_class class;
	const char *reason;
	bool opens_only;
} rules[] = {
	{ IS_HEAD, NULL, HIT_MACHINE, "head", false },
	{ PURPOSE_HOLDS, "prefetch", HIT_MACHINE, "prefetch", false },
	{ PURPOSE_HOLDS, "preview", HIT_MACHINE, "prefetch", false },
	/* Mailbox providers fetch pictures for their readers, or before anybody reads. */
	{ AGENT_HOLDS, "googleimageproxy", HIT_PROXIED, "gmail", false },
	{ AGENT_HOLDS, "yahoomailproxy", HIT_PROXIED, "yahoo", false },
	{ AGENT_IS, "mozilla/5.0", HIT_PROXIED, "apple", true },
	{ AGENT_IS, "mozilla/5.0", HIT_MACHINE, "agent", false },
	{ AGENT_MISSING, NULL, HIT_MACHINE, "no_agent", false },
	/* Scanners that say who they are. */
	{ AGENT_HOLDS, "barracuda", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "proofpoint", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "mimecast", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "bot", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "crawler", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "spider", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "scanner", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "preview", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "headless", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "curl/", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "wget/", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "python-", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "go-http-client", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "java/", HIT_MACHINE, "agent", false },
	{ AGENT_HOLDS, "okhttp", HIT_MACHINE, "agent", false },
	/* Gateways that rewrite links, and open them for a look. */
	{ REFERER_HOST, "safelinks.protection.outlook.com", HIT_PROXIED, "safelinks", false },
	{ REFERER_HOST, "urldefense.com", HIT_PROXIED, "urldefense", false },
	{ REFERER_HOST, "linkprotect.cudasvc.com", HIT_PROXIED, "barracuda", false },
	{ REFERER_HOST, "mimecast.com", HIT_PROXIED, "mimecast", false },
	{ REFERER_HOST, "secure-web.cisco.com", HIT_PROXIED, "cisco", false },
	/* Gateways that look like browsers give themselves away by their haste. */
	{ LINKS_BURST, NULL, HIT_MACHINE, "burst", false },
	{ TOO_EARLY, NULL, HIT_MACHINE, "early", false },
};

_Static_assert(ARRAY_SIZE(rules) <= 64, "a bit for each");

static bool starts(struct span text, const char *lower)
{
	struct span word = span_cstr(lower);

	return span_eq_nocase(span_head(text, word.n), word);
}

/* Which rules' words the agent holds: a bit for each, found in one walk. Most octets begin none. */
static uint64_t words_in(struct span agent)
{
	bool begins[256] = { false };
	uint64_t held = 0;

	for (size_t k = 0; k < ARRAY_SIZE(rules); k++)
		if (rules[k].test == AGENT_HOLDS)
			begins[(unsigned char)rules[k].text[0]] = true;
	for (size_t i = 0; i < agent.n; i++) {
		char c = ascii_lower(agent.p[i]);

		if (!begins[(unsigned char)c])
			continue;
		for (size_t k = 0; k < ARRAY_SIZE(rules); k++)
			if (rules[k].test == AGENT_HOLDS && rules[k].text[0] == c &&
			    starts(span_from(agent, i), rules[k].text))
				held |= UINT64_C(1) << k;
	}
	return held;
}

static bool holds(struct span text, const char *lower)
{
	size_t n = strlen(lower);

	for (size_t i = 0; i + n <= text.n; i++)
		if (span_eq_nocase(span_make(text.p + i, n), span_make(lower, n)))
			return true;
	return false;
}

static bool referer_is(struct span url, const char *host)
{
	struct span name, want = span_cstr(host);
	size_t start = 0, end;

	while (start + 3 <= url.n && memcmp(url.p + start, "://", 3) != 0)
		start++;
	name = span_from(url, start + 3);
	for (end = 0; end < name.n && strchr("/?#:", name.p[end]) == NULL; end++)
		;
	name = span_head(name, end);
	if (name.n < want.n)
		return false;
	return span_eq_nocase(span_from(name, name.n - want.n), want) &&
	       (name.n == want.n || name.p[name.n - want.n - 1] == '.');
}

static bool applies(const struct rule *r, const struct hit_facts *f, uint64_t words)
{
	if (r->opens_only && f->kind != HIT_OPEN)
		return false;
	switch (r->test) {
	case IS_HEAD: return f->head;
	case PURPOSE_HOLDS: return holds(f->purpose, r->text);
	case AGENT_IS: return span_eq_nocase(span_trim(f->agent), span_cstr(r->text));
	case AGENT_HOLDS: return words >> (r - rules) & 1;
	case REFERER_HOST: return referer_is(f->referer, r->text);
	case LINKS_BURST: return f->links >= CLASSIFY_BURST;
	case TOO_EARLY: return f->delivered_s >= 0 && f->delivered_s < PREFETCH_WITHIN_S;
	case AGENT_MISSING: return span_trim(f->agent).n == 0;
	}
	return false;
}

struct hit_verdict classify(const struct hit_facts *facts)
{
	uint64_t words = words_in(facts->agent);

	for (size_t i = 0; i < ARRAY_SIZE(rules); i++)
		if (applies(&rules[i], facts, words))
			return (struct hit_verdict){ rules[i].class, rules[i].reason };
	return (struct hit_verdict){ HIT_HUMAN, "" };
}

const char *hit_kind_text(enum hit_kind kind)
{
	return kind == HIT_CLICK ? "click" : "open";
}

const char *hit_class_text(enum hit_class class)
{
	static const char *const texts[HIT_CLASSES] = {
		[HIT_HUMAN] = "human",
		[HIT_MACHINE] = "machine",
		[HIT_PROXIED] = "proxied",
	};

	return texts[class];
}
