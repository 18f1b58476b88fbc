/* replies - rules from a file, and the first that fits a reply. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <errno.h>
#include <fcntl.h>
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena.h"
#include "replies.h"

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
	const char *file;
	unsigned line;
	bool has_class, has_scope;
	char *error;
	size_t size;
};

static enum err fail(
    const struct parser *s, unsigned line, enum err e, const char *what, struct span value)
{
	(void)snprintf(s->error, s->size, "%s:%u: %s%s%.*s%s", s->file, line, what,
	    value.n > 0 ? " \"" : "", SPAN_ARG(span_head(value, 80)), value.n > 0 ? "\"" : "");
	return e;
}

static bool word_ok(struct span word, size_t most)
{
	bool ok = word.n > 0 && word.n < most;

	for (size_t i = 0; ok && i < word.n; i++)
		ok = ascii_alpha(word.p[i]) || ascii_digit(word.p[i]) || word.p[i] == '_' ||
		     word.p[i] == '-';
	return ok;
}

/* The rule that ends here has all it needs. */
static enum err finish_rule(const struct parser *s)
{
	const struct replies *r = s->r;
	const struct reply_rule *rule = r->count > 0 ? r->rules + r->count - 1 : NULL;
	const char *missing = NULL;

	if (rule == NULL)
		return ERR_OK;
	if (!s->has_class)
		missing = "a rule without class:";
	else if (rule->match == NULL)
		missing = "a rule without match:";
	else if (rule->source == NULL)
		missing = "a rule without source:";
	else if (rule->sample_count == 0)
		missing = "a rule without sample:";
	return missing == NULL ? ERR_OK
			       : fail(s, rule->line, ERR_SYNTAX, missing, span_cstr(rule->id));
}

static enum err begin_rule(struct parser *s, struct span line)
{
	struct replies *r = s->r;
	struct span id = span_head(span_from(line, 1), line.n - 2);
	enum err e = finish_rule(s);

	if (e != ERR_OK)
		return e;
	if (line.n < 3 || line.p[line.n - 1] != ']' || !word_ok(id, REPLY_ID_MAX))
		return fail(s, s->line, ERR_SYNTAX, "expected [name of a rule], not", line);
	for (size_t i = 0; i < r->count; i++)
		if (span_eq(span_cstr(r->rules[i].id), id))
			return fail(s, s->line, ERR_EXISTS, "stands in the file twice:", id);
	if (r->count == REPLIES_MAX)
		return fail(s, s->line, ERR_TOOBIG, "too many rules", SPAN(""));
	r->rules[r->count].id = arena_dup(r->arena, id);
	if (r->rules[r->count].id == NULL)
		return fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
	r->rules[r->count++].line = s->line;
	s->has_class = s->has_scope = false;
	return ERR_OK;
}

static enum err set_class(struct parser *s, struct reply_rule *rule, struct span value)
{
	if (s->has_class)
		return fail(s, s->line, ERR_EXISTS, "stands twice: class", SPAN(""));
	if (!reply_class_of(value, &rule->class) || rule->class == REPLY_UNKNOWN)
		return fail(s, s->line, ERR_SYNTAX, "not a class:", value);
	s->has_class = true;
	if (!s->has_scope)
		rule->scope = classes[rule->class].scope;
	return ERR_OK;
}

static enum err set_scope(struct parser *s, struct reply_rule *rule, struct span value)
{
	for (size_t i = 0; i < REPLY_SCOPES; i++)
		if (span_eq(value, span_cstr(scopes[i]))) {
			rule->scope = (enum reply_scope)i;
			s->has_scope = true;
			return ERR_OK;
		}
	return fail(s, s->line, ERR_SYNTAX, "not a scope:", value);
}

static enum err set_providers(struct parser *s, struct reply_rule *rule, struct span value)
{
	const char **list;
	struct span rest = value, word;
	size_t count = 0;

	if (rule->providers != NULL)
		return fail(s, s->line, ERR_EXISTS, "stands twice: provider", SPAN(""));
	list = arena_array(s->r->arena, value.n / 2 + 2, sizeof *list);
	if (list == NULL)
		return fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
	while (span_next(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (!word_ok(word, REPLY_ID_MAX))
			return fail(s, s->line, ERR_SYNTAX, "not a group of providers:", word);
		list[count] = arena_dup(s->r->arena, word);
		if (list[count++] == NULL)
			return fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
	}
	rule->providers = list;
	return ERR_OK;
}

static enum err set_match(struct parser *s, struct reply_rule *rule, struct span value)
{
	struct replies *r = s->r;
	PCRE2_UCHAR words[160] = "";
	char text[240];
	int code = 0;
	PCRE2_SIZE offset = 0;

