/* text_time.h - dates and times as text (RFC 3339, RFC 5322), to seconds since 1970. Pure. */
#ifndef TEXT_TIME_H
#define TEXT_TIME_H

#include "base.h"
#include "span.h"

/* "2026-11-23" (midnight UTC), "2026-11-23T18:00:00Z", "...+01:00"; a blank instead of T is
 * taken. Fractions of a second are read and dropped. False for anything else and for days that
 * do not exist. */
bool text_time_parse(struct span text, int64_t *seconds_r);

/* The value of a Date field (RFC 5322 section 3.3): "Mon, 23 Nov 2026 08:00:00 +0000"; the day's
 * name may be wrong or missing, seconds may be missing, comments and folds may stand between the
 * words, zones may be names (section 4.3), years may have two digits. False for anything else and
 * for days that do not exist. */
bool text_time_parse_mail(struct span text, int64_t *seconds_r);
/* The same for writing, in UTC; years 1970 to 9999. */
#define TEXT_TIME_MAIL_MAX 40
void text_time_put_mail(int64_t seconds, char out[TEXT_TIME_MAIL_MAX]);

#endif
