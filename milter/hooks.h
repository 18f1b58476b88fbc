/* hooks.h - plug-ins at work on one message: what they see of it, what they may do, and what
 * their answers mean. A stage of stages.h like any other; where no plug-in is loaded nothing is
 * called. */
#ifndef HOOKS_H
#define HOOKS_H

#include "mail.h"
#include "penguin_plugin.h"

/* The functions that plug-ins call. */
extern const struct penguin_host hooks_host;

/* False: the verdict is known. */
bool hooks_headers(struct mail *mail);
bool hooks_body(struct mail *mail, struct span octets); /* empty: that was all */
bool hooks_end_body(struct mail *mail);
bool hooks_before_sign(struct mail *mail);

/* Tells what became of it; nothing can change that. */
void hooks_verdict(struct mail *mail, const char *word);

#endif
