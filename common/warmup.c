/* warmup - plans from a file. Knows no counter and no clock. */
#include <stdio.h>
#include <stdlib.h>

#include "arena.h"
#include "quantity.h"
#include "sections.h"
#include "warmup.h"

struct warmup_plans {
	struct arena *arena;
	struct warmup_plan *plans; /* in the arena, room for WARMUP_PLANS_MAX */
	size_t count;
};

static struct warmup_plans *all_of(const struct sections *s)
{
	return s->context;
}

static struct warmup_plan *plan_of(const struct sections *s)
{
	return all_of(s)->plans + all_of(s)->count - 1;
}

static enum err no_memory(const struct sections *s)
{
	return sections_fail(s, s->line, ERR_NOMEM, err_text(ERR_NOMEM), SPAN(""));
}

static enum err wrong(const struct sections *s, const char *what, struct span value)
{
	return sections_fail(s, s->line, ERR_SYNTAX, what, value);
}

/* ---- sections ---- */

/* What large senders go by and providers publish; a plan may say otherwise. */
static const uint32_t hold[WARMUP_SHARES] = { 20000, 100000, 1000 };
static const uint32_t back[WARMUP_SHARES] = { 50000, 250000, 3000 };

static enum err begin_plan(struct sections *s, struct span id)
{
	struct warmup_plans *p = all_of(s);
	struct warmup_plan *plan = p->plans + p->count;

	if (warmup_find(p, id) != NULL)
		return sections_fail(s, s->line, ERR_EXISTS, "stands in the file twice:", id);
	if (p->count == WARMUP_PLANS_MAX)
		return sections_fail(s, s->line, ERR_TOOBIG, "too many plans", SPAN(""));
	*plan = (struct warmup_plan){ .id = arena_dup(p->arena, id),
		.days = arena_array(p->arena, WARMUP_DAYS_MAX, sizeof *plan->days),
		.factors = arena_array(p->arena, WARMUP_FACTORS_MAX, sizeof *plan->factors),
		.each = true,
		.hour_percent = 100,
		.used_percent = 50,
		.least_sent = 20,
		.least_bad = 2,
		.line = s->line };
	memcpy(plan->hold, hold, sizeof hold);
	memcpy(plan->back, back, sizeof back);
	p->count++;
	return plan->id != NULL && plan->days != NULL && plan->factors != NULL ? ERR_OK
									       : no_memory(s);
}

static enum err end_plan(struct sections *s)
{
	const struct warmup_plan *plan = plan_of(s);
	const char *missing = NULL;

	if (plan->day_count == 0)
		missing = "a plan without days:";
	else if (plan->source == NULL)
		missing = "a plan without source:";
	else if (!plan->each && plan->factor_count > 0)
		missing = "a budget for all mail has no factors:";
	return missing == NULL
		   ? ERR_OK
		   : sections_fail(s, plan->line, ERR_SYNTAX, missing, span_cstr(plan->id));
}

static enum err set_budget(struct sections *s, struct span value)
{
	plan_of(s)->each = span_eq(value, SPAN("provider"));
	return plan_of(s)->each || span_eq(value, SPAN("all"))
		   ? ERR_OK
		   : wrong(s, "budget: provider or all, not", value);
}

static enum err set_days(struct sections *s, struct span value)
{
	struct warmup_plan *plan = plan_of(s);
	struct span word;

	while (span_next(&value, ' ', &word)) {
		uint64_t n;

		if (word.n == 0)
			continue;
		if (!span_u64(word, &n) || n == 0 || n > WARMUP_DAY_MOST)
			return wrong(s, "not a number of recipients:", word);
		if (plan->day_count == WARMUP_DAYS_MAX)
			return wrong(s, "too many days at", word);
		if (plan->day_count > 0 && n < plan->days[plan->day_count - 1])
			return wrong(s, "fewer than on the day before:", word);
		plan->days[plan->day_count++] = (uint32_t)n;
	}
	return ERR_OK;
}

static enum err read_percent(
    const struct sections *s, struct span value, unsigned most, unsigned *percent_r)
{
	uint64_t n;

	if (!span_u64(value, &n) || n < 1 || n > most)
		return wrong(s, "not a percentage (1 to 100):", value);
	*percent_r = (unsigned)n;
	return ERR_OK;
}

static enum err add_factor(struct sections *s, struct span word)
{
	struct warmup_plan *plan = plan_of(s);
	struct warmup_factor *f = plan->factors + plan->factor_count;
	struct span rest = word, group;

	if (!span_next(&rest, ':', &group) ||
	    (!section_word_ok(group, SECTION_ID_MAX) && !span_eq(group, SPAN("*"))))
		return wrong(s, "factors: GROUP:PERCENT, not", word);
	if (plan->factor_count == WARMUP_FACTORS_MAX)
		return wrong(s, "too many factors at", word);
	for (size_t i = 0; i < plan->factor_count; i++)
		if (span_eq(span_cstr(plan->factors[i].group), group))
			return wrong(s, "a second factor of", group);
	f->group = arena_dup(all_of(s)->arena, group);
	if (f->group == NULL)
		return no_memory(s);
	plan->factor_count++;
	return read_percent(s, rest, 100, &f->percent);
}

