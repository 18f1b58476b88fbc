/* feedback_files - what a configuration says about the mail log, read into memory. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "feedback_batch.h"
#include "log.h"

#define ZONE_OCTETS 65536u

void feedback_files_free(struct feedback_files **files)
{
	struct feedback_files *w = *files;

	*files = NULL;
	if (w == NULL)
		return;
	senders_deinit(&w->senders);
	providers_free(&w->providers);
	replies_free(&w->replies);
	reactions_free(&w->reactions);
	zone_free(&w->zone);
	snapshot_unref(&w->snapshot);
	free(w->path);
	free(w);
}

/* The host's own time zone; UTC where that cannot be told. */
static struct zone *local_zone(void)
{
	struct buf bytes = BUF_INIT(ZONE_OCTETS);
	int fd = open("/etc/localtime", O_RDONLY | O_CLOEXEC);
	struct zone *zone = NULL;
	ssize_t n = 0;

	if (fd >= 0 && buf_reserve(&bytes, ZONE_OCTETS))
		n = read(fd, bytes.p, ZONE_OCTETS);
	if (n > 0 && zone_parse(span_make(bytes.p, (size_t)n), &zone) != ERR_OK)
		zone = NULL;
	if (fd >= 0)
		close(fd);
	buf_free(&bytes);
	return zone;
}

struct feedback_files *feedback_files_new(const struct snapshot *snapshot)
{
	const struct provider *p = snapshot_provider(snapshot);
	struct feedback_files *w = calloc(1, sizeof *w);
	char error[512] = "out of memory";
	enum err e = w != NULL ? ERR_OK : ERR_NOMEM;

	if (e == ERR_OK && p->feedback.log[0] == '\0')
		return w;
	if (e == ERR_OK) {
		w->snapshot = snapshot_ref(snapshot);
		/* Without keys, mail is told by its logins. */
		if (senders_init(&w->senders, snapshot, error, sizeof error) != ERR_OK)
			log_text(LOG_LEVEL_WARNING, "mail log: %s", error);
		e = providers_read(p->providers, &w->providers, error, sizeof error);
	}
	if (e == ERR_OK)
		e = replies_read(p->replies, &w->replies, error, sizeof error);
	if (e == ERR_OK && p->reactions[0] != '\0' &&
	    reactions_read(p->reactions, &w->reactions, error, sizeof error) != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "%s; no reply pauses anybody", error);
	if (e == ERR_OK && p->feedback.timezone[0] == '\0')
		w->zone = local_zone();
	else if (e == ERR_OK)
		e = zone_load(NULL, span_cstr(p->feedback.timezone), &w->zone);
	if (e == ERR_OK)
		w->path = strdup(p->feedback.log);
	if (e != ERR_OK)
		log_text(LOG_LEVEL_ERROR, "mail log is not read: %s", error);
	return w;
}
