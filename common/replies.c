/* replies - rules from a file, and the first that fits a reply. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "replies.h"
#include "sections.h"

/* Expressions are the administrator's, texts the receivers': no text may cost more than this. */
#define MATCH_STEPS_MAX 20000u
#define MATCH_DEPTH_MAX 200u

static const struct reply_class_row classes[REPLY_CLASSES] = {
	[REPLY_UNKNOWN] = { "unknown", REPLY_SCOPE_NONE, "no rule knows this reply",
	    "counted as soft; its digest is kept for a rule" },
	[REPLY_INVALID_RECIPIENT] = { "invalid_recipient", REPLY_SCOPE_RECIPIENT,
	    "there is no such address", "suppressed at once" },
	[REPLY_INACTIVE_MAILBOX] = { "inactive_mailbox", REPLY_SCOPE_RECIPIENT,
	    "the mailbox is disabled or unused",
	    "suppressed after 2 within 30 days, 72 h apart" },
	[REPLY_BAD_DOMAIN] = { "bad_domain", REPLY_SCOPE_RECIPIENT,
	    "the domain does not exist or takes no mail",
	    "suppressed after 2 within 30 days, 24 h apart" },
	[REPLY_MAILBOX_FULL] = { "mailbox_full", REPLY_SCOPE_RECIPIENT, "the mailbox is full",
	    "suppressed after 5 within 30 days" },
	[REPLY_TOO_LARGE] = { "too_large", REPLY_SCOPE_NONE, "the message is too large",
	    "the message fails, the address stays" },
	[REPLY_NETWORK] = { "network", REPLY_SCOPE_NONE, "no answer, or none in time",
	    "tried again; never a fault of the address" },
	[REPLY_GREYLIST] = { "greylist", REPLY_SCOPE_NONE, "the receiver wants a second try",
	    "tried again from the same source" },
	[REPLY_RATE_LIMIT] = { "rate_limit", REPLY_SCOPE_SOURCE, "too much at a time",
	    "slower to that provider, not to others" },
	[REPLY_IP_BLOCK] = { "ip_block", REPLY_SCOPE_SOURCE,
	    "the address that mail leaves from is blocked",
	    "the source is paused for that provider" },
	[REPLY_DOMAIN_BLOCK] = { "domain_block", REPLY_SCOPE_DOMAIN,
	    "the sending domain has a bad name", "the tenant is paused for that provider" },
	[REPLY_CONTENT] = { "content_spam", REPLY_SCOPE_CAMPAIGN,
	    "the text or a link is taken for spam", "the campaign is to stop" },
	[REPLY_AUTHENTICATION] = { "auth_fail", REPLY_SCOPE_DOMAIN,
	    "SPF, DKIM, DMARC or the name of the address fails",
	    "the domain is paused everywhere until it is repaired" },
	[REPLY_TLS] = { "tls", REPLY_SCOPE_SOURCE, "the receiver wants another TLS",
	    "tried again; the transport needs repair" },
	[REPLY_POLICY] = { "policy", REPLY_SCOPE_NONE, "a rule of the recipient's own",
	    "the message fails, the address stays" },
};

static const char *const scopes[REPLY_SCOPES] = { "none", "recipient", "source", "domain",
	"campaign" };

const struct reply_class_row *reply_class_row(enum reply_class class)
{
	return classes + ((unsigned)class < REPLY_CLASSES ? class : REPLY_UNKNOWN);
}

bool reply_class_of(struct span name, enum reply_class *class_r)
{
	for (size_t i = 0; i < REPLY_CLASSES; i++)
		if (span_eq(name, span_cstr(classes[i].name))) {
			*class_r = (enum reply_class)i;
			return true;
		}
	return false;
}

const char *reply_scope_text(enum reply_scope scope)
{
	return scopes[(unsigned)scope < REPLY_SCOPES ? scope : REPLY_SCOPE_NONE];
}

bool reply_scope_of(struct span word, enum reply_scope *scope_r)
{
	for (size_t i = 0; i < REPLY_SCOPES; i++)
		if (span_eq(word, span_cstr(scopes[i]))) {
			*scope_r = (enum reply_scope)i;
			return true;
		}
	return false;
}

struct replies {
	struct arena *arena;
	struct reply_rule *rules; /* in the arena, room for REPLIES_MAX */
	pcre2_code **codes;       /* the same; each owned */
	size_t count;
	pcre2_match_context *bounds;
};

/* ---- the file ---- */

struct parser {
	struct replies *r;
	bool has_class, has_scope;
};

static struct parser *parser_of(const struct sections *s)
{
	return s->context;
}

