/* rules.h - what is asked of a message before it leaves: every rule with its id, who asks it, what
 * is done about a failure and where that is written. One table for the milter, which judges, for
 * the configuration, which sets modes, and for penguinctl, which explains. Pure. */
#ifndef RULES_H
#define RULES_H

#include "base.h"
#include "settings.h"
#include "span.h"

/* In the order in which rules are applied and reported. */
enum rule_id {
	RULE_H01,
	RULE_H02,
	RULE_H03,
	RULE_H04,
	RULE_H05,
	RULE_H06,
	RULE_H07,
	RULE_H08,
	RULE_H09,
	RULE_H10,
	RULE_H11,
	RULE_H12,
	RULE_H13,
	RULE_H14,
	RULE_H15,
	RULE_H16,
	RULE_L01,
	RULE_L02,
	RULE_L03,
	RULE_L04,
	RULE_L05,
	RULE_L06,
	RULE_L07,
	RULE_L08,
	RULE_F01,
	RULE_F02,
	RULE_F03,
	RULE_F04,
	RULE_F05,
	RULE_S01,
	RULE_S02,
	RULE_S03,
	RULE_S04,
	RULE_S05,
	RULE_S06,
	RULE_S07,
	RULE_S08,
	RULE_A01,
	RULE_A02,
	RULE_A03,
	RULE_A04,
	RULE_A05,
	RULE_A06,
	RULE_T01,
	RULE_COUNT
};

/* From the loosest to the strictest. */
enum rule_mode {
	RULE_OFF,     /* not looked at */
	RULE_WARN,    /* a failure is logged and counted; the message stays as it is */
	RULE_FIX,     /* repaired; what no repair helps has the rule's severity */
	RULE_ENFORCE, /* a failure refuses the message, also one that could be repaired */
};

/* What a failure without a repair does in mode fix. */
enum rule_severity { SEVERITY_WARN, SEVERITY_REFUSE };

struct rule {
	const char *id;
	const char *check;      /* what must hold */
	const char *repair;     /* what mode fix does; "" where nothing honest can be done */
	const char *source;     /* RFC section, or the page of a mailbox provider */
	const char *code, *dsn; /* of a refusal */
	enum rule_severity severity;
	bool bulk_only;
	enum rule_mode bulk, transactional; /* modes unless configured */
	enum rule_mode least;               /* no configuration goes below */
};

const struct rule *rule_of(enum rule_id id); /* never NULL for an id of the enum */
/* Without regard to case; RULE_COUNT when there is none. */
enum rule_id rule_find(struct span id);
const char *rule_mode_text(enum rule_mode mode);
const char *rule_severity_text(enum rule_severity severity);

/* The sentence that is wrong with an entry "ID=MODE" of a configuration, or NULL. "*" stands for
 * all rules, "L*" for all that begin so. */
const char *rules_check_entry(struct span entry);

/* Modes in force: the table's, then the plan's entries, later ones over earlier ones, then the
 * stream's, which only tighten. Both lists end with NULL and may be NULL; bad entries do nothing. A
 * rule that is not for the class is off. */
void rules_settle(enum stream_class class, const char *const *plan, const char *const *stream,
    enum rule_mode modes_r[RULE_COUNT]);

/* A stream's entry that names one rule and asks less of it than modes do: that rule, and its mode
 * in force; else RULE_COUNT. */
enum rule_id rules_find_weaker(
    struct span entry, const enum rule_mode modes[RULE_COUNT], enum rule_mode *asked_r);

#endif
