/* findings.h - what a check found: how bad, where, the fact, and what to do about it. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "arena.h"
#include "base.h"
#include "report.h"
#include "span.h"

enum severity { SEVERITY_OK, SEVERITY_WARNING, SEVERITY_ERROR };

struct finding {
	enum severity severity;
	struct span subject, fact, fix;
	struct finding *next;
};

struct findings {
	struct arena *arena;
	struct finding *first, **last;
	unsigned errors, warnings;
};

/* False when out of memory. */
bool findings_init(struct findings *f) CHECKED;
void findings_deinit(struct findings *f);

/* The same fact about the same subject is kept once. fix may be NULL. */
void findings_add(struct findings *f, enum severity severity, struct span subject,
    const char *fix, const char *format, ...) PRINTF_LIKE(5, 6);

/* A table: severity, subject, fact, fix; rows with SEVERITY_OK only when asked for. */
void findings_report(const struct findings *f, bool all, struct report *report);

/* 0 nothing wrong, 1 warnings only, EX_CONFIG errors. */
int findings_status(const struct findings *f);

#endif
