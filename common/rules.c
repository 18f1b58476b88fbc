/* rules - the table of what is asked of a message, and modes. Knows no message. */
#include <assert.h>

#include "rules.h"

#define ROW(number, row_code, row_dsn, ...)                                                    \
	[RULE_##number] = { .id = #number, .code = (row_code), .dsn = (row_dsn), __VA_ARGS__ }
#define MODES(for_bulk, for_transactional, at_least)                                           \
	.bulk = RULE_##for_bulk, .transactional = RULE_##for_transactional,                    \
	.least = RULE_##at_least
/* Rules of bulk mail alone. */
#define BULK(for_bulk, at_least)                                                               \
	.bulk_only = true, .bulk = RULE_##for_bulk, .transactional = RULE_OFF,                 \
	.least = RULE_##at_least
#define REFUSES .severity = SEVERITY_REFUSE
#define WARNS   .severity = SEVERITY_WARN

static const struct rule rules[] = {
	/* ---- syntax ---- */
	ROW(H01, "550", "5.7.1", MODES(ENFORCE, ENFORCE, ENFORCE), REFUSES,
	    .check = "exactly one From field with exactly one mailbox, read alike by everybody",
	    .repair = "",
	    .source = "RFC 5322 section 3.6.2; Gmail refuses anything else (support.google.com/"
		      "mail/answer/3726730)"),
	ROW(H02, "550", "5.7.1", MODES(FIX, FIX, OFF), REFUSES,
	    .check = "one Date that can be read, from 7 days ago to an hour ahead; "
		     "transactional mail with another is only warned about",
	    .repair = "a missing Date is added",
	    .source = "RFC 5322 section 3.6.1; Yahoo refuses dates out of range "
		      "(senders.yahooinc.com/smtp-error-codes)"),
	ROW(H03, "550", "5.7.1", MODES(FIX, FIX, OFF), REFUSES,
	    .check =
		"one Message-ID <dot-atom@domain> of at most 500 characters; transactional "
		"mail with a malformed one is only warned about",
	    .repair = "a missing one is added; in bulk mail a malformed one is replaced",
	    .source = "RFC 5322 section 3.6.4; Gmail refuses a missing or invalid one"),
	ROW(H04, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "a Message-ID is not used for several messages",
	    .repair = "it is replaced",
	    .source = "Gmail 421-4.7.28, quota for the same Message-ID"),
	ROW(H05, "554", "5.6.0", MODES(FIX, FIX, OFF), REFUSES,
	    .check = "at most one each of Date, Sender, Reply-To, To, Cc, Message-ID, "
		     "In-Reply-To, References, Subject, MIME-Version, Content-Type, "
		     "Content-Transfer-Encoding, List-Id and the other List-* fields, "
		     "Feedback-ID",
	    .repair = "a second one that says the same is dropped",
	    .source = "RFC 5322 section 3.6, RFC 2369 section 3; Gmail refuses duplicates"),
	ROW(H06, "554", "5.6.0", MODES(FIX, FIX, OFF), WARNS,
	    .check = "lines of at most 998 octets; longer ones are broken on the way, and the "
		     "signature with them",
	    .repair = "header fields are folded at their blanks; long lines of a body stay",
	    .source = "RFC 5322 section 2.1.1; Postfix smtp_line_length_limit"),
	ROW(H07, "554", "5.6.0", MODES(ENFORCE, ENFORCE, ENFORCE), REFUSES,
	    .check = "no bare CR or LF, no NUL, VT or FF in the header, no malformed field",
	    .repair = "", .source = "RFC 5321 section 2.3.8, RFC 5322 section 2.2"),
	ROW(H08, "550", "5.6.7", MODES(FIX, FIX, OFF), REFUSES,
	    .check = "no 8-bit octets, unless the message was submitted with SMTPUTF8",
	    .repair =
		"text and display names are written as encoded words, domains as A-labels",
	    .source = "RFC 5322 section 2.2, RFC 2047; Gmail refuses them elsewhere"),
	ROW(H09, "554", "5.6.0", MODES(FIX, WARN, OFF), REFUSES,
	    .check = "no encoded word in an address, a message id, a URI of a list field or a "
		     "parameter of MIME",
	    .repair = "", .source = "RFC 2047 section 5; Gmail refuses them"),
	ROW(H10, "552", "5.3.4", MODES(FIX, FIX, WARN), REFUSES,
	    .check =
		"at most 32 KB of one field but To, Cc and References, and 998 characters of "
		"Subject; whatever the mode at most 1,000 fields, 64 KiB of one, 256 KiB of "
		"all",
	    .repair = "", .source = "support.google.com/a/answer/14016360"),
	ROW(H11, "550", "5.7.1", MODES(FIX, WARN, WARN), WARNS,
	    .check = "Sender only where it differs from From; of the tenant, whatever the mode",
	    .repair = "a Sender equal to From is dropped", .source = "RFC 5322 section 3.6.2"),
	ROW(H12, "550", "5.7.1", MODES(FIX, FIX, OFF), REFUSES,
	    .check = "no Bcc, Resent-Bcc, Return-Path or Content-Length",
	    .repair = "they are dropped", .source = "Postfix message_drop_headers"),
	ROW(H13, "550", "5.7.1", MODES(FIX, FIX, FIX), REFUSES,
	    .check = "no ARC set, no signature in the tenant's name, no Authentication-Results "
		     "in this host's name and no internal field from a client; in bulk mail no "
		     "Received but this host's own, which stop loops",
	    .repair = "they are dropped", .source = "RFC 8601 section 5, RFC 8617"),
	ROW(H14, "554", "5.6.0", MODES(ENFORCE, ENFORCE, ENFORCE), REFUSES,
	    .check = "what we write into a header is ASCII, has no CR or NUL, lines of at most "
		     "998 octets, and starts no line of its own",
	    .repair = "", .source = "RFC 5322 section 2.2.3"),
	ROW(H15, "554", "5.6.0", MODES(FIX, WARN, OFF), REFUSES,
	    .check =
		"MIME-Version where there are Content-* fields; a multipart has a boundary "
		"that is used and closed",
	    .repair = "MIME-Version is added",
	    .source = "RFC 2045 section 4, RFC 2046 section 5.1"),
	ROW(H16, "554", "5.6.0", BULK(WARN, OFF), WARNS,
	    .check = "HTML has a plain text beside it", .repair = "",
	    .source = "RFC 2046 section 5.1.4"),

	/* ---- lists and one-click ---- */
	ROW(L01, "550", "5.7.1", BULK(FIX, FIX), REFUSES,
	    .check =
		"exactly one List-Unsubscribe with exactly one https URI, at a host of the "
		"tenant; where a domain has no tracking_host its absence is only warned "
		"about",
	    .repair = "the field is added, or written anew with our URI",
	    .source = "RFC 8058 section 3.1, RFC 2369 section 3.2; support.google.com/a/answer/"
		      "81126"),
	ROW(L02, "550", "5.7.1", BULK(FIX, FIX), REFUSES,
	    .check = "List-Unsubscribe-Post is exactly List-Unsubscribe=One-Click",
	    .repair = "the field is added or replaced", .source = "RFC 8058 section 3.1"),
	ROW(L03, "550", "5.7.22", BULK(FIX, FIX), REFUSES,
	    .check = "the finished signature covers both fields and names them once more than "
		     "they are there; looked at where the domain has a tracking_host, in mode "
		     "enforce always",
	    .repair = "", .source = "RFC 8058 section 4, RFC 6376 section 8.15"),
	ROW(L04, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "the URI names recipient and list by itself, so that no two recipients of "
		     "a campaign have the same",
	    .repair = "", .source = "RFC 8058 section 3.1"),
	ROW(L05, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "one recipient where the URI names the recipient", .repair = "",
	    .source = "RFC 8058 section 3.1"),
	ROW(L06, "554", "5.6.0", BULK(FIX, OFF), WARNS,
	    .check = "List-Id: name <label.domain>, a dot-atom of at most 255 octets",
	    .repair = "a missing one is made of stream and domain",
	    .source = "RFC 2919 sections 2 and 3"),
	ROW(L07, "550", "5.7.1", BULK(WARN, OFF), REFUSES,
	    .check = "every text of the body has an unsubscribe link, too; in mode warn looked "
		     "at where the body is held anyway",
	    .repair = "", .source = "support.google.com/a/answer/81126"),
	ROW(L08, "554", "5.6.0", MODES(FIX, WARN, OFF), WARNS,
	    .check = "List-Help and List-Owner where the stream has them; no List-* fields on "
		     "transactional mail",
	    .repair = "missing ones are added", .source = "RFC 2369 sections 3.1 and 3.5"),

	/* ---- what laws ask bulk mail to say (law.h); in force where the body is held ---- */
	ROW(F01, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check =
		"every text of the body has the tenant's postal_address; of a tenant that has "
		"none configured all F rules only warn",
	    .repair = "it is added",
	    .source = "16 CFR 316.2(p), CAN-SPAM 7704(a)(5); CASL s. 6(2)"),
	ROW(F02, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "every text of the body has a visible way to unsubscribe",
	    .repair = "a link is added",
	    .source = "CAN-SPAM 7704(a)(3); directive 2002/58/EC article 13; CASL s. 6(2)(c)"),
	ROW(F03, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "every text says who sends it and, where the law asks, how to reach them",
	    .repair = "name and contact are added",
	    .source =
		"directive 2000/31/EC article 6; PECR regulation 23; Spam Act 2003 s. 17"),
	ROW(F04, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "an advertisement that nobody asked for says that it is one",
	    .repair = "a line is added", .source = "CAN-SPAM 7704(a)(5)(A)(i)"),
	ROW(F05, "550", "5.7.1", BULK(FIX, OFF), REFUSES,
	    .check = "the imprint, where the law asks for one", .repair = "it is added",
	    .source = "directive 2000/31/EC article 5"),

	/* ---- signals ---- */
	ROW(S01, "554", "5.6.0", MODES(OFF, FIX, OFF), WARNS,
	    .check = "Precedence: bulk on bulk mail, no Precedence on transactional mail",
	    .repair = "added, or dropped", .source = "RFC 3834 section 2; not standardised"),
	ROW(S02, "554", "5.6.0", MODES(WARN, OFF, OFF), WARNS,
	    .check = "Auto-Submitted on transactional mail without a human author, not on bulk "
		     "mail",
	    .repair = "Auto-Submitted: auto-generated is added to transactional mail",
	    .source = "RFC 3834 section 5"),
	ROW(S03, "554", "5.6.0", MODES(FIX, FIX, OFF), WARNS,
	    .check = "Feedback-ID where compliance.sender_id is set: at most four fields, a "
		     "sender id of 5 to 15 characters, no field twice",
	    .repair = "a missing one is made of stream, tenant, class and sender id",
	    .source = "support.google.com/mail/answer/6254652"),
	ROW(S04, "554", "5.6.0", MODES(FIX, FIX, OFF), WARNS,
	    .check =
		"CFBL-Address where the domain has a complaint_address: one, in the domain "
		"that signs",
	    .repair = "added; a client's own is replaced",
	    .source = "RFC 9477 sections 3.1 and 3.3"),
	ROW(S05, "554", "5.6.0", MODES(FIX, FIX, OFF), WARNS,
	    .check = "CFBL-Feedback-ID beside CFBL-Address, an opaque token that is proof of "
		     "origin",
	    .repair = "added; a client's own is replaced", .source = "RFC 9477 section 3.2"),
	ROW(S06, "550", "5.7.1", MODES(FIX, FIX, OFF), REFUSES,
	    .check = "no TLS-Required from a client", .repair = "it is dropped",
	    .source = "RFC 8689 section 5"),
	ROW(S07, "550", "5.7.1", BULK(FIX, OFF), WARNS,
	    .check = "X-CSA-Complaints as in compliance.csa_complaints; none where that is not "
		     "set",
	    .repair = "added, replaced or dropped",
	    .source = "certified-senders.org, admission criteria"),
	ROW(S08, "550", "5.7.1", BULK(WARN, OFF), WARNS,
	    .check = "no Subject that plays an answer (Re:, Fwd:, AW:, WG:) to nothing, no "
		     "display name with the address of somebody else",
	    .repair = "", .source = "support.google.com/a/answer/81126, display names"),

	/* ---- alignment ---- */
	ROW(A01, "553", "5.7.1", MODES(ENFORCE, ENFORCE, ENFORCE), REFUSES,
	    .check = "From and Resent-From are of a domain of the tenant, and of the stream",
	    .repair = "", .source = "RFC 6409 section 6.1, RFC 7489 section 3.1"),
	ROW(A02, "550", "5.7.22", MODES(ENFORCE, WARN, WARN), REFUSES,
	    .check = "the public key of an aligned signing domain was seen in DNS in the last "
		     "24 hours",
	    .repair = "", .source = "RFC 6376 section 3.6.2, RFC 7372 section 3.1"),
	ROW(A03, "550", "5.7.1", MODES(WARN, WARN, OFF), WARNS,
	    .check = "the envelope sender, or the return path that takes its place, is in the "
		     "domain of From",
	    .repair = "", .source = "RFC 7489 section 3.1.2"),
	ROW(A04, "550", "5.7.1", MODES(FIX, WARN, WARN), WARNS,
	    .check =
		"Reply-To is at a domain of the tenant that takes mail; reply_to = \"own\" "
		"refuses others whatever the mode",
	    .repair = "",
	    .source = "RFC 5322 section 3.6.2; support.google.com/a/answer/81126"),
	ROW(A05, "550", "5.7.1", MODES(FIX, WARN, OFF), REFUSES,
	    .check = "an empty envelope sender only under notices and automatic answers",
	    .repair = "", .source = "RFC 5321 section 4.5.5, RFC 3834 section 3.3"),
	ROW(A06, "550", "5.7.1", MODES(WARN, WARN, OFF), WARNS,
	    .check = "the domains of From and of the envelope sender exist: they have an SOA",
	    .repair = "", .source = "senders.yahooinc.com/best-practices"),

	/* ---- templates; merge_tags of the stream sets its mode ---- */
	ROW(T01, "550", "5.7.1", MODES(OFF, OFF, OFF), REFUSES,
	    .check = "no leftovers of a template in a link; merge_tags of the stream is its "
		     "mode",
	    .repair = "", .source = "own"),
};
static_assert(ARRAY_SIZE(rules) == RULE_COUNT, "a row for every rule");

static const char *const mode_words[] = {
	[RULE_OFF] = "off",
	[RULE_WARN] = "warn",
	[RULE_FIX] = "fix",
	[RULE_ENFORCE] = "enforce",
};

const struct rule *rule_of(enum rule_id id)
{
	return &rules[id < RULE_COUNT ? id : RULE_H14];
}

enum rule_id rule_find(struct span id)
{
	size_t i = 0;

	while (i < RULE_COUNT && !span_eq_nocase(span_cstr(rules[i].id), id))
		i++;
	return (enum rule_id)i;
}

const char *rule_mode_text(enum rule_mode mode)
{
	return (unsigned)mode < ARRAY_SIZE(mode_words) ? mode_words[mode] : "off";
}

const char *rule_severity_text(enum rule_severity severity)
{
	return severity == SEVERITY_REFUSE ? "refuse" : "warn";
}

/* ---- entries ---- */

struct entry {
	struct span rule; /* an id, or what ids begin with */
	bool many;        /* it ended in "*" */
	enum rule_mode mode;
};

static bool take_entry(struct span text, struct entry *entry_r)
{
	size_t equals = span_find(text, '=', 0), mode = 0;
	struct span word = span_from(text, equals + 1);

	entry_r->rule = span_head(text, equals);
	entry_r->many = equals > 0 && text.p[equals - 1] == '*';
	if (entry_r->many)
		entry_r->rule.n--;
	while (mode < ARRAY_SIZE(mode_words) && !span_eq(span_cstr(mode_words[mode]), word))
		mode++;
	entry_r->mode = (enum rule_mode)mode;
	return equals < text.n && mode < ARRAY_SIZE(mode_words);
}

static bool applies(const struct entry *e, const struct rule *rule)
{
	struct span id = span_cstr(rule->id);

	return span_eq_nocase(e->many ? span_head(id, e->rule.n) : id, e->rule);
}

const char *rules_check_entry(struct span entry)
{
	struct entry e;

	if (!take_entry(entry, &e))
		return "expected \"ID=MODE\" with \"off\", \"warn\", \"fix\" or \"enforce\"";
	for (size_t i = 0; i < RULE_COUNT; i++)
		if (applies(&e, &rules[i]))
			return NULL;
	return "names no rule; \"penguinctl rules\" lists them";
}

static void apply(const char *const *entries, enum stream_class class, bool only_tighten,
    enum rule_mode modes[RULE_COUNT])
{
	struct entry e;

	for (size_t k = 0; entries != NULL && entries[k] != NULL; k++) {
		if (!take_entry(span_cstr(entries[k]), &e))
			continue;
		for (size_t i = 0; i < RULE_COUNT; i++) {
			if (!applies(&e, &rules[i]) ||
			    (rules[i].bulk_only && class != CLASS_BULK))
				continue;
			if (!only_tighten || e.mode > modes[i])
				modes[i] = e.mode;
			if (modes[i] < rules[i].least)
				modes[i] = rules[i].least;
		}
	}
}

void rules_settle(enum stream_class class, const char *const *plan, const char *const *stream,
    enum rule_mode modes_r[RULE_COUNT])
{
	for (size_t i = 0; i < RULE_COUNT; i++)
		modes_r[i] = class == CLASS_BULK ? rules[i].bulk : rules[i].transactional;
	apply(plan, class, false, modes_r);
	apply(stream, class, true, modes_r);
}

enum rule_id rules_find_weaker(
    struct span entry, const enum rule_mode modes[RULE_COUNT], enum rule_mode *asked_r)
{
	struct entry e;
	enum rule_id id;

	if (!take_entry(entry, &e) || e.many)
		return RULE_COUNT;
	id = rule_find(e.rule);
	*asked_r = e.mode;
	return id < RULE_COUNT && e.mode < modes[id] ? id : RULE_COUNT;
}
