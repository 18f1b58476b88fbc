/* alerts.h - what an administrator should know: each stands once, however often it happens, until
 * it is over; told once (penguinctl alert send), kept over restarts. One thread, the loop's. */
#ifndef ALERTS_H
#define ALERTS_H

#include "span.h"
#include "store.h"

#define ALERT_NAME_MAX 400u /* "pause/source/ip1/google": no blanks, no control characters */
#define ALERT_TEXT_MAX 400u
#define ALERTS_MAX     10000u
#define ALERT_KEPT_S   (30 * 86400) /* so long after it was over it is still listed */

enum alert_severity { ALERT_INFO, ALERT_WARNING, ALERT_ERROR, ALERT_SEVERITIES };
const char *alert_severity_text(enum alert_severity s); /* "info", ... */

enum alert_state {
	ALERT_OPEN,
	ALERT_ACKNOWLEDGED, /* somebody has seen it; it is not told any more */
	ALERT_OVER,
	ALERT_STATES
};
const char *alert_state_text(enum alert_state s); /* "open", ... */

struct alert {
	const char *name, *text;
	enum alert_severity severity;
	enum alert_state state;
	bool told;
	uint64_t count; /* how often it happened since it began */
	int64_t first_s, last_s, over_s;
	int64_t muted_until_s; /* not told before */
};

struct alerts;

enum err alerts_open(struct store *store, struct alerts **a_r) CHECKED;
void alerts_close(struct alerts **a); /* after the store's end; NULL is fine */

/* It happened, or still does. Too many at once: said in the log. */
void alerts_raise(struct alerts *a, struct span name, enum alert_severity severity,
    struct span text, int64_t now_s);
/* It does not any more; none of that name: nothing. */
void alerts_over(struct alerts *a, struct span name, int64_t now_s);
/* One or the other, as a condition holds. */
void alerts_watch(
    struct alerts *a, struct span name, bool holds, struct span text, int64_t now_s);

enum alert_action { ALERT_ACKNOWLEDGE, ALERT_MUTE, ALERT_TOLD };
/* done(context, e) once it is stored. ERR_NOTFOUND: there is none of that name. until_s: of
 * ALERT_MUTE. */
typedef void alerts_done(void *context, enum err e);
enum err alerts_change(struct alerts *a, struct span name, enum alert_action action,
    int64_t until_s, alerts_done *done, void *context) CHECKED;

/* In the order in which they began. */
typedef void alerts_visit(void *context, const struct alert *alert);
void alerts_each(const struct alerts *a, alerts_visit *visit, void *context);
/* Is it to be told now? */
bool alert_pending(const struct alert *alert, int64_t now_s);

/* Once a second: forgets those that were over long ago. */
void alerts_tick(struct alerts *a, int64_t now_s);

#endif
