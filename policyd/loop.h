/* loop.h - readiness, timers and signals: the only user of libevent. One thread. */
#ifndef LOOP_H
#define LOOP_H

#include "base.h"

struct loop;
struct loop_io;

struct loop *loop_new(void);
void loop_free(struct loop **l);

/* Called after each round of callbacks; busy: something watched was ready. True: the next round
 * looks at what is ready now and does not sleep. */
typedef bool loop_turn(void *argument, bool busy);
/* Until loop_stop. */
void loop_run(struct loop *l, loop_turn *turn, void *argument);
void loop_stop(struct loop *l);

/* Watches fd; callback gets what it is ready for. Starts with reading wanted. NULL: no memory. */
struct loop_io *loop_watch(struct loop *l, int fd,
    void (*ready)(void *argument, bool read, bool write), void *argument);
void loop_want(struct loop_io *io, bool read, bool write);
void loop_unwatch(struct loop_io **io); /* does not close fd */

/* Every period, or on a signal. Freed with the loop. */
bool loop_every(
    struct loop *l, int64_t period_ns, void (*tick)(void *argument), void *argument);
bool loop_on_signal(
    struct loop *l, int number, void (*handler)(void *argument), void *argument);

#endif
