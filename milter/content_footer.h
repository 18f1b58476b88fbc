/* content_footer.h - footers of bulk mail (footer.h), for a message at work. */
#ifndef CONTENT_FOOTER_H
#define CONTENT_FOOTER_H

#include "base.h"
#include "err.h"
#include "footer.h"
#include "list_fields.h"
#include "rewrite.h"

struct mail;

struct content_footer {
	struct footer footer;
	struct footer_facts facts;
	struct span ways[LIST_URIS_MAX]; /* URIs of List-Unsubscribe */
};

/* What the texts of bulk mail say; the rules F can be asked then (mail.comply.footer), else they
 * say unknown. w must live as long as that. ERR_NOMEM only. */
enum err content_footer_look(
    struct mail *mail, const struct rewrite *r, struct content_footer *w) CHECKED;
/* What rules in mode fix want. ERR_NOMEM only. */
enum err content_footer_add(
    struct mail *mail, struct rewrite *r, struct content_footer *w) CHECKED;

#endif
