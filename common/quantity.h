/* quantity.h - quantities of the configuration: strings with units ("500/h", "2G/day", "48h").
 * Pure. libconfig 1.5 cuts large integers silently, so no quantity is ever written as a number. */
#ifndef QUANTITY_H
#define QUANTITY_H

#include "base.h"
#include "rate.h"
#include "span.h"
#include "zone.h"

/* "250", "10k", "2G", "1Ti": k M G T are powers of 1000, Ki Mi Gi Ti of 1024. No sign, no
 * fraction, no blanks inside. */
bool quantity_count(struct span text, uint64_t *value_r);

/* "90s", "15m", "48h", "7d", "2w"; a bare number is refused. */
bool quantity_duration(struct span text, int64_t *seconds_r);

/* "5", "0.3": percent with up to four places, in parts of QUANTITY_WHOLE. */
#define QUANTITY_WHOLE 1000000u
bool quantity_percent(struct span text, uint32_t *parts_r);

/* "AMOUNT/PERIOD": h(our), d(ay), month, cycle. For calendar windows. */
bool quantity_window(struct span text, uint64_t *amount_r, enum window_kind *kind_r);

/* "AMOUNT/PERIOD" or "AMOUNT/PERIOD burst AMOUNT": s, m(in), h(our), d(ay). For token rates. */
bool quantity_rate(struct span text, struct rate_limit *limit_r, uint64_t *amount_r);

#endif
