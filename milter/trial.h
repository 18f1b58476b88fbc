/* trial.h - one message through all stages, for "penguinctl test": nobody is asked, nothing is
 * charged, nothing leaves. What became of it is told as text. */
#ifndef TRIAL_H
#define TRIAL_H

#include <stdio.h>

#include "base.h"
#include "shared.h"
#include "span.h"

struct trial {
	struct span tenant, stream;    /* names; stream may be empty: the tenant's first */
	struct span sender, recipient; /* sender empty: the address of From; "<>": none */
};

#define TRIAL_OCTETS_MAX ((size_t)100 << 20)

/* message: as a client would send it, lines end with LF or CRLF. Writes to out lines of words with
 * tabs between: "verdict" accepted|refused|deferred code dsn text; "class"; "rule" id mode outcome
 * why about; "signature" selector algorithm names (of its h=); "sender"; and last, when it is
 * accepted, "message" octets and so many octets, with LF: the message as it would leave.
 * ERR_NOTFOUND: no such tenant or stream. ERR_NOMEM. One thread. */
enum err trial_run(
    struct shared *shared, const struct trial *trial, struct span message, FILE *out) CHECKED;

#endif
