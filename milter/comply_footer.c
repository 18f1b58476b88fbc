/* comply_footer - rules F: what laws ask bulk mail to say (footer.h). Looked at where the body is
 * held; a tenant with a postal_address is held to them, of others what they lack is warned
 * about. */
#include "comply_rules.h"

static bool is_held_to(const struct comply *c)
{
	return c->facts.has_footer || c->modes[RULE_F01] == RULE_ENFORCE;
}

static struct found judge(const struct comply *c, enum footer_rule rule)
{
	struct footer_answer a;
	const char *p;

	if (c->footer == NULL)
		return UNKNOWN;
	a = footer_ask(c->footer, rule, c->demands, c->body);
	if (a.state == FOOTER_NOT_ASKED || a.state == FOOTER_FINE)
		return FINE;
	if (a.state == FOOTER_ADDED)
		return BECAUSE(REPAIRABLE, "it was missing");
	p = arena_dup(c->draft.arena, a.about);
	if (p == NULL)
		a.about.n = 0;
	if (a.state == FOOTER_MISSING && c->may_edit && is_held_to(c))
		return BECAUSE(REPAIRABLE, a.why, .about = span_make(p, a.about.n));
	if (is_held_to(c))
		return BECAUSE(FLAW, a.why, .about = span_make(p, a.about.n));
	return BECAUSE(BLEMISH, a.why, .about = span_make(p, a.about.n));
}

bool comply_adds_way_out(const struct comply *c)
{
	return c->footer != NULL && c->may_edit && is_held_to(c) &&
	       c->modes[RULE_F02] == RULE_FIX &&
	       footer_ask(c->footer, FOOTER_F02, c->demands, c->body).state == FOOTER_MISSING;
}

struct found f01_look(const struct comply *c)
{
	return judge(c, FOOTER_F01);
}

struct found f02_look(const struct comply *c)
{
	return judge(c, FOOTER_F02);
}

struct found f03_look(const struct comply *c)
{
	return judge(c, FOOTER_F03);
}

struct found f04_look(const struct comply *c)
{
	return judge(c, FOOTER_F04);
}

struct found f05_look(const struct comply *c)
{
	return judge(c, FOOTER_F05);
}

unsigned comply_footer_items(const struct comply *c)
{
	unsigned items = 0;

	for (unsigned i = 0; i < FOOTER_RULES; i++)
		if (c->outcomes[RULE_F01 + i] == OUTCOME_FIXED)
			items |= footer_items((enum footer_rule)i, c->demands);
	return items;
}
