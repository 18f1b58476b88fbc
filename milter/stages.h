/* stages.h - the way of one message of ours through the milter: an ordered table of stages that
 * look at the message and list edits. What a stage cannot do becomes trouble, and the first trouble
 * becomes the verdict (verdict.h); nothing runs after it. The clock is read only to limit log lines
 * and to date signatures and tokens. */
#ifndef STAGES_H
#define STAGES_H

#include "mail.h"
#include "span.h"

/* In this order; body any number of times, with chunks cut anywhere. */
void stages_first_header(struct mail *mail);
void stages_end_of_headers(struct mail *mail);
void stages_body(struct mail *mail, struct span chunk);
void stages_end_of_message(struct mail *mail);

#endif
