/* copies.h - the stages of a message that is split into copies for single recipients (split.h). */
#ifndef COPIES_H
#define COPIES_H

#include "base.h"

struct mail;

/* Pass 1, fields final: the return path that asks for copies, and what pass 2 must know. */
bool copies_announce(struct mail *mail);
/* Pass 2, end of headers: whose it is and what it was; puts the envelope sender back. */
bool copies_open(struct mail *mail);

#endif
