/* judge.h - the stages that hold a message to the rules: facts are gathered, the rules asked
 * (comply.h), repairs listed as edits, and bulk mail is looked at once more when it is signed
 * (gate.h). */
#ifndef JUDGE_H
#define JUDGE_H

#include "base.h"

struct mail;

/* End of headers, before anything depends on it: the class of the message. */
bool judge_class(struct mail *mail);
/* End of headers, when author, keys and plan are known. What is refused is remembered; the body is
 * still looked at, so that one reply names all. */
bool judge_fields(struct mail *mail);
/* The whole body was seen; where it is held, judge_text comes instead. Ends with the refusal. */
bool judge_body(struct mail *mail);
/* The fields become final. */
bool judge_adopt(struct mail *mail);
/* It is signed. */
bool judge_gate(struct mail *mail);

/* The body was held and its parts are known: the rules that look at it; false after a refusal. */
struct rewrite;
bool judge_text(struct mail *mail, const struct rewrite *r, const bool *ways_out);
/* The body was edited, or could not be: what a footer still lacks; false after a refusal. */
bool judge_footer(struct mail *mail, const struct rewrite *r, bool applied);

#endif
