/* stages.h - the way of one message of ours through the milter: an ordered table of stages that
 * look at the message and list edits. What a stage cannot do becomes trouble, and the first trouble
 * becomes the verdict (verdict.h). */
#ifndef STAGES_H
#define STAGES_H

#include "author.h"
#include "base.h"
#include "message.h"
#include "policy_client.h"
#include "shared.h"
#include "sign.h"
#include "verdict.h"

enum mail_kind {
	MAIL_SMTP = 1,   /* by a tenant's login or from its network; policyd has seen it */
	MAIL_LOCAL = 2,  /* sendmail(1), envelope sender of a tenant; policyd has not seen it */
	MAIL_NOTICE = 4, /* Postfix's own bounces: signed where possible, never refused */
};

enum stage_moment { STAGE_FIRST_HEADER, STAGE_END_OF_HEADERS, STAGE_END_OF_MESSAGE };

/* One message at work. */
struct mail {
	struct shared *shared;
	struct generation *generation; /* a reference */
	struct message *message;       /* owned */
	enum mail_kind kind;
	size_t tenant;               /* index, or TENANT_NONE for a notice */
	const struct stream *stream; /* NULL for a notice, and before the assignment */
	struct connection *asked;    /* for the assignment; NULL: not asked, or answered */
	struct assignment assignment;
	struct author author;
	const char *domain; /* d= */
	struct signing_key keys[SIGN_KEYS_MAX];
	size_t key_count;
	struct signing *signing;
	bool body_unsigned; /* the library refused body octets */
	struct signature signatures[SIGN_KEYS_MAX];
	size_t signature_count;
	bool untouched; /* a notice that cannot be signed goes as it is */
	struct verdict verdict;
};

/* Runs the stages of that moment in order, up to the first trouble. Nothing runs after trouble.
 * Reads the clock only to limit log lines. */
void stages_run(struct mail *mail, enum stage_moment moment);

/* Body octets on their way to the signature. */
void stages_body(struct mail *mail, struct span chunk);

/* The answer to STAGE_FIRST_HEADER's question is not wanted. */
void mail_forget_question(struct mail *mail);

/* Lets go of everything in it. */
void mail_deinit(struct mail *mail);

#endif