static struct reply_rule *rule_of(const struct sections *s)
{
	struct replies *r = parser_of(s)->r;

	return r->rules + r->count - 1;
}

static enum err no_memory(const struct sections *s)
{
	return sections_fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static enum err twice(const struct sections *s, const char *what)
{
	return sections_fail(s, s->line, ERR_EXISTS, what, SPAN(""));
}

/* The rule that ends here has all it needs. */
static enum err end_rule(struct sections *s)
{
	const struct reply_rule *rule = rule_of(s);
	const char *missing = NULL;

	if (!parser_of(s)->has_class)
		missing = "a rule without class:";
	else if (rule->match == NULL)
		missing = "a rule without match:";
	else if (rule->source == NULL)
		missing = "a rule without source:";
	else if (rule->sample_count == 0)
		missing = "a rule without sample:";
	return missing == NULL
		   ? ERR_OK
		   : sections_fail(s, rule->line, ERR_SYNTAX, missing, span_cstr(rule->id));
}

static enum err begin_rule(struct sections *s, struct span id)
{
	struct replies *r = parser_of(s)->r;

	for (size_t i = 0; i < r->count; i++)
		if (span_eq(span_cstr(r->rules[i].id), id))
			return sections_fail(
			    s, s->line, ERR_EXISTS, "stands in the file twice:", id);
	if (r->count == REPLIES_MAX)
		return sections_fail(s, s->line, ERR_TOOBIG, "too many rules", SPAN(""));
	r->rules[r->count].id = arena_dup(r->arena, id);
	if (r->rules[r->count].id == NULL)
		return no_memory(s);
	r->rules[r->count++].line = s->line;
	*parser_of(s) = (struct parser){ .r = r };
	return ERR_OK;
}

static enum err set_class(struct sections *s, struct span value)
{
	struct parser *p = parser_of(s);
	struct reply_rule *rule = rule_of(s);

	if (p->has_class)
		return twice(s, "stands twice: class");
	if (!reply_class_of(value, &rule->class) || rule->class == REPLY_UNKNOWN)
		return sections_fail(s, s->line, ERR_SYNTAX, "not a class:", value);
	p->has_class = true;
	if (!p->has_scope)
		rule->scope = classes[rule->class].scope;
	return ERR_OK;
}

static enum err set_scope(struct sections *s, struct span value)
{
	if (!reply_scope_of(value, &rule_of(s)->scope))
		return sections_fail(s, s->line, ERR_SYNTAX, "not a scope:", value);
	parser_of(s)->has_scope = true;
	return ERR_OK;
}

static enum err set_providers(struct sections *s, struct span value)
{
	struct arena *arena = parser_of(s)->r->arena;
	struct span rest = value, word;
	const char **list;
	size_t count = 0;

	if (rule_of(s)->providers != NULL)
		return twice(s, "stands twice: provider");
	list = arena_array(arena, value.n / 2 + 2, sizeof *list);
	if (list == NULL)
		return no_memory(s);
	while (span_next(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (!section_word_ok(word, REPLY_ID_MAX))
			return sections_fail(
			    s, s->line, ERR_SYNTAX, "not a group of providers:", word);
		list[count] = arena_dup(arena, word);
		if (list[count++] == NULL)
			return no_memory(s);
	}
	rule_of(s)->providers = list;
	return ERR_OK;
}

static enum err set_match(struct sections *s, struct span value)
{
	struct replies *r = parser_of(s)->r;
	pcre2_code **compiled = r->codes + r->count - 1;
	PCRE2_UCHAR words[160] = "";
	char text[240];
	int code = 0;
	PCRE2_SIZE offset = 0;

	if (rule_of(s)->match != NULL)
		return twice(s, "stands twice: match");
	*compiled = pcre2_compile((PCRE2_SPTR)value.p, value.n,
	    PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (*compiled == NULL) {
		(void)pcre2_get_error_message(code, words, sizeof words);
		(void)snprintf(text, sizeof text, "match: %s at octet %zu of", (char *)words,
		    (size_t)offset);
		return sections_fail(s, s->line, ERR_SYNTAX, text, value);
	}
	rule_of(s)->match = arena_dup(r->arena, value);
	return rule_of(s)->match != NULL ? ERR_OK : no_memory(s);
}

static enum err set_source(struct sections *s, struct span value)
{
	if (rule_of(s)->source != NULL)
		return twice(s, "stands twice: source");
	rule_of(s)->source = arena_dup(parser_of(s)->r->arena, value);
	return rule_of(s)->source != NULL ? ERR_OK : no_memory(s);
}

static enum err add_sample(struct sections *s, struct span value)
{
	struct reply_rule *rule = rule_of(s);

