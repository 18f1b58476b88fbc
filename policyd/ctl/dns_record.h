/* dns_record.h - one record that should be in DNS, and the verdict on what is there. The table of
 * kinds (dns_kinds.c) says of each how it is judged, how much it weighs and who must have it. */
#ifndef DNS_RECORD_H
#define DNS_RECORD_H

#include "base.h"
#include "buf.h"
#include "dns_book.h"
#include "network.h"
#include "span.h"

enum record_state {
	RECORD_GOOD,
	RECORD_PROPAGATING, /* some servers have it, some do not yet */
	RECORD_MISSING,
	RECORD_WRONG,
	RECORD_UNKNOWN, /* DNS failed, or we do not know what should be there */
	RECORD_STATES
};

const char *record_state_text(enum record_state state);

enum record_need {
	RECORD_REQUIRED,
	RECORD_ADVISED,  /* its fault is a warning */
	RECORD_OPTIONAL, /* may be missing; judged when it is there */
};

enum record_name {
	RECORD_ZONE, /* all servers of the zone answer for it */
	RECORD_SPF,
	RECORD_DKIM,
	RECORD_DMARC,
	RECORD_REPORTS,   /* the receiver of DMARC reports agrees to them */
	RECORD_ALIGNMENT, /* the return path's domain belongs to From's */
	RECORD_MX,
	RECORD_TRACKING,
	RECORD_CAA,
	RECORD_MTA_STS,
	RECORD_TLS_RPT,
	RECORD_ADDRESS, /* of a host */
	RECORD_PTR,     /* of an address mail leaves from, and back */
	RECORD_NAMES
};

struct dns_ours;

/* What should be there. Spans are the plan's; empty where a kind does not use them. */
struct expected {
	enum record_name kind;
	enum record_need need;
	enum dns_type type;
	struct span name; /* whose record it is, without trailing dot */
	struct span text; /* what to publish, as in a zone file without quotes; "" : nothing */
	struct span domain;   /* From domain, or the host */
	const char *key_type; /* DKIM: "rsa", "ed25519" */
	struct span key;      /* DKIM: p= as it must be */
	const char *problem;  /* why DNS need not be asked; or NULL */
	enum record_state problem_state;
	uint8_t address[16]; /* PTR */
	const struct dns_ours *ours;
};

struct verdict {
	enum record_state state;
	bool warn;         /* good, yet see advice */
	bool pending;      /* answers are missing: judge again */
	struct buf found;  /* what is there, short */
	struct buf advice; /* what to do */
};

#define VERDICT_TEXT_MAX 8192

void verdict_init(struct verdict *v);
void verdict_deinit(struct verdict *v);
/* Sets the state and appends to advice. */
void verdict_say(struct verdict *v, enum record_state state, const char *format, ...)
    PRINTF_LIKE(3, 4);
/* Good stays good, with a word to it. */
void verdict_warn(struct verdict *v, const char *format, ...) PRINTF_LIKE(2, 3);

/* Judges one view of it: what the resolver or one server answers to (name, type). Everything else
 * is asked of the resolver. answer is never NULL. */
typedef void record_judge(struct dns_book *book, const struct expected *e,
    const struct dns_answer *answer, struct verdict *v);

record_judge judge_spf, judge_dkim, judge_dmarc, judge_reports, judge_alignment, judge_mx,
    judge_tracking, judge_caa, judge_mta_sts, judge_tls_rpt, judge_address, judge_ptr,
    judge_zone;

/* An answer that says nothing about its record: the state and words for it. True when it was one:
 * the name or record is not there, or DNS failed. */
bool verdict_without_record(struct verdict *v, const struct dns_answer *answer);

/* The one text of an answer that fits; several or none are judged at once. False after that. */
bool verdict_one_text(struct verdict *v, const struct dns_answer *answer,
    bool (*fits)(struct span text), const char *what, struct span *text_r);

#endif
