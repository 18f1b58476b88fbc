/* main - the plug-in: a file of rules, and who may submit from where. The argument names the file:
 *
 *   country /var/lib/GeoIP/GeoLite2-Country.mmdb
 *   asn /var/lib/GeoIP/GeoLite2-ASN.mmdb
 *   deny TENANT LOGIN country AA,BB words of the refusal
 *   only TENANT LOGIN asn 64500,64501 words of the refusal
 *
 * "*" is every tenant, every login. "only" denies all that is not named; what is not known of an
 * address (private ones, a database that is off) denies nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "geoip.h"
#include "penguin_plugin.h"

#define LINE_OCTETS 1024
#define RULES_MAX   4096

struct rule {
	bool only, by_asn;
	char *text; /* owns the words below */
	const char *tenant, *login, *list, *reply;
};

struct plugin {
	const struct penguin_host *host;
	const struct penguin_self *self;
	struct geo *countries, *asns; /* NULL: not configured */
	struct rule *rules;
	size_t count;
};

static void say(void *context, const char *text)
{
	const struct plugin *p = context;

	p->host->log(p->self, (struct penguin_text){ text, strlen(text) });
}

static void complain(struct plugin *p, const char *path, unsigned line, const char *why)
{
	char text[512];

	snprintf(text, sizeof text, "%.300s:%u: %s", path, line, why);
	say(p, text);
}

/* ---- the file ---- */

static char *next_word(char **rest)
{
	char *word = *rest + strspn(*rest, " \t"), *end = word + strcspn(word, " \t");

	if (*end != '\0')
		*end++ = '\0';
	*rest = end + strspn(end, " \t");
	return word;
}

static const char *add_rule(struct plugin *p, bool only, const char *rest)
{
	struct rule r = { .only = only };
	struct rule *more;
	char *at;

	if (p->count == RULES_MAX)
		return "too many rules";
	more = realloc(p->rules, (p->count + 1) * sizeof *more);
	if (more == NULL)
		return "out of memory";
	p->rules = more;
	at = r.text = strdup(rest);
	if (r.text == NULL)
		return "out of memory";
	r.tenant = next_word(&at);
	r.login = next_word(&at);
	r.list = next_word(&at);
	r.by_asn = strcmp(r.list, "asn") == 0;
	if (r.by_asn || strcmp(r.list, "country") == 0)
		r.list = next_word(&at);
	else
		r.list = "";
	r.reply = *at != '\0' ? at : "submission from this network is not allowed";
	if (r.list[0] == '\0') {
		free(r.text);
		return "expected TENANT LOGIN country|asn LIST [WORDS]";
	}
	p->rules[p->count++] = r;
	return NULL;
}

static const char *take_line(struct plugin *p, char *line)
{
	char *rest = line;
	const char *word = next_word(&rest);
	struct geo **geo = strcmp(word, "asn") == 0 ? &p->asns : &p->countries;

	if (word[0] == '\0' || word[0] == '#')
		return NULL;
	if (strcmp(word, "deny") == 0 || strcmp(word, "only") == 0)
		return add_rule(p, word[0] == 'o', rest);
	if (strcmp(word, "country") != 0 && strcmp(word, "asn") != 0)
		return "expected country, asn, deny or only";
	if (rest[0] != '/' || *geo != NULL)
		return "expected one absolute path of a database";
	*geo = geo_new(rest, say, p);
	return *geo != NULL ? NULL : "out of memory";
}

/* Both databases and all rules; false after words. */
static bool read_rules(struct plugin *p, const char *path)
{
	FILE *f = fopen(path, "re");
	char line[LINE_OCTETS];
	const char *why = NULL;
	unsigned number = 0;

	if (f == NULL) {
		complain(p, path, 0, "cannot be read");
		return false;
	}
	while (why == NULL && fgets(line, sizeof line, f) != NULL) {
		size_t n = strcspn(line, "\r\n");

		number++;
		why = line[n] != '\0' || feof(f) ? NULL : "the line is too long";
		line[n] = '\0';
		if (why == NULL)
			why = take_line(p, line);
	}
	if (why == NULL && ferror(f))
		why = "cannot be read";
	(void)fclose(f);
	for (size_t i = 0; i < p->count && why == NULL; i++)
		if ((p->rules[i].by_asn ? p->asns : p->countries) == NULL)
			why = "a rule needs a database that is not named";
	if (why != NULL)
		complain(p, path, number, why);
	return why == NULL;
}

