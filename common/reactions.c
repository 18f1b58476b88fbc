/* reactions - rules from a file, and whether one has to act. Knows no counter and no clock. */
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "quantity.h"
#include "reactions.h"
#include "sections.h"

#define LONGEST_S (366 * 86400)

static const char *const scope_words[BRAKE_SCOPES] = { "source", "domain", "stream", "tenant" };
static const char *const share_words[] = { "", "hard", "complained", "delayed" };

const char *brake_scope_text(enum brake_scope scope)
{
	return scope_words[scope];
}

bool brake_scope_of(struct span word, enum brake_scope *scope_r)
{
	for (size_t i = 0; i < BRAKE_SCOPES; i++)
		if (span_eq(word, span_cstr(scope_words[i]))) {
			*scope_r = (enum brake_scope)i;
			return true;
		}
	return false;
}

struct reactions {
	struct arena *arena;
	struct reaction *rules; /* in the arena, room for REACTIONS_MAX */
	size_t count;
};

/* ---- the file ---- */

static struct reactions *all_of(const struct sections *s)
{
	return s->context;
}

static struct reaction *rule_of(const struct sections *s)
{
	return all_of(s)->rules + all_of(s)->count - 1;
}

static enum err no_memory(const struct sections *s)
{
	return sections_fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static enum err wrong(const struct sections *s, const char *what, struct span value)
{
	return sections_fail(s, s->line, ERR_SYNTAX, what, value);
}

static enum err begin_rule(struct sections *s, struct span id)
{
	struct reactions *r = all_of(s);

	for (size_t i = 0; i < r->count; i++)
		if (span_eq(span_cstr(r->rules[i].id), id))
			return sections_fail(
			    s, s->line, ERR_EXISTS, "stands in the file twice:", id);
	if (r->count == REACTIONS_MAX)
		return sections_fail(s, s->line, ERR_TOOBIG, "too many rules", SPAN(""));
	r->rules[r->count] =
	    (struct reaction){ .id = arena_dup(r->arena, id), .line = s->line };
	return r->rules[r->count++].id != NULL ? ERR_OK : no_memory(s);
}

static enum err end_rule(struct sections *s)
{
	struct reaction *r = rule_of(s);
	int kinds = (r->replies != NULL) + (r->classes != 0) + (r->share != SHARE_NONE);
	const char *missing = NULL;

	if (kinds != 1)
		missing = "a rule needs one of replies, classes and share:";
	else if (r->share == SHARE_NONE && r->count == 0)
		missing = "a rule without count:";
	else if (r->share != SHARE_NONE && r->parts == 0)
		missing = "a rule without percent:";
	else if (!r->has_scope)
		missing = "a rule without scope:";
	else if (r->source == NULL)
		missing = "a rule without source:";
	if (missing != NULL)
		return sections_fail(s, r->line, ERR_SYNTAX, missing, span_cstr(r->id));
	if (r->most_s < r->pause_s)
		r->most_s = r->pause_s;
	return ERR_OK;
}

static enum err set_words(
    struct sections *s, struct span value, const char *const **list_r, const char *what)
{
	struct arena *arena = all_of(s)->arena;
	const char **list = arena_array(arena, value.n / 2 + 2, sizeof *list);
	struct span rest = value, word;
	size_t count = 0;

	if (list == NULL)
		return no_memory(s);
	while (span_next(&rest, ' ', &word)) {
		if (word.n == 0)
			continue;
		if (!section_word_ok(word, SECTION_ID_MAX))
			return wrong(s, what, word);
		list[count] = arena_dup(arena, word);
		if (list[count++] == NULL)
			return no_memory(s);
	}
	*list_r = list;
	return ERR_OK;
}

static enum err set_replies(struct sections *s, struct span value)
{
	return set_words(s, value, &rule_of(s)->replies, "not a rule of replies:");
}

static enum err set_providers(struct sections *s, struct span value)
{
	return set_words(s, value, &rule_of(s)->providers, "not a group of providers:");
}

static enum err set_classes(struct sections *s, struct span value)
{
	struct span word;

	while (span_next(&value, ' ', &word)) {
		enum reply_class class;

		if (word.n == 0)
			continue;
		if (!reply_class_of(word, &class))
			return wrong(s, "not a class:", word);
		rule_of(s)->classes |= UINT32_C(1) << class;
	}
	return ERR_OK;
}

static enum err set_share(struct sections *s, struct span value)
{
	for (size_t i = 1; i < ARRAY_SIZE(share_words); i++)
		if (span_eq(value, span_cstr(share_words[i]))) {
			rule_of(s)->share = (enum reaction_share)i;
			return ERR_OK;
		}
	return wrong(s, "share: hard, complained or delayed, not", value);
}

static enum err set_count(struct sections *s, struct span value)
{
	struct span rest = value, number;
	struct reaction *r = rule_of(s);
	uint64_t count;

