/* clock.h - the only reader of time. Decisions get time as an argument; main loops ask here.
 * Test builds link clock_test.c instead of clock.c: there the wall clock can be moved through a
 * mapped file. Thread safe. */
#ifndef CLOCK_H
#define CLOCK_H

#include "base.h"

/* Wall clock, nanoseconds since 1970-01-01 00:00 UTC. May step in either direction. */
int64_t clock_wall_ns(void);

/* Monotonic clock in nanoseconds, for deadlines; unrelated to the wall clock. */
int64_t clock_mono_ns(void);

#endif
