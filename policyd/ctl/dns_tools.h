/* dns_tools.h - what commands about DNS have in common. */
#ifndef DNS_TOOLS_H
#define DNS_TOOLS_H

#include "arena.h"
#include "ctl.h"
#include "dns.h"
#include "dns_plan.h"

/* The public half of a key file; all of it lives in the arena. */
void dns_public_key_read(const char *path, struct arena *arena, struct dns_public_key *key_r);

/* As the options server, authority-port and timeout say. A status; what is wrong was said. */
int dns_resolver_open(const struct grammar_match *match, struct dns **dns_r) CHECKED;

#endif
