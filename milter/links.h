/* links.h - which links of a message lead over the tracking host, and where they lead in the end:
 * one function and one list of reasons. Pure; nothing here mints a token or changes a message. */
#ifndef LINKS_H
#define LINKS_H

#include "base.h"
#include "buf.h"
#include "domain.h"
#include "html.h"
#include "rewrite.h"
#include "settings.h"
#include "span.h"

/* The URL with a token in it may be this long; where it would be longer the link stays. */
#define LINKS_TRACKED_URL_MAX 2000

enum link_fate {
	LINK_TRACKED,
	LINK_TEMPLATE,    /* leftovers of a template in it */
	LINK_OPTED_OUT,   /* by an attribute or its scheme; the opt-out itself is taken out */
	LINK_SCHEME,      /* neither http nor https: mailto, tel, relative, a fragment, ... */
	LINK_USERINFO,    /* user:password@host */
	LINK_UNREADABLE,  /* browsers and we may not see the same URL */
	LINK_OWN_HOST,    /* a tracking host, of any tenant: it is done already */
	LINK_LISTED,      /* stands in a List-* field, too */
	LINK_UNSUBSCRIBE, /* URL or text speak of unsubscribing or preferences */
	LINK_EXCLUDED,    /* exclude_hosts */
	LINK_MISLEADING,  /* its text names another domain than the tracking host's */
	LINK_TOO_LONG,    /* over LINKS_TRACKED_URL_MAX */
	LINK_FATES
};

struct link_rules {
	const struct snapshot *snapshot; /* who knows all tracking hosts */
	const struct stream *stream;     /* utm, exclude_hosts */
	struct span host;                /* tracking host of this message, canonical */
	struct span domain;              /* of its author, canonical: what its readers trust */
	const struct span *listed;       /* URIs of List-* fields */
	size_t listed_count;
};

/* What becomes of a link, its attributes left out of account. LINK_TRACKED: target (empty before)
 * holds the URL to redirect to: as in the message, with what no header field may hold escaped as
 * browsers do it, the host in ASCII, and the stream's utm parameters. LINK_OPTED_OUT: target holds
 * the URL without the opt-out. Else its contents mean nothing. foreign_charset: the part is of a
 * charset other than ASCII and UTF-8, in which browsers encode queries. */
enum link_fate links_judge(const struct link_rules *rules, const struct rewrite_link *link,
    bool foreign_charset, struct buf *target);

/* The next attribute of the link's tag by which its author opts out of tracking; *at_io is 0 at
 * first. False: no more. */
bool links_next_opt_out(
    const struct rewrite_link *link, size_t *at_io, struct html_attr *attr_r);

/* "unsubscribe" and its likes in a URL or text, in the languages that most mail is written in. */
bool links_speaks_of_unsubscribing(struct span s);
/* Leftovers of a template in a URL. */
bool links_has_template(struct span url);

/* Host of an http or https URL, canonical, into host; false: none that all read alike. */
bool links_host(struct span url, char host[DOMAIN_MAX]);

/* A word for the log. Never NULL. */
const char *links_fate_word(enum link_fate fate);

#endif
