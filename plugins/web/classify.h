/* classify - was it a person, a machine, or somebody behind a machine? A guess that is recorded
 * beside the hit, with its reason, and decides nothing else: everybody is served alike. Pure. */
#ifndef CLASSIFY_H
#define CLASSIFY_H

#include "base.h"
#include "span.h"

enum hit_kind { HIT_CLICK, HIT_OPEN, HIT_KINDS };
enum hit_class { HIT_HUMAN, HIT_MACHINE, HIT_PROXIED, HIT_CLASSES };

#define CLASSIFY_BURST 3 /* links of one message by one address within two seconds */

struct hit_facts {
	enum hit_kind kind;
	bool head;           /* HEAD, not GET */
	struct span purpose; /* Purpose and Sec-Purpose; the first that is there */
	struct span agent;   /* User-Agent */
	struct span referer; /* Referer */
	unsigned links;      /* different links of this message by this address just now */
	int64_t delivered_s; /* seconds since delivery, -1: not known */
};

struct hit_verdict {
	enum hit_class class;
	const char *reason; /* a word; "" for human */
};

struct hit_verdict classify(const struct hit_facts *facts);
const char *hit_kind_text(enum hit_kind kind);
const char *hit_class_text(enum hit_class class);

#endif
