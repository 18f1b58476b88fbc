/* cmd_suppress.h - what the suppression commands share. */
#ifndef CMD_SUPPRESS_H
#define CMD_SUPPRESS_H

#include "ctl.h"

/* The list that --platform, --tenant and --stream name. */
struct suppress_scope {
	const char *scope, *tenant, *stream;
};

/* False after a mistake that was said: exactly one list must be named. */
bool suppress_read_scope(const struct grammar_match *match, struct suppress_scope *scope_r);
/* Starts a request about that list. */
void suppress_begin(struct buf *request, const char *verb, const struct suppress_scope *scope);

#define SUPPRESS_BATCH 100 /* rows a request */

#endif
