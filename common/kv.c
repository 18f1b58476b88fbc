/* kv - LMDB made polite. Knows no keys, no tenants and no journal. */
#include <errno.h>
#include <fcntl.h>
#include <lmdb.h>
#include <pthread.h>
#include <stdarg.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "kv.h"
#include "kv_check.h"

#define MAP_STEP   UINT64_C(65536) /* maps are whole pages on every system */
#define GROW_WAITS 500 /* milliseconds that a reader may keep the map from growing */
#define DATA_NAME  "data.mdb"
#define FREE_PAGES 0 /* LMDB's number of its own database of free pages */

struct kv {
	MDB_env *env;
	int directory; /* holds the lock that keeps other processes away */
	bool read_only;
	uint64_t ceiling;
	pthread_mutex_t mutex; /* over open and the size of the map */
	unsigned open;         /* transactions and backups under way, in all threads */
};

struct kv_txn {
	struct kv *kv;
	MDB_txn *txn;
	bool write;
};

static enum err say(enum err e, char *error, size_t size, const char *format, ...)
    PRINTF_LIKE(4, 5);

static enum err say(enum err e, char *error, size_t size, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	vsnprintf(error, size, format, ap);
	va_end(ap);
	return e;
}

static enum err err_from_lmdb(int rc)
{
	static const struct {
		int rc;
		enum err e;
	} table[] = {
		{ MDB_SUCCESS, ERR_OK },
		{ MDB_NOTFOUND, ERR_NOTFOUND },
		{ MDB_KEYEXIST, ERR_EXISTS },
		{ MDB_MAP_FULL, ERR_FULL },
		{ MDB_TXN_FULL, ERR_TOOBIG },
		{ MDB_PAGE_FULL, ERR_CORRUPT },
		{ MDB_CORRUPTED, ERR_CORRUPT },
		{ MDB_PAGE_NOTFOUND, ERR_CORRUPT },
		{ MDB_CURSOR_FULL, ERR_CORRUPT },
		{ MDB_INVALID, ERR_CORRUPT },
		{ MDB_VERSION_MISMATCH, ERR_VERSION },
		{ MDB_INCOMPATIBLE, ERR_VERSION },
		{ MDB_BAD_VALSIZE, ERR_RANGE },
		{ MDB_BAD_DBI, ERR_RANGE },
		{ MDB_DBS_FULL, ERR_RANGE },
		{ MDB_READERS_FULL, ERR_NOMEM },
		{ MDB_BAD_TXN, ERR_ORDER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		if (table[i].rc == rc)
			return table[i].e;
	return rc > 0 ? err_from_errno(rc) : ERR_IO;
}

static MDB_val val(struct span s)
{
	return (MDB_val){ .mv_size = s.n, .mv_data = (void *)(uintptr_t)s.p };
}

static struct span val_span(MDB_val v)
{
	return span_make(v.mv_data, v.mv_size);
}

/* ---- the environment ---- */

static enum err lock_directory(
    const char *path, bool read_only, int *fd_r, char *error, size_t size)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum err e;

	if (fd < 0)
		return say(err_from_errno(errno), error, size, "store %s: %m", path);
	if (flock(fd, (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
		*fd_r = fd;
		return ERR_OK;
	}
	if (errno == EWOULDBLOCK)
		e = say(ERR_EXISTS, error, size, "store %s: another process has it open", path);
	else
		e = say(err_from_errno(errno), error, size, "store %s: lock: %m", path);
	close(fd);
	return e;
}

/* Looks at the file before LMDB maps it. Once the environment is open, its files must not be
 * opened and closed beside it. */
static enum err check_data(struct kv *kv, const char *path, char *error, size_t size)
{
	int fd = openat(kv->directory, DATA_NAME, O_RDONLY | O_CLOEXEC);
	char reason[160];
	enum err e;

	if (fd < 0 && errno == ENOENT && !kv->read_only)
		return ERR_OK;
	if (fd < 0)
		return say(err_from_errno(errno), error, size, "%s/" DATA_NAME ": %m", path);
	e = kv_check_file(fd, reason, sizeof reason);
	if (e == ERR_NOTFOUND && !kv->read_only)
		e = ERR_OK; /* empty: created, never written */
	else if (e != ERR_OK)
		say(e, error, size, "%s/" DATA_NAME ": %s", path, reason);
	close(fd);
	return e;
}

static uint64_t whole_steps(uint64_t octets)
{
	if (octets > SIZE_MAX - MAP_STEP)
		octets = SIZE_MAX - MAP_STEP;
	return (octets + MAP_STEP - 1) / MAP_STEP * MAP_STEP;
}

static enum err open_environment(
    struct kv *kv, const char *path, const struct kv_options *options, char *error, size_t size)
{
	/* Readers hold the directory's lock, so no writer of ours is there to be locked against:
	 * a store on a read-only medium can be read. */
	unsigned flags = MDB_NOTLS | (kv->read_only ? MDB_RDONLY | MDB_NOLOCK : 0);
	const char *step = "create environment";
	int rc = mdb_env_create(&kv->env);

	if (rc == 0) {
		step = "set map size";
		rc = mdb_env_set_mapsize(kv->env, whole_steps(options->map_octets));
	}
	if (rc == 0) {
		step = "set number of databases";
		rc = mdb_env_set_maxdbs(kv->env, options->databases);
	}
	if (rc == 0) {
		step = "open";
		rc = mdb_env_open(kv->env, path, flags, 0600);
	}
	if (rc != 0)
		return say(err_from_lmdb(rc), error, size, "store %s: %s: %s", path, step,
		    mdb_strerror(rc));
	return ERR_OK;
}

enum err kv_open(const char *path, const struct kv_options *options, struct kv **kv_r,
    char *error, size_t size)
{
	struct kv *kv = calloc(1, sizeof *kv);
	enum err e;

	*kv_r = NULL;
	if (kv == NULL)
		return say(ERR_NOMEM, error, size, "store %s: out of memory", path);
	kv->directory = -1;
	kv->read_only = options->read_only;
	kv->ceiling = whole_steps(options->map_ceiling);
	if (pthread_mutex_init(&kv->mutex, NULL) != 0) {
		free(kv);
		return say(ERR_NOMEM, error, size, "store %s: out of memory", path);
	}
	e = lock_directory(path, kv->read_only, &kv->directory, error, size);
	if (e == ERR_OK)
		e = check_data(kv, path, error, size);
	if (e == ERR_OK)
		e = open_environment(kv, path, options, error, size);
	if (e != ERR_OK) {
		kv_close(&kv);
		return e;
	}
	kv_check_readers(kv);
	*kv_r = kv;
	return ERR_OK;
}

void kv_close(struct kv **kv)
{
	if (*kv == NULL)
		return;
	if ((*kv)->env != NULL)
		mdb_env_close((*kv)->env);
	/* The lock goes last: nobody may come in before the environment is closed. */
	if ((*kv)->directory >= 0)
		close((*kv)->directory);
	pthread_mutex_destroy(&(*kv)->mutex);
	free(*kv);
	*kv = NULL;
}

enum err kv_database(struct kv *kv, const char *name, unsigned *database_r)
{
	struct kv_txn *txn;
	MDB_dbi dbi = 0;
	enum err e = kv_begin(kv, !kv->read_only, &txn);

	if (e != ERR_OK)
		return e;
	e = err_from_lmdb(mdb_dbi_open(txn->txn, name, kv->read_only ? 0 : MDB_CREATE, &dbi));
	if (e == ERR_OK)
		e = kv_commit(&txn);
	kv_abort(&txn);
	if (e == ERR_OK)
		*database_r = dbi;
	return e;
}

/* ---- transactions ---- */

static void count_open(struct kv *kv, int by)
{
	pthread_mutex_lock(&kv->mutex);
	kv->open += (unsigned)by;
	pthread_mutex_unlock(&kv->mutex);
}

enum err kv_begin(struct kv *kv, bool write, struct kv_txn **txn_r)
{
	struct kv_txn *t;
	int rc;

	*txn_r = NULL;
	if (write && kv->read_only)
		return ERR_READONLY;
	t = calloc(1, sizeof *t);
	if (t == NULL)
		return ERR_NOMEM;
	t->kv = kv;
	t->write = write;
	count_open(kv, 1);
	rc = mdb_txn_begin(kv->env, NULL, write ? 0 : MDB_RDONLY, &t->txn);
	if (rc != 0) {
		count_open(kv, -1);
		free(t);
		return err_from_lmdb(rc);
	}
	*txn_r = t;
	return ERR_OK;
}

static void txn_free(struct kv_txn **txn)
{
	count_open((*txn)->kv, -1);
	free(*txn);
	*txn = NULL;
}

/* LMDB calls a write that the full disk cut short an input/output error. */
static enum err disk_error(struct kv *kv, enum err e)
{
	struct statvfs fs;

	if (e == ERR_IO && fstatvfs(kv->directory, &fs) == 0 &&
	    (fs.f_bavail == 0 || fs.f_bavail < UINT64_C(1048576) / fs.f_frsize))
		return ERR_FULL;
	return e;
}

enum err kv_commit(struct kv_txn **txn)
{
	enum err e = err_from_lmdb(mdb_txn_commit((*txn)->txn));

	if ((*txn)->write)
		e = disk_error((*txn)->kv, e);
	txn_free(txn);
	return e;
}

void kv_abort(struct kv_txn **txn)
{
	if (*txn == NULL)
		return;
	mdb_txn_abort((*txn)->txn);
	txn_free(txn);
}

enum err kv_put(struct kv_txn *txn, unsigned database, struct span key, struct span value)
{
	MDB_val k = val(key), v = val(value);

	if (!txn->write)
		return ERR_READONLY;
	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_RANGE;
	return disk_error(txn->kv, err_from_lmdb(mdb_put(txn->txn, database, &k, &v, 0)));
}

enum err kv_delete(struct kv_txn *txn, unsigned database, struct span key)
{
	MDB_val k = val(key);

	if (!txn->write)
		return ERR_READONLY;
	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_RANGE;
	return disk_error(txn->kv, err_from_lmdb(mdb_del(txn->txn, database, &k, NULL)));
}

enum err kv_get(struct kv_txn *txn, unsigned database, struct span key, struct buf *value)
{
	MDB_val k = val(key), v;
	int rc;

	buf_reset(value);
	if (key.n == 0 || key.n > KV_KEY_MAX)
		return ERR_RANGE;
	rc = mdb_get(txn->txn, database, &k, &v);
	if (rc != 0)
		return err_from_lmdb(rc);
	buf_add_span(value, val_span(v));
	if (buf_ok(value))
		return ERR_OK;
	return v.mv_size > value->max ? ERR_TOOBIG : ERR_NOMEM;
}

/* Octet by octet, then by length: the order of keys in the file. */
static int span_order(struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int order = n > 0 ? memcmp(a.p, b.p, n) : 0;

	if (order != 0)
		return order;
	return (a.n > b.n) - (a.n < b.n);
}

enum err kv_scan(struct kv_txn *txn, unsigned database, struct span prefix, struct span from,
    kv_visit *visit, void *context)
{
	struct span start = span_order(prefix, from) > 0 ? prefix : from;
	MDB_val k = val(start), v;
	MDB_cursor *cursor;
	int rc;

	if (start.n > KV_KEY_MAX)
		return ERR_RANGE;
	rc = mdb_cursor_open(txn->txn, database, &cursor);
	if (rc != 0)
		return err_from_lmdb(rc);
	rc = mdb_cursor_get(cursor, &k, &v, start.n > 0 ? MDB_SET_RANGE : MDB_FIRST);
	while (rc == 0 && span_starts(val_span(k), prefix)) {
		if (!visit(context, val_span(k), val_span(v)))
			break;
		rc = mdb_cursor_get(cursor, &k, &v, MDB_NEXT);
	}
	mdb_cursor_close(cursor);
	return rc == MDB_NOTFOUND ? ERR_OK : err_from_lmdb(rc);
}

enum err kv_count(struct kv_txn *txn, unsigned database, uint64_t *count_r)
{
	MDB_stat stat;
	int rc = mdb_stat(txn->txn, database, &stat);

	if (rc == 0)
		*count_r = stat.ms_entries;
	return err_from_lmdb(rc);
}

enum err kv_database_count(struct kv *kv, uint64_t *count_r)
{
	struct kv_txn *txn = NULL;
	MDB_dbi names;
	enum err e = kv_begin(kv, false, &txn);

	if (e == ERR_OK)
		e = err_from_lmdb(mdb_dbi_open(txn->txn, NULL, 0, &names));
	if (e == ERR_OK)
		e = kv_count(txn, names, count_r);
	kv_abort(&txn);
	return e;
}

/* ---- care ---- */

/* With the mutex held. */
static enum err grow_now(struct kv *kv)
{
	MDB_envinfo info;
	uint64_t want;

	if (kv->open > 0)
		return ERR_ORDER;
	mdb_env_info(kv->env, &info);
	want = whole_steps((uint64_t)info.me_mapsize * 2);
	if (want > kv->ceiling)
		want = kv->ceiling;
	if (want <= info.me_mapsize)
		return ERR_FULL;
	return err_from_lmdb(mdb_env_set_mapsize(kv->env, want));
}

enum err kv_grow(struct kv *kv)
{
	enum err e = ERR_ORDER;

	if (kv->read_only)
		return ERR_READONLY;
	for (int i = 0; i < GROW_WAITS && e == ERR_ORDER; i++) {
		if (i > 0)
			usleep(1000);
		pthread_mutex_lock(&kv->mutex);
		e = grow_now(kv);
		pthread_mutex_unlock(&kv->mutex);
	}
	return e;
}

static enum err backup_to(struct kv *kv, int fd)
{
	char reason[160];
	enum err e;
	int rc;

	count_open(kv, 1);
	rc = mdb_env_copyfd2(kv->env, fd, MDB_CP_COMPACT);
	count_open(kv, -1);
	if (rc != 0)
		return err_from_lmdb(rc);
	if (fsync(fd) != 0)
		return err_from_errno(errno);
	e = kv_check_file(fd, reason, sizeof reason);
	return e == ERR_NOTFOUND ? ERR_CORRUPT : e;
}

enum err kv_backup(struct kv *kv, const char *directory)
{
	int at, fd = -1;
	enum err e;

	if (mkdir(directory, 0700) != 0 && errno != EEXIST)
		return err_from_errno(errno);
	at = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (at < 0)
		return err_from_errno(errno);
	/* Not mdb_env_copy: its file would be open to everybody the umask lets in. */
	fd = openat(at, DATA_NAME, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0) {
		e = err_from_errno(errno);
		goto out;
	}
	e = backup_to(kv, fd);
	if (e == ERR_OK && fsync(at) != 0)
		e = err_from_errno(errno);
	if (e != ERR_OK)
		unlinkat(at, DATA_NAME, 0);
	close(fd);
out:
	close(at);
	return e;
}

void kv_check_readers(struct kv *kv)
{
	int dead = 0;

	if (!kv->read_only)
		mdb_reader_check(kv->env, &dead);
}

/* Pages that deletions and rewrites left free; a record of that database starts with its count. */
static uint64_t free_pages(struct kv_txn *txn)
{
	MDB_cursor *cursor;
	MDB_val k, v;
	uint64_t pages = 0;
	size_t count;

	if (mdb_cursor_open(txn->txn, FREE_PAGES, &cursor) != 0)
		return 0;
	while (mdb_cursor_get(cursor, &k, &v, MDB_NEXT) == 0) {
		if (v.mv_size < sizeof count)
			continue;
		memcpy(&count, v.mv_data, sizeof count);
		pages += count;
	}
	mdb_cursor_close(cursor);
	return pages;
}

void kv_usage(struct kv *kv, struct kv_usage *usage_r)
{
	struct kv_txn *txn = NULL;
	uint64_t pages, unused = 0;
	MDB_envinfo info;
	MDB_stat stat;

	if (kv_begin(kv, false, &txn) == ERR_OK)
		unused = free_pages(txn);
	mdb_env_info(kv->env, &info);
	mdb_env_stat(kv->env, &stat);
	kv_abort(&txn);
	pages = info.me_last_pgno + 1;
	usage_r->map_octets = info.me_mapsize;
	usage_r->map_ceiling = kv->ceiling > info.me_mapsize ? kv->ceiling : info.me_mapsize;
	usage_r->used_octets = (unused < pages ? pages - unused : 0) * stat.ms_psize;
}

const char *kv_library_version(void)
{
	return mdb_version(NULL, NULL, NULL);
}
