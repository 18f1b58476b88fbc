/* loop - libevent behind a small door. Knows no protocol. */
#include <event2/event.h>
#include <stdlib.h>

#include "loop.h"

struct source { /* a timer or a signal */
	struct source *next;
	struct event *event;
	void (*call)(void *argument);
	void *argument;
};

struct loop {
	struct event_base *base;
	struct source *sources;
	bool stopped;
	bool busy; /* in this round something was ready */
};

struct loop_io {
	struct loop *loop;
	struct event *read, *write;
	bool wants_read, wants_write;
	void (*ready)(void *argument, bool read, bool write);
	void *argument;
};

struct loop *loop_new(void)
{
	struct loop *l = calloc(1, sizeof *l);
	struct event_config *config = event_config_new();

	if (l == NULL || config == NULL)
		goto fail;
	/* Our clock is read where it is needed; libevent need not cache one for us. */
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	l->base = event_base_new_with_config(config);
	if (l->base == NULL)
		goto fail;
	event_config_free(config);
	return l;
fail:
	if (config != NULL)
		event_config_free(config);
	free(l);
	return NULL;
}

void loop_free(struct loop **l)
{
	struct source *s, *next;

	if (*l == NULL)
		return;
	for (s = (*l)->sources; s != NULL; s = next) {
		next = s->next;
		event_free(s->event);
		free(s);
	}
	event_base_free((*l)->base);
	free(*l);
	*l = NULL;
}

void loop_run(struct loop *l, loop_turn *turn, void *argument)
{
	bool again = false;

	l->stopped = false;
	while (!l->stopped) {
		l->busy = false;
		if (event_base_loop(l->base, again ? EVLOOP_NONBLOCK : EVLOOP_ONCE) < 0)
			return;
		again = turn(argument, l->busy);
	}
}

void loop_stop(struct loop *l)
{
	l->stopped = true;
}

static void on_io(evutil_socket_t fd, short what, void *argument)
{
	struct loop_io *io = argument;

	(void)fd;
	io->loop->busy = true;
	io->ready(io->argument, (what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

struct loop_io *loop_watch(struct loop *l, int fd,
    void (*ready)(void *argument, bool read, bool write), void *argument)
{
	struct loop_io *io = calloc(1, sizeof *io);

	if (io == NULL)
		return NULL;
	io->loop = l;
	io->ready = ready;
	io->argument = argument;
	io->read = event_new(l->base, fd, EV_READ | EV_PERSIST, on_io, io);
	io->write = event_new(l->base, fd, EV_WRITE | EV_PERSIST, on_io, io);
	if (io->read == NULL || io->write == NULL || event_add(io->read, NULL) != 0) {
		loop_unwatch(&io);
		return NULL;
	}
	io->wants_read = true;
	return io;
}

static void want(struct event *event, bool *state, bool wanted)
{
	if (*state == wanted)
		return;
	if (wanted)
		event_add(event, NULL);
	else
		event_del(event);
	*state = wanted;
}

void loop_want(struct loop_io *io, bool read, bool write)
{
	want(io->read, &io->wants_read, read);
	want(io->write, &io->wants_write, write);
}

void loop_unwatch(struct loop_io **io)
{
	if (*io == NULL)
		return;
	if ((*io)->read != NULL)
		event_free((*io)->read);
	if ((*io)->write != NULL)
		event_free((*io)->write);
	free(*io);
	*io = NULL;
}

static void on_source(evutil_socket_t fd, short what, void *argument)
{
	struct source *s = argument;

	(void)fd;
	(void)what;
	s->call(s->argument);
}

static bool add_source(struct loop *l, int fd, short what, const struct timeval *period,
    void (*call)(void *argument), void *argument)
{
	struct source *s = calloc(1, sizeof *s);

	if (s == NULL)
		return false;
	s->call = call;
	s->argument = argument;
	s->event = event_new(l->base, fd, what | EV_PERSIST, on_source, s);
	if (s->event == NULL || event_add(s->event, period) != 0) {
		if (s->event != NULL)
			event_free(s->event);
		free(s);
		return false;
	}
	s->next = l->sources;
	l->sources = s;
	return true;
}

bool loop_every(struct loop *l, int64_t period_ns, void (*tick)(void *argument), void *argument)
{
	struct timeval period = { .tv_sec = (time_t)(period_ns / NS_PER_S),
		.tv_usec = (suseconds_t)(period_ns % NS_PER_S / 1000) };

	return add_source(l, -1, 0, &period, tick, argument);
}

bool loop_on_signal(struct loop *l, int number, void (*handler)(void *argument), void *argument)
{
	return add_source(l, number, EV_SIGNAL, NULL, handler, argument);
}
