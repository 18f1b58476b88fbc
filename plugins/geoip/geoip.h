/* geoip.h - the two databases: opened, watched, asked. Only what is found is told; a database that
 * is missing, too old or damaged finds nothing, and says so once. Thread safe after geo_init. */
#ifndef GEOIP_H
#define GEOIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GEO_AGE_MAX_S (INT64_C(45) * 86400) /* of a database that is believed */

struct geo;

/* Says a line in the log. */
typedef void geo_say(void *context, const char *text);

/* path is copied. NULL: out of memory. say and its context must live as long. */
struct geo *geo_new(const char *path, geo_say *say, void *context);
void geo_free(struct geo **g); /* NULL is fine; nobody may be asking */

struct geo_found {
	char country[3]; /* ISO 3166-1; empty: not known */
	uint32_t asn;    /* 0: not known */
};

/* What the database has of an address; now_s judges its age. A file that was replaced (by
 * rename) is opened anew first, while those who ask already finish with the old one. */
void geo_ask(struct geo *g, const char *address, int64_t now_s, struct geo_found *found_r);

#endif