	if (rule->sample_count == REPLY_SAMPLE_MAX)
		return sections_fail(s, s->line, ERR_TOOBIG, "too many samples", SPAN(""));
	rule->samples[rule->sample_count] = arena_dup(parser_of(s)->r->arena, value);
	return rule->samples[rule->sample_count++] != NULL ? ERR_OK : no_memory(s);
}

static const struct section_key keys[] = {
	{ { "class", 5 }, set_class },
	{ { "scope", 5 }, set_scope },
	{ { "provider", 8 }, set_providers },
	{ { "match", 5 }, set_match },
	{ { "source", 6 }, set_source },
	{ { "sample", 6 }, add_sample },
};
static const struct section_form form = { begin_rule, end_rule, keys, ARRAY_SIZE(keys) };

static struct replies *replies_new(void)
{
	struct replies *r = calloc(1, sizeof *r);

	if (r == NULL)
		return NULL;
	r->arena = arena_new((size_t)16 * REPLIES_OCTETS);
	r->bounds = pcre2_match_context_create(NULL);
	if (r->arena != NULL) {
		r->rules = arena_array(r->arena, REPLIES_MAX, sizeof *r->rules);
		r->codes = arena_array(r->arena, REPLIES_MAX, sizeof(pcre2_code *));
	}
	if (r->bounds == NULL || r->rules == NULL || r->codes == NULL) {
		replies_free(&r);
		return NULL;
	}
	(void)pcre2_set_match_limit(r->bounds, MATCH_STEPS_MAX);
	(void)pcre2_set_depth_limit(r->bounds, MATCH_DEPTH_MAX);
	return r;
}

enum err replies_parse(
    struct span text, const char *file, struct replies **r_r, char *error, size_t size)
{
	struct parser p = { .r = replies_new() };
	struct sections s = { .file = file, .error = error, .size = size, .context = &p };
	enum err e = p.r != NULL ? ERR_OK : ERR_NOMEM;

	*r_r = NULL;
	(void)snprintf(error, size, "%s: %s", file, err_text(ERR_NOMEM));
	if (e == ERR_OK && text.n > REPLIES_OCTETS)
		e = sections_fail(&s, 1, ERR_TOOBIG, err_text(ERR_TOOBIG), SPAN(""));
	if (e == ERR_OK)
		e = sections_read(&s, &form, text);
	if (e == ERR_OK)
		*r_r = p.r;
	else
		replies_free(&p.r);
	return e;
}

enum err replies_read(const char *path, struct replies **r_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(REPLIES_OCTETS + 8192);
	enum err e = sections_file(path, &text, error, size);

	*r_r = NULL;
	if (e == ERR_OK)
		e = replies_parse(buf_span(&text), path, r_r, error, size);
	buf_free(&text);
	return e;
}

void replies_free(struct replies **r)
{
	if (*r == NULL)
		return;
	for (size_t i = 0; (*r)->codes != NULL && i < (*r)->count; i++)
		pcre2_code_free((*r)->codes[i]);
	pcre2_match_context_free((*r)->bounds);
	arena_free(&(*r)->arena);
	free(*r);
	*r = NULL;
}

size_t replies_count(const struct replies *r)
{
	return r->count;
}

const struct reply_rule *replies_rule(const struct replies *r, size_t index)
{
	return index < r->count ? r->rules + index : NULL;
}

/* ---- asking ---- */

static bool rule_is_for(const struct reply_rule *rule, struct span provider)
{
	if (provider.n == 0 && rule->providers != NULL)
		return true;
	for (size_t i = 0; rule->providers != NULL && rule->providers[i] != NULL; i++)
		if (span_eq(provider, span_cstr(rule->providers[i])))
			return true;
	return false;
}

const struct reply_rule *replies_match(
    const struct replies *r, struct span provider, struct span subject)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	const struct reply_rule *found = NULL;

	if (data == NULL)
		return NULL;
	for (int general = 0; general < 2 && found == NULL; general++)
		for (size_t i = 0; i < r->count && found == NULL; i++) {
			const struct reply_rule *rule = r->rules + i;

			if (general == 1 ? rule->providers == NULL
					 : rule_is_for(rule, provider))
				found = pcre2_match(r->codes[i], (PCRE2_SPTR)subject.p,
					    subject.n, 0, 0, data, r->bounds) >= 0
					    ? rule
					    : NULL;
		}
	pcre2_match_data_free(data);
	return found;
}
