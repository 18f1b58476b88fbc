/* target - where a click may send a browser. Pure. */
#ifndef TARGET_H
#define TARGET_H

#include "base.h"
#include "span.h"

#define TARGET_MAX 4096 /* octets of a URL */

/* An absolute http or https URL with a host, and nothing in it that a browser or a proxy could read
 * in two ways: no control characters or blanks, no backslash (browsers take it for a slash), no
 * user information (RFC 3986 section 3.2.1; "https://bank.example@evil.example/"), a port that is a
 * number. Octets over 127 pass: they are part of what was signed. */
bool target_ok(struct span url);

#endif