/* ---- life ---- */

static void stop(void *context)
{
	struct plugin *p = context;

	geo_free(&p->countries);
	geo_free(&p->asns);
	for (size_t i = 0; i < p->count; i++)
		free(p->rules[i].text);
	free(p->rules);
	free(p);
}

static bool start(const struct penguin_host *host, const struct penguin_self *self,
    struct penguin_text argument, void **context_r)
{
	struct plugin *p = calloc(1, sizeof *p);
	struct geo_found found;
	char path[4096];

	if (p == NULL)
		return false;
	p->host = host;
	p->self = self;
	snprintf(path, sizeof path, "%.*s", (int)argument.n, argument.p);
	if (!read_rules(p, path)) {
		stop(p);
		return false;
	}
	/* What is wrong with a database is said now, not with the first message. */
	if (p->countries != NULL)
		geo_ask(p->countries, "192.0.2.1", host->wall_seconds(), &found);
	if (p->asns != NULL)
		geo_ask(p->asns, "192.0.2.1", host->wall_seconds(), &found);
	*context_r = p;
	return true;
}

/* ---- a message ---- */

static bool fits(const char *pattern, struct penguin_text t)
{
	return strcmp(pattern, "*") == 0 ||
	       (strlen(pattern) == t.n && memcmp(pattern, t.p, t.n) == 0);
}

static bool is_listed(const char *list, const char *what)
{
	size_t n = strlen(what);

	for (const char *at = list; *at != '\0'; at += strspn(at, ",")) {
		size_t length = strcspn(at, ",");

		if (length == n && memcmp(at, what, n) == 0)
			return true;
		at += length;
	}
	return false;
}

static bool denies(const struct rule *r, const struct geo_found *country, uint32_t asn)
{
	char text[16];

	if (r->by_asn ? asn == 0 : country->country[0] == '\0')
		return false;
	snprintf(text, sizeof text, "%u", (unsigned)asn);
	return is_listed(r->list, r->by_asn ? text : country->country) != r->only;
}

static enum penguin_answer headers(void *context, struct penguin_message *m)
{
	const struct plugin *p = context;
	struct penguin_text client = p->host->fact(m, PENGUIN_CLIENT),
			    tenant = p->host->fact(m, PENGUIN_TENANT),
			    login = p->host->fact(m, PENGUIN_LOGIN);
	struct geo_found country = { .asn = 0 }, asn = { .asn = 0 };
	int64_t now_s = p->host->wall_seconds();
	char address[64];

	if (client.n == 0 || client.n >= sizeof address)
		return PENGUIN_GO_ON;
	snprintf(address, sizeof address, "%.*s", (int)client.n, client.p);
	if (p->countries != NULL)
		geo_ask(p->countries, address, now_s, &country);
	if (p->asns != NULL)
		geo_ask(p->asns, address, now_s, &asn);
	for (size_t i = 0; i < p->count; i++) {
		const struct rule *r = &p->rules[i];

		if (!fits(r->tenant, tenant) || !fits(r->login, login) ||
		    !denies(r, &country, asn.asn))
			continue;
		p->host->reply(m, (struct penguin_text){ r->reply, strlen(r->reply) });
		return PENGUIN_REFUSE;
	}
	return PENGUIN_GO_ON;
}

const struct penguin_plugin *penguin_plugin(void)
{
	static const struct penguin_plugin geoip = {
		.abi = PENGUIN_PLUGIN_ABI,
		.size = sizeof geoip,
		.name = "geoip",
		.does = PENGUIN_REFUSES,
		.start = start,
		.stop = stop,
		.headers = headers,
	};

	return &geoip;
}
