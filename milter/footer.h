/* footer - what bulk mail has to say under the laws about it: looks whether a message says it, and
 * adds what is missing, and nothing else. Works on the parts that rewrite.h found; knows no mail at
 * work, no tokens, no time.
 *
 *	footer_look     which parts a recipient reads, and what each of them says
 *	footer_ask      the rules F01 to F05: answers
 *	footer_add      what is missing, into the parts that lack it
 *	footer_settle   after rewrite_apply: which parts really have it
 *
 * Parts that count are text/html and text/plain which are no attachments: every one of a
 * multipart/alternative, the first one of another multipart, none inside of an enclosed message.
 * What is signed or encrypted is not read and not changed. Phrases are compared as in fold.h: case,
 * blanks, line ends, punctuation, tags and character references make no difference. What a style
 * sheet hides nobody can tell here; what an inline style hides does not count (html_view.h). Pure;
 * one owner. */
#ifndef FOOTER_H
#define FOOTER_H

#include "arena.h"
#include "base.h"
#include "err.h"
#include "law.h"
#include "phrases.h"
#include "rewrite.h"
#include "settings.h"
#include "span.h"

/* In the order in which they are written. */
enum footer_item {
	FOOTER_ADVERTISING,
	FOOTER_NAME,
	FOOTER_ADDRESS,
	FOOTER_CONTACT,
	FOOTER_WAY_OUT,
	FOOTER_PREFERENCES, /* no law asks for it; it comes with a way out of ours */
	FOOTER_IMPRINT,
	FOOTER_ITEMS
};
#define FOOTER_BIT(item) (1u << (item))

/* The words (etc/footer-texts.conf). */
enum footer_text {
	FOOTER_TEXT_DIRECTION,
	FOOTER_TEXT_UNSUBSCRIBE,
	FOOTER_TEXT_PREFERENCES,
	FOOTER_TEXT_CONTACT,
	FOOTER_TEXT_IMPRINT,
	FOOTER_TEXT_ADVERTISING,
	FOOTER_TEXTS
};
extern const struct phrases_table footer_texts;

#define FOOTER_LINES_MAX 32 /* of an address, of an imprint; more are not looked at */

/* All of it UTF-8; what is empty or NULL is not known. */
struct footer_facts {
	struct span name;                     /* of the sender, as recipients know it */
	const char *const *address;           /* lines, NULL-terminated */
	struct span contact;                  /* telephone, mail address or web page */
	const char *const *imprint;           /* lines; one may be an https URL */
	struct span unsubscribe, preferences; /* http(s) or mailto URLs */
	struct span host;                     /* tracking host: its /u/ leads out, too */
	const struct span *listed;            /* URIs of List-Unsubscribe */
	size_t listed_count;
	const struct phrases *texts; /* of footer_texts */
	size_t language;             /* index into them */
	bool unasked;                /* recipients did not ask for the mail (F04) */
};

/* Those that the configuration tells; the others are empty. Strings are the tenant's. */
void footer_facts_of(const struct tenant *tenant, const struct stream *stream,
    const struct phrases *texts, struct footer_facts *facts_r);

struct footer_part {
	size_t part;        /* index into the rewrite's parts */
	unsigned found;     /* FOOTER_BIT of what it says, or said before footer_add */
	unsigned added;     /* of what footer_add put in */
	size_t place;       /* octet of its text at which that comes in */
	const char *unread; /* why nobody can tell what it says; NULL: it was read */
	const char *closed; /* why nothing can be added; NULL: it can */
};

struct footer {
	struct footer_part *at; /* in the arena */
	size_t count;
	unsigned known; /* FOOTER_BIT of what the facts tell */
	bool unasked;
};

/* r must have been scanned with links of HTML (options.html). A part for which the arena's cap, or
 * memory, is not enough is unread. ERR_NOMEM: not even the rest; *f_r is not usable then. */
enum err footer_look(struct arena *arena, const struct rewrite *r,
    const struct footer_facts *facts, struct footer *f_r) CHECKED;

enum footer_rule {
	FOOTER_F01, /* a postal address */
	FOOTER_F02, /* a visible way to unsubscribe */
	FOOTER_F03, /* the sender's name and, where the law asks, a way to reach it */
	FOOTER_F04, /* a label on advertisements that nobody asked for */
	FOOTER_F05, /* the imprint */
	FOOTER_RULES
};

enum footer_state {
	FOOTER_NOT_ASKED, /* by the law that holds */
	FOOTER_FINE,      /* every part says it, or did before */
	FOOTER_ADDED,     /* every part says it now */
	FOOTER_MISSING,   /* parts lack it; footer_add can help them all */
	FOOTER_UNREAD,    /* nobody can tell: signed, encrypted, not decodable */
	FOOTER_LACKING,   /* parts lack it, and some will go on to */
};

struct footer_answer {
	enum footer_state state;
	const char *why;   /* a sentence's worth; NULL where nothing is wrong */
	struct span about; /* type of the part, or empty */
};

/* demands: of law_demands. The worst of all parts, by the order of enum footer_state. */
struct footer_answer footer_ask(
    const struct footer *f, enum footer_rule rule, unsigned demands, const struct rewrite *r);

/* The items that a rule asks for. */
unsigned footer_items(enum footer_rule rule, unsigned demands);

/* Each part gets those of the items that it lacks and the facts tell; a part that cannot have them
 * says so in closed. HTML gets ASCII with character references. Plain text gets them in its
 * charset; what that lacks becomes plainer where nothing is lost (a dash, quotation marks), else
 * the part becomes UTF-8 where all of its octets are ASCII, else it is left as it is. ERR_NOMEM
 * only. */
enum err footer_add(struct rewrite *r, const struct footer_facts *facts, unsigned items,
    struct footer *f) CHECKED;

/* A part that could not be edited after all has nothing added. */
void footer_settle(struct footer *f, const struct rewrite *r);

#endif