	if (rule->match != NULL)
		return fail(s, s->line, ERR_EXISTS, "stands twice: match", SPAN(""));
	r->codes[r->count - 1] = pcre2_compile((PCRE2_SPTR)value.p, value.n,
	    PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_NEVER_BACKSLASH_C, &code, &offset, NULL);
	if (r->codes[r->count - 1] == NULL) {
		(void)pcre2_get_error_message(code, words, sizeof words);
		(void)snprintf(text, sizeof text, "match: %s at octet %zu of", (char *)words,
		    (size_t)offset);
		return fail(s, s->line, ERR_SYNTAX, text, value);
	}
	rule->match = arena_dup(r->arena, value);
	return rule->match != NULL ? ERR_OK
				   : fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static enum err set_source(struct parser *s, struct reply_rule *rule, struct span value)
{
	if (rule->source != NULL)
		return fail(s, s->line, ERR_EXISTS, "stands twice: source", SPAN(""));
	rule->source = arena_dup(s->r->arena, value);
	return rule->source != NULL
		   ? ERR_OK
		   : fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static enum err add_sample(struct parser *s, struct reply_rule *rule, struct span value)
{
	if (rule->sample_count == REPLY_SAMPLE_MAX)
		return fail(s, s->line, ERR_TOOBIG, "too many samples", SPAN(""));
	rule->samples[rule->sample_count] = arena_dup(s->r->arena, value);
	return rule->samples[rule->sample_count++] != NULL
		   ? ERR_OK
		   : fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static const struct {
	struct span key;
	enum err (*set)(struct parser *s, struct reply_rule *rule, struct span value);
} keys[] = {
	{ { "class", 5 }, set_class },
	{ { "scope", 5 }, set_scope },
	{ { "provider", 8 }, set_providers },
	{ { "match", 5 }, set_match },
	{ { "source", 6 }, set_source },
	{ { "sample", 6 }, add_sample },
};

static enum err parse_line(struct parser *s, struct span line)
{
	struct span rest = span_trim(line), key;
	struct replies *r = s->r;

	if (rest.n == 0 || rest.p[0] == '#')
		return ERR_OK;
	if (rest.p[0] == '[')
		return begin_rule(s, rest);
	if (span_find(rest, '=', 0) == rest.n)
		return fail(s, s->line, ERR_SYNTAX, "expected key = value, not", rest);
	if (r->count == 0)
		return fail(s, s->line, ERR_SYNTAX, "no [name of a rule] above", rest);
	(void)span_next(&rest, '=', &key);
	key = span_trim(key);
	rest = span_trim(rest);
	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (span_eq(key, keys[i].key))
			return rest.n > 0 ? keys[i].set(s, r->rules + r->count - 1, rest)
					  : fail(s, s->line, ERR_SYNTAX, "no value:", key);
	return fail(s, s->line, ERR_SYNTAX, "unknown key", key);
}

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
	struct parser s = { .r = replies_new(), .file = file, .error = error, .size = size };
	struct span line;
	enum err e = s.r != NULL ? ERR_OK : ERR_NOMEM;

	*r_r = NULL;
	(void)snprintf(error, size, "%s: %s", file, err_text(ERR_NOMEM));
	if (e == ERR_OK && text.n > REPLIES_OCTETS)
		e = fail(&s, 1, ERR_TOOBIG, err_text(ERR_TOOBIG), SPAN(""));
	while (e == ERR_OK && span_next(&text, '\n', &line)) {
		s.line++;
		e = parse_line(&s, line);
	}
	if (e == ERR_OK)
		e = finish_rule(&s);
	if (e == ERR_OK)
		*r_r = s.r;
	else
		replies_free(&s.r);
	return e;
}

enum err replies_read(const char *path, struct replies **r_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(REPLIES_OCTETS + 8192);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum err e = fd < 0 ? err_from_errno(errno) : ERR_OK;
	ssize_t n = 1;

	*r_r = NULL;
	while (e == ERR_OK && n > 0) {
		if (!buf_reserve(&text, 4096)) {
			e = ERR_TOOBIG;
			break;
		}
		n = read(fd, text.p + text.n, 4096);
		if (n < 0)
			e = err_from_errno(errno);
		else
			text.n += (size_t)n;
	}
	if (e != ERR_OK)
		(void)snprintf(error, size, "%s: %s", path, err_text(e));
	else
		e = replies_parse(buf_span(&text), path, r_r, error, size);
	if (fd >= 0)
		close(fd);
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
