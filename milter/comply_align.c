/* comply_align - rules A: does what a message claims belong to who sends it? Ownership was judged
 * by author.c; what DNS says are facts. And T01, leftovers of templates. */
#include "addr.h"
#include "comply_rules.h"

/* ---- the author check's answers ---- */

static const struct {
	enum rule_id rule;
	const char *word, *code, *why;
	bool names_domain;
} faults[] = {
	[AUTHOR_FINE] = { RULE_COUNT, "none", "", "", false },
	[AUTHOR_FROM_MISSING] = { RULE_H01, "from_missing", "550", "no From header field",
	    false },
	[AUTHOR_FROM_TWICE] = { RULE_H01, "from_twice", "550",
	    "more than one From header field", false },
	[AUTHOR_FROM_SYNTAX] = { RULE_H01, "from_syntax", "550",
	    "From address cannot be read safely", false },
	[AUTHOR_FROM_SEVERAL] = { RULE_H01, "from_several", "550",
	    "From must hold exactly one address", false },
	[AUTHOR_FROM_FOREIGN] = { RULE_A01, "from_foreign", "553",
	    "From address not owned by this account", true },
	[AUTHOR_FROM_STREAM] = { RULE_A01, "from_stream", "553",
	    "From domain not allowed for this login", true },
	[AUTHOR_SENDER_SYNTAX] = { RULE_H11, "sender_syntax", "550",
	    "Sender address cannot be read safely", false },
	[AUTHOR_SENDER_FOREIGN] = { RULE_H11, "sender_foreign", "553",
	    "Sender address not owned by this account", true },
	[AUTHOR_RESENT_SYNTAX] = { RULE_A01, "resent_syntax", "550",
	    "Resent-From address cannot be read safely", false },
	[AUTHOR_RESENT_FOREIGN] = { RULE_A01, "resent_foreign", "553",
	    "Resent-From address not owned by this account", true },
	[AUTHOR_REPLY_TO_SYNTAX] = { RULE_A04, "reply_to_syntax", "550",
	    "Reply-To address cannot be read safely", false },
	[AUTHOR_REPLY_TO_FOREIGN] = { RULE_A04, "reply_to_foreign", "550",
	    "Reply-To address not owned by this account", true },
};
_Static_assert(ARRAY_SIZE(faults) == AUTHOR_FAULTS, "a row for every fault");

const char *comply_author_word(enum author_fault fault)
{
	return (unsigned)fault < AUTHOR_FAULTS ? faults[fault].word : "";
}

struct found author_found(const struct comply *c, enum rule_id rule)
{
	const struct author *a = c->facts.author;

	if (a->fault == AUTHOR_FINE || faults[a->fault].rule != rule)
		return FINE;
	return BECAUSE(FORBIDDEN, faults[a->fault].why,
	    .about = faults[a->fault].names_domain ? span_cstr(a->foreign) : SPAN(""),
	    .code = faults[a->fault].code, .dsn = "5.7.1", .word = faults[a->fault].word);
}

struct found a01_find(const struct comply *c)
{
	return author_found(c, RULE_A01);
}

/* ---- what DNS says ---- */

struct found a02_find(const struct comply *c)
{
	switch (c->facts.key_in_dns) {
	case KNOWN_GOOD: return FINE;
	case KNOWN_BAD: return BECAUSE(FLAW, "the signing domain's public key is not in DNS");
	case KNOWN_LOST:
		return BECAUSE(LATER, "the signing domain's public key cannot be looked up",
		    .code = "451", .dsn = "4.7.5");
	case NOT_KNOWN: break;
	}
	return UNKNOWN;
}

static bool related(struct span a, struct span b)
{
	return domain_is_within(a, b) || domain_is_within(b, a);
}

/* Without a list of public suffixes: one within the other, or both within one domain that the
 * tenant has proven. */
struct found a03_find(const struct comply *c)
{
	const struct tenant_domain *owner = NULL, *other = NULL;
	struct span from = span_cstr(c->facts.author->from);
	char sender[DOMAIN_MAX];
	struct addr addr;

	if (c->message->sender.n == 0 || from.n == 0)
		return FINE;
	if (addr_split(c->message->sender, &addr) != ERR_OK ||
	    domain_canonical(addr.domain, sender) != ERR_OK)
		return BECAUSE(FLAW, "the envelope sender cannot be read");
	if (related(from, span_cstr(sender)))
		return FINE;
	(void)snapshot_find_domain(c->facts.snapshot, from, &owner);
	(void)snapshot_find_domain(c->facts.snapshot, span_cstr(sender), &other);
	if (owner != NULL && owner == other)
		return FINE;
	return BECAUSE(FLAW, "the envelope sender is in another domain than From",
	    .about = span_make(arena_dup(c->draft.arena, span_cstr(sender)), strlen(sender)));
}

struct found a04_find(const struct comply *c)
{
	struct found found = author_found(c, RULE_A04);

	if (found.what != FOUND_FINE || comply_first(c, "Reply-To") == NULL)
		return found;
	if (c->facts.author->fault == AUTHOR_FINE && c->facts.author->foreign[0] != '\0')
		return BECAUSE(FLAW, "Reply-To is not at a domain of this account",
		    .about = span_cstr(c->facts.author->foreign), .word = "reply_to_foreign");
	switch (c->facts.reply_to_takes_mail) {
	case KNOWN_GOOD: return FINE;
	case KNOWN_BAD: return BECAUSE(FLAW, "Reply-To is at a domain that takes no mail");
	case NOT_KNOWN:
	case KNOWN_LOST: break;
	}
	return UNKNOWN;
}

static bool is_automatic(const struct comply *c)
{
	const struct header *h = comply_first(c, "Auto-Submitted");
	const struct header *type = comply_first(c, "Content-Type");
	struct span report = SPAN("multipart/report");

	if (h != NULL && !span_eq_nocase(span_trim(h->value), SPAN("no")))
		return true;
	return type != NULL &&
	       span_eq_nocase(span_head(span_trim(type->value), report.n), report);
}

struct found a05_find(const struct comply *c)
{
	if (c->message->sender.n > 0 || is_automatic(c))
		return FINE;
	return BECAUSE(FLAW, "an empty envelope sender under what is no automatic answer");
}

struct found a06_find(const struct comply *c)
{
	switch (c->facts.senders_exist) {
	case KNOWN_GOOD: return FINE;
	case KNOWN_BAD: return BECAUSE(FLAW, "a sender's domain does not exist in DNS");
	case NOT_KNOWN:
	case KNOWN_LOST: break;
	}
	return UNKNOWN;
}

/* ---- T01 ---- */

struct found t01_look(const struct comply *c)
{
	return c->template.n > 0 ? BECAUSE(FLAW, "leftover of a template in a link",
				       .about = span_head(c->template, 200), .word = "template")
				 : FINE;
}
