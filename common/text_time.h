/* text_time.h - dates and times as text (RFC 3339), to seconds since 1970. Pure. */
#ifndef TEXT_TIME_H
#define TEXT_TIME_H

#include "base.h"
#include "span.h"

/* "2026-11-23" (midnight UTC), "2026-11-23T18:00:00Z", "...+01:00"; a blank instead of T is
 * taken. Fractions of a second are read and dropped. False for anything else and for days that
 * do not exist. */
bool text_time_parse(struct span text, int64_t *seconds_r);

#endif
