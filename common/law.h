/* law - what the laws about commercial mail ask every message to say, as far as a program can look
 * for it. One table; not legal advice: whether an address is one, a text is honest or a consent
 * real, nobody can tell from the message. Pure. */
#ifndef LAW_H
#define LAW_H

#include "base.h"
#include "span.h"

enum law {
	LAW_STRICT,    /* all of them together */
	LAW_RECIPIENT, /* by the recipient's domain; strict where that says nothing */
	LAW_CAN_SPAM,
	LAW_CASL,
	LAW_EU,
	LAW_PECR,
	LAW_SPAM_ACT,
	LAW_COUNT
};

enum law_demand {
	LAW_ADDRESS = 1 << 0,     /* F01: a postal address */
	LAW_WAY_OUT = 1 << 1,     /* F02: a visible way to unsubscribe */
	LAW_NAME = 1 << 2,        /* F03: who sends */
	LAW_CONTACT = 1 << 3,     /* F03: telephone, mail address or web page of the sender */
	LAW_ADVERTISING = 1 << 4, /* F04: a label, on mail that nobody asked for */
	LAW_IMPRINT = 1 << 5,     /* F05: what a provider of services has to tell of itself */
};

struct law_row {
	const char *word; /* in the configuration */
	unsigned demands; /* enum law_demand, or-ed */
	const char *source;
};

/* Never NULL; LAW_STRICT's row for what is no law. That of LAW_RECIPIENT asks for all, too. */
const struct law_row *law_row(enum law law);

/* What is asked of a message to a recipient at a domain (any case, may be empty) under that law.
 * For several recipients: all of their demands together. */
unsigned law_demands(enum law law, struct span recipient_domain);

#endif