	if (!span_next(&rest, '/', &number) || !span_u64(number, &count) || count == 0 ||
	    count > REACTION_COUNT_MAX || !quantity_duration(rest, &r->within_s) ||
	    r->within_s > LONGEST_S || r->within_s == 0)
		return wrong(s, "count: as in 3/10m, at most 64, not", value);
	r->count = (unsigned)count;
	return ERR_OK;
}

static enum err set_percent(struct sections *s, struct span value)
{
	return quantity_percent(value, &rule_of(s)->parts)
		   ? ERR_OK
		   : wrong(s, "percent: as in 0.3, not", value);
}

static enum err set_least(struct sections *s, struct span value)
{
	return span_u64(value, &rule_of(s)->least) ? ERR_OK
						   : wrong(s, "least: not a number:", value);
}

static enum err set_sent(struct sections *s, struct span value)
{
	return span_u64(value, &rule_of(s)->sent) ? ERR_OK
						  : wrong(s, "sent: not a number:", value);
}

static enum err set_scope(struct sections *s, struct span value)
{
	rule_of(s)->has_scope = true;
	return brake_scope_of(value, &rule_of(s)->scope)
		   ? ERR_OK
		   : wrong(s, "scope: source, domain, stream or tenant, not", value);
}

static enum err set_where(struct sections *s, struct span value)
{
	rule_of(s)->everywhere = span_eq(value, SPAN("everywhere"));
	return rule_of(s)->everywhere || span_eq(value, SPAN("provider"))
		   ? ERR_OK
		   : wrong(s, "where: provider or everywhere, not", value);
}

static enum err set_duration(struct sections *s, struct span value, int64_t *seconds_r)
{
	return quantity_duration(value, seconds_r) && *seconds_r <= LONGEST_S
		   ? ERR_OK
		   : wrong(s, "not a duration of at most a year:", value);
}

static enum err set_pause(struct sections *s, struct span value)
{
	return set_duration(s, value, &rule_of(s)->pause_s);
}

static enum err set_most(struct sections *s, struct span value)
{
	return set_duration(s, value, &rule_of(s)->most_s);
}

static enum err set_source(struct sections *s, struct span value)
{
	rule_of(s)->source = arena_dup(all_of(s)->arena, value);
	return rule_of(s)->source != NULL ? ERR_OK : no_memory(s);
}

static const struct section_key keys[] = {
	{ { "replies", 7 }, set_replies },
	{ { "classes", 7 }, set_classes },
	{ { "share", 5 }, set_share },
	{ { "count", 5 }, set_count },
	{ { "percent", 7 }, set_percent },
	{ { "least", 5 }, set_least },
	{ { "sent", 4 }, set_sent },
	{ { "provider", 8 }, set_providers },
	{ { "scope", 5 }, set_scope },
	{ { "where", 5 }, set_where },
	{ { "pause", 5 }, set_pause },
	{ { "most", 4 }, set_most },
	{ { "source", 6 }, set_source },
};
static const struct section_form form = { begin_rule, end_rule, keys, ARRAY_SIZE(keys) };

enum err reactions_parse(
    struct span text, const char *file, struct reactions **r_r, char *error, size_t size)
{
	struct reactions *r = calloc(1, sizeof *r);
	struct sections s = { .file = file, .error = error, .size = size, .context = r };
	enum err e = ERR_NOMEM;

	*r_r = NULL;
	(void)snprintf(error, size, "%s: %s", file, err_text(ERR_NOMEM));
	if (r == NULL)
		return e;
	r->arena = arena_new((size_t)16 * REACTIONS_OCTETS);
	if (r->arena != NULL)
		r->rules = arena_array(r->arena, REACTIONS_MAX, sizeof *r->rules);
	if (r->rules != NULL)
		e = text.n <= REACTIONS_OCTETS
			? sections_read(&s, &form, text)
			: sections_fail(&s, 1, ERR_TOOBIG, err_text(ERR_TOOBIG), SPAN(""));
	if (e == ERR_OK)
		*r_r = r;
	else
		reactions_free(&r);
	return e;
}

enum err reactions_read(const char *path, struct reactions **r_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(REACTIONS_OCTETS + 8192);
	enum err e = sections_file(path, &text, error, size);

	*r_r = NULL;
	if (e == ERR_OK)
		e = reactions_parse(buf_span(&text), path, r_r, error, size);
	buf_free(&text);
	return e;
}

void reactions_free(struct reactions **r)
{
	if (*r == NULL)
		return;
	arena_free(&(*r)->arena);
	free(*r);
	*r = NULL;
}

size_t reactions_count(const struct reactions *r)
{
	return r->count;
}

const struct reaction *reactions_rule(const struct reactions *r, size_t index)
{
	return index < r->count ? r->rules + index : NULL;
}

/* ---- deciding ---- */

static bool has_word(const char *const *list, struct span word)
{
	for (size_t i = 0; list[i] != NULL; i++)
		if (span_eq(word, span_cstr(list[i])))
			return true;
	return false;
}

bool reaction_counts(const struct reaction *r, struct span provider,
    const struct reply_rule *reply, enum reply_class class)
{
	if (r->share != SHARE_NONE ||
	    (r->providers != NULL && !has_word(r->providers, provider)))
		return false;
	if (r->replies != NULL)
		return reply != NULL && has_word(r->replies, span_cstr(reply->id));
	return (r->classes & UINT32_C(1) << class) != 0;
}

bool reaction_share_reached(
    const struct reaction *r, struct span provider, uint64_t part, uint64_t whole)
{
	if (r->providers != NULL && !has_word(r->providers, provider))
		return false;
	return whole > 0 && part >= r->least && whole >= r->sent &&
	       part * QUANTITY_WHOLE >= whole * r->parts;
}

int64_t reaction_pause_s(const struct reaction *r, unsigned level)
{
	int64_t pause = r->pause_s;

	while (level-- > 0 && pause < r->most_s)
		pause *= 2;
	return pause > r->most_s ? r->most_s : pause;
}
