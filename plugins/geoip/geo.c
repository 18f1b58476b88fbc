/* geo - MaxMind databases (MaxMind DB file format 2.0) by way of libmaxminddb. Knows no rules. */
#include <errno.h>
#include <maxminddb.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "geoip.h"

struct geo {
	char *path;
	geo_say *say;
	void *context;
	pthread_rwlock_t lock; /* all below; writers open, readers ask */
	struct stat seen;      /* the file that was last looked at; all zero: none */
	bool looked;
	bool open;
	bool usable;
	MMDB_s database;
};

struct geo *geo_new(const char *path, geo_say *say, void *context)
{
	struct geo *g = calloc(1, sizeof *g);

	if (g == NULL)
		return NULL;
	g->path = strdup(path);
	if (g->path == NULL || pthread_rwlock_init(&g->lock, NULL) != 0) {
		free(g->path);
		free(g);
		return NULL;
	}
	g->say = say;
	g->context = context;
	return g;
}

void geo_free(struct geo **geo)
{
	struct geo *g = *geo;

	*geo = NULL;
	if (g == NULL)
		return;
	if (g->open)
		MMDB_close(&g->database);
	(void)pthread_rwlock_destroy(&g->lock);
	free(g->path);
	free(g);
}

static void complain(struct geo *g, const char *why)
{
	char text[512];

	snprintf(text, sizeof text, "%.300s: %s: its rules are off", g->path, why);
	g->say(g->context, text);
}

static bool is_same(const struct stat *a, const struct stat *b)
{
	return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

/* Under the lock, for writing. */
static void open_again(struct geo *g, const struct stat *st, int error)
{
	int status;

	if (g->open)
		MMDB_close(&g->database);
	g->open = g->usable = false;
	g->seen = *st;
	g->looked = true;
	if (error != 0) {
		complain(g, strerror(error));
		return;
	}
	status = MMDB_open(g->path, MMDB_MODE_MMAP, &g->database);
	if (status != MMDB_SUCCESS) {
		complain(g, MMDB_strerror(status));
		return;
	}
	g->open = g->usable = true;
}

/* Also when it went away or came back. */
static void look(struct geo *g)
{
	struct stat st = { .st_size = 0 };
	int error = stat(g->path, &st) == 0 ? 0 : errno;
	bool same;

	if (error != 0)
		memset(&st, 0, sizeof st);
	(void)pthread_rwlock_rdlock(&g->lock);
	same = g->looked && is_same(&g->seen, &st);
	(void)pthread_rwlock_unlock(&g->lock);
	if (same)
		return;
	(void)pthread_rwlock_wrlock(&g->lock);
	if (!g->looked || !is_same(&g->seen, &st))
		open_again(g, &st, error);
	(void)pthread_rwlock_unlock(&g->lock);
}

static void give_up(struct geo *g, const char *why)
{
	(void)pthread_rwlock_wrlock(&g->lock);
	if (g->usable)
		complain(g, why);
	g->usable = false;
	(void)pthread_rwlock_unlock(&g->lock);
}

static const char *find(struct geo *g, const char *address, struct geo_found *found_r)
{
	MMDB_entry_data_s value;
	MMDB_lookup_result_s r;
	int resolved, status;

	r = MMDB_lookup_string(&g->database, address, &resolved, &status);
	if (resolved != 0 || status == MMDB_IPV6_LOOKUP_IN_IPV4_DATABASE_ERROR)
		return NULL;
	if (status != MMDB_SUCCESS)
		return MMDB_strerror(status);
	if (!r.found_entry)
		return NULL;
	status = MMDB_get_value(&r.entry, &value, "country", "iso_code", NULL);
	if (status == MMDB_SUCCESS && value.has_data &&
	    value.type == MMDB_DATA_TYPE_UTF8_STRING && value.data_size == 2)
		memcpy(found_r->country, value.utf8_string, 2);
	else if (status == MMDB_INVALID_DATA_ERROR)
		return MMDB_strerror(status);
	status = MMDB_get_value(&r.entry, &value, "autonomous_system_number", NULL);
	if (status == MMDB_SUCCESS && value.has_data && value.type == MMDB_DATA_TYPE_UINT32)
		found_r->asn = value.uint32;
	return NULL;
}

void geo_ask(struct geo *g, const char *address, int64_t now_s, struct geo_found *found_r)
{
	const char *why = NULL;

	*found_r = (struct geo_found){ .asn = 0 };
	look(g);
	(void)pthread_rwlock_rdlock(&g->lock);
	if (g->usable) {
		if (now_s - (int64_t)g->database.metadata.build_epoch > GEO_AGE_MAX_S)
			why = "it is older than 45 days";
		else
			why = find(g, address, found_r);
	}
	(void)pthread_rwlock_unlock(&g->lock);
	if (why != NULL)
		give_up(g, why);
}
