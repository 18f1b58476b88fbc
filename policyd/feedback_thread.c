/* feedback_thread - reads the mail log, a batch at a time. */
#include <errno.h>
#include <unistd.h>

#include "clock.h"
#include "feedback_inside.h"
#include "log.h"

#define POLL_NS (200 * NS_PER_MS) /* between looks at a log that has nothing new */

static void wake(struct feedback *f)
{
	uint64_t one = 1;

	/* The counter cannot overflow: the loop reads it. */
	if (write(f->wake_fd, &one, sizeof one) < 0 && errno != EAGAIN)
		log_text(LOG_LEVEL_ERROR, "eventfd: write failed");
}

static int32_t zone_offset(const void *zone, int64_t local_s)
{
	/* Off by an hour in the two hours a year in which a clock's reading is not one moment. */
	return zone_offset_s(zone, local_s - zone_offset_s(zone, local_s));
}

static void wait_ns(struct feedback *f, int64_t ns)
{
	int64_t until = clock_mono_ns() + ns;
	const struct timespec at = { .tv_sec = (time_t)(until / NS_PER_S),
		.tv_nsec = (long)(until % NS_PER_S) };

	(void)pthread_cond_timedwait(&f->work, &f->lock, &at);
}

static size_t judge(struct feedback *f, struct span lines)
{
	const struct feedback_world world = {
		.track = { &f->files->senders, f->files->providers, f->files->replies },
		.tracker = f->tracker,
		.react = f->react,
		.reactions = f->files->reactions,
		.digest_key = f->digest_key,
		.troubled = &f->troubled,
		.clock = { clock_wall_ns() / NS_PER_S,
		    f->files->zone != NULL ? zone_offset : NULL, f->files->zone },
	};
	size_t taken = feedback_batch_lines(&f->batch, &world, lines);

	if (world.clock.now_s - f->tracked_s >= FEEDBACK_EXPIRE_S) {
		track_expire(f->tracker, world.clock.now_s);
		f->tracked_s = world.clock.now_s;
	}
	feedback_batch_close(&f->batch, &world);
	return taken;
}

static void note_health(struct feedback *f, const struct log_follow *log, enum err e)
{
	bool before;

	pthread_mutex_lock(&f->lock);
	before = f->statistics.healthy;
	f->statistics.healthy = e == ERR_OK;
	f->statistics.truncations = log->truncations;
	pthread_mutex_unlock(&f->lock);
	if (before && e != ERR_OK)
		log_text(LOG_LEVEL_WARNING, "mail log %s: %s; nothing is learned of deliveries",
		    log->path, err_text(e));
	else if (!before && e == ERR_OK)
		log_text(LOG_LEVEL_INFO, "mail log %s: read again", log->path);
}

/* One batch; false: there was nothing. */
static bool read_batch(struct feedback *f, struct log_follow *log)
{
	struct span lines;
	enum err e = log_follow_read(log, &lines);

	note_health(f, log, e);
	if (e != ERR_OK || lines.n == 0)
		return false;
	feedback_batch_reset(&f->batch);
	/* What did not fit is read again. */
	log->at.offset -= lines.n - judge(f, lines);
	f->batch.position = log->at;
	return true;
}

/* Another file may be another log, or the same: its inode tells. */
static void take_files(struct feedback *f, struct feedback_files *fresh, struct log_follow *log)
{
	struct log_position at = log->at;

	log_follow_deinit(log);
	feedback_files_free(&f->files);
	f->files = fresh;
	react_reset(f->react);
	log_follow_init(log, fresh != NULL && fresh->path != NULL ? fresh->path : "", &at);
}

void *feedback_thread(void *argument)
{
	struct feedback *f = argument;
	struct log_follow log;

	log_follow_init(&log, "", &f->position);
	pthread_mutex_lock(&f->lock);
	while (!f->stop) {
		bool reloaded = f->reloaded, mine = f->step == STEP_READING && !f->given, got;
		struct feedback_files *fresh = f->fresh;

		if (reloaded && mine) {
			f->fresh = NULL;
			f->reloaded = false;
		}
		pthread_mutex_unlock(&f->lock);
		if (reloaded && mine)
			take_files(f, fresh, &log);
		got = mine && log.path[0] != '\0' && read_batch(f, &log);
		pthread_mutex_lock(&f->lock);
		f->given = f->given || got;
		if (got)
			wake(f);
		else if (!f->stop)
			wait_ns(f, POLL_NS);
	}
	pthread_mutex_unlock(&f->lock);
	log_follow_deinit(&log);
	return NULL;
}