static enum err set_factors(struct sections *s, struct span value)
{
	struct span word;
	enum err e = ERR_OK;

	while (e == ERR_OK && span_next(&value, ' ', &word))
		if (word.n > 0)
			e = add_factor(s, word);
	return e;
}

static enum err set_number(const struct sections *s, struct span value, uint64_t *number_r)
{
	return span_u64(value, number_r) && *number_r <= WARMUP_DAY_MOST
		   ? ERR_OK
		   : wrong(s, "not a number:", value);
}

static enum err set_least(struct sections *s, struct span value)
{
	return set_number(s, value, &plan_of(s)->least);
}

static enum err set_least_sent(struct sections *s, struct span value)
{
	return set_number(s, value, &plan_of(s)->least_sent);
}

static enum err set_least_bad(struct sections *s, struct span value)
{
	return set_number(s, value, &plan_of(s)->least_bad);
}

static enum err set_hour(struct sections *s, struct span value)
{
	return read_percent(s, value, 100, &plan_of(s)->hour_percent);
}

static enum err set_used(struct sections *s, struct span value)
{
	return read_percent(s, value, 100, &plan_of(s)->used_percent);
}

static enum err set_share(struct sections *s, struct span value, enum warmup_share share)
{
	struct warmup_plan *plan = plan_of(s);
	struct span rest = value, first;

	if (!span_next(&rest, ' ', &first) || !quantity_percent(first, &plan->hold[share]) ||
	    !quantity_percent(span_trim(rest), &plan->back[share]) ||
	    plan->back[share] < plan->hold[share])
		return wrong(
		    s, "as in 2 5: percent that hold, percent that take back, not", value);
	return ERR_OK;
}

static enum err set_hard(struct sections *s, struct span value)
{
	return set_share(s, value, WARMUP_HARD);
}

static enum err set_delayed(struct sections *s, struct span value)
{
	return set_share(s, value, WARMUP_DELAYED);
}

static enum err set_complained(struct sections *s, struct span value)
{
	return set_share(s, value, WARMUP_COMPLAINED);
}

static enum err set_source(struct sections *s, struct span value)
{
	plan_of(s)->source = arena_dup(all_of(s)->arena, value);
	return plan_of(s)->source != NULL ? ERR_OK : no_memory(s);
}

static const struct section_key keys[] = {
	{ { "budget", 6 }, set_budget },
	{ { "days", 4 }, set_days },
	{ { "factors", 7 }, set_factors },
	{ { "least", 5 }, set_least },
	{ { "hour", 4 }, set_hour },
	{ { "used", 4 }, set_used },
	{ { "hard", 4 }, set_hard },
	{ { "delayed", 7 }, set_delayed },
	{ { "complained", 10 }, set_complained },
	{ { "least_sent", 10 }, set_least_sent },
	{ { "least_bad", 9 }, set_least_bad },
	{ { "source", 6 }, set_source },
};
static const struct section_form form = { begin_plan, end_plan, keys, ARRAY_SIZE(keys) };

/* ---- life ---- */

enum err warmup_parse(
    struct span text, const char *file, struct warmup_plans **p_r, char *error, size_t size)
{
	struct warmup_plans *p = calloc(1, sizeof *p);
	struct sections s = { .file = file, .error = error, .size = size, .context = p };
	enum err e = ERR_NOMEM;

	*p_r = NULL;
	(void)snprintf(error, size, "%s: %s", file, err_text(ERR_NOMEM));
	if (p == NULL)
		return e;
	p->arena = arena_new((size_t)16 * WARMUP_OCTETS);
	if (p->arena != NULL)
		p->plans = arena_array(p->arena, WARMUP_PLANS_MAX, sizeof *p->plans);
	if (p->plans != NULL)
		e = text.n <= WARMUP_OCTETS
			? sections_read(&s, &form, text)
			: sections_fail(&s, 1, ERR_TOOBIG, err_text(ERR_TOOBIG), SPAN(""));
	if (e == ERR_OK)
		*p_r = p;
	else
		warmup_free(&p);
	return e;
}

enum err warmup_read(const char *path, struct warmup_plans **p_r, char *error, size_t size)
{
	struct buf text = BUF_INIT(WARMUP_OCTETS + 8192);
	enum err e = sections_file(path, &text, error, size);

	*p_r = NULL;
	if (e == ERR_OK)
		e = warmup_parse(buf_span(&text), path, p_r, error, size);
	buf_free(&text);
	return e;
}

void warmup_free(struct warmup_plans **p)
{
	if (*p == NULL)
		return;
	arena_free(&(*p)->arena);
	free(*p);
	*p = NULL;
}

size_t warmup_count(const struct warmup_plans *p)
{
	return p != NULL ? p->count : 0;
}

const struct warmup_plan *warmup_at(const struct warmup_plans *p, size_t index)
{
	return index < p->count ? p->plans + index : NULL;
}

const struct warmup_plan *warmup_find(const struct warmup_plans *p, struct span id)
{
	for (size_t i = 0; p != NULL && i < p->count; i++)
		if (span_eq(span_cstr(p->plans[i].id), id))
			return p->plans + i;
	return NULL;
}
