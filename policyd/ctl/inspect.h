/* inspect.h - looks through Postfix's settings for what would break admission or signatures.
 * Pure: works on what postconf(1) prints. */
#ifndef INSPECT_H
#define INSPECT_H

#include "base.h"
#include "findings.h"
#include "hookup.h"
#include "span.h"

struct inspect_input {
	struct span parameters; /* postconf -x: "name = value", references expanded */
	struct span overrides;  /* postconf -x -P: "service/type/name = value" */
	struct span services;   /* postconf -M, or the text of master.cf */
	struct hookup_names names;
};

/* All findings about Postfix; nothing is added when all is well. */
void inspect_postfix(const struct inspect_input *input, struct findings *findings);

/* The part of it about sources (inspect_sources.c). */
void inspect_sources(const struct inspect_input *input, struct findings *findings);

/* Is there a service that runs chrooted and asks us (smtpd, cleanup)? */
bool inspect_is_chrooted(struct span services);

#endif
