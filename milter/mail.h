/* mail.h - one message at work: what it is, whose it is, what was decided so far. Stages (stages.h)
 * fill it in; what a stage cannot do becomes trouble, and the first trouble becomes the verdict. */
#ifndef MAIL_H
#define MAIL_H

#include "author.h"
#include "base.h"
#include "comply.h"
#include "content.h"
#include "message.h"
#include "policy_client.h"
#include "shared.h"
#include "sign.h"
#include "verdict.h"

enum mail_kind {
	MAIL_SMTP = 1,   /* by a tenant's login or from its network; policyd has seen it */
	MAIL_LOCAL = 2,  /* sendmail(1), envelope sender of a tenant; policyd has not seen it */
	MAIL_NOTICE = 4, /* Postfix's own bounces: signed where possible, never refused */
	MAIL_ORIGINAL =
	    8,           /* as MAIL_SMTP, but copies for single recipients leave in its place */
	MAIL_COPY = 16,  /* such a copy, made by Postfix: policyd has seen its original */
	MAIL_TRIAL = 32, /* "penguinctl test": nobody is asked, nothing leaves */
};

struct mail {
	struct shared *shared;
	struct generation *generation; /* a reference */
	struct message *message;       /* owned */
	struct message final;          /* the message as it will leave, once that is known */
	enum mail_kind kind;
	size_t tenant;               /* index, or TENANT_NONE for a notice */
	const struct stream *stream; /* NULL for a notice, and before the assignment */
	enum stream_class class;     /* of this message: its stream's, or a declared one */
	struct span host;            /* this host's name, as Postfix tells it; may be empty */
	bool smtputf8;               /* submitted with SMTPUTF8 */
	struct connection *asked;    /* for the assignment; NULL: not asked, or answered */
	struct assignment assignment;
	uint32_t source; /* that it leaves from (source_id_of); 0: Postfix's own way */
	struct author author;
	const struct tenant_domain *signer; /* whose keys sign; NULL for a notice */
	const char *domain;                 /* d= */
	struct signing_key keys[SIGN_KEYS_MAX];
	size_t key_count;
	struct content content;
	struct comply comply; /* meaningful once judged */
	bool judged, refused; /* refused: by a rule; the verdict waits for those of the body */
	struct signing *signing;
	bool body_unsigned; /* the library refused body octets */
	struct signature signatures[SIGN_KEYS_MAX];
	size_t signature_count;
	void **plugin_kept; /* by each plug-in, in the message's arena; NULL: nothing yet */
	bool untouched;     /* a notice that cannot be signed goes as it is */
	struct verdict verdict;
};

/* Remembers the verdict; false, so that a stage can end with it. A notice is never refused: a
 * tempfail would make Postfix defer the original message, a reject would lose the notice. */
bool mail_fail(struct mail *mail, enum trouble trouble, struct span subject);

/* The tenant's name, "" for a notice. */
const char *mail_tenant_name(const struct mail *mail);

/* One line in the log, once a minute for each subject (about) instead of once a message. */
void mail_complain(struct mail *mail, const char *event, const char *about, const char *text);

/* The answer to the question asked at the first header is not wanted. */
void mail_forget_question(struct mail *mail);

/* Lets go of everything in it. */
void mail_deinit(struct mail *mail);

#endif
