/* held - reads the queue listing and keeps the lists of held ids. Knows no tenant's domains and
 * runs no program. */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "held.h"

static bool member(const json_t *object, const char *name, struct span *text_r)
{
	const json_t *value = json_object_get(object, name);

	if (!json_is_string(value))
		return false;
	*text_r = span_make(json_string_value(value), json_string_length(value));
	return true;
}

static bool is_queue_id(struct span id)
{
	for (size_t i = 0; i < id.n; i++)
		if (!ascii_digit(id.p[i]) && !ascii_alpha(id.p[i]))
			return false;
	return id.n > 0;
}

enum err held_parse(struct span line, struct held_message *message_r)
{
	struct span id, queue, sender;
	json_t *object = json_loadb(line.p, line.n, 0, NULL);
	enum err e = ERR_SYNTAX;

	if (!member(object, "queue_id", &id) || !member(object, "queue_name", &queue) ||
	    !member(object, "sender", &sender) || !is_queue_id(id))
		goto out;
	message_r->on_hold = span_eq(queue, SPAN("hold"));
	e = ERR_TOOBIG;
	if (span_copy(id, message_r->queue_id, sizeof message_r->queue_id) &&
	    span_copy(sender, message_r->sender, sizeof message_r->sender))
		e = ERR_OK;
out:
	json_decref(object);
	return e;
}

enum err held_open(const char *store_path, bool create, int *directory_r)
{
	int store = open(store_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), fd = -1;
	enum err e = ERR_OK;
	struct stat st;

	*directory_r = -1;
	if (store < 0)
		return err_from_errno(errno);
	if (create && mkdirat(store, "held", 0700) < 0 && errno != EEXIST)
		e = err_from_errno(errno);
	if (e == ERR_OK) {
		fd = openat(store, "held", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (fd < 0)
			e = errno == ELOOP || errno == ENOTDIR ? ERR_DENIED
							       : err_from_errno(errno);
	}
	if (e == ERR_OK && (fstat(fd, &st) < 0 || st.st_uid != geteuid() ||
			       (st.st_mode & (S_IWGRP | S_IWOTH)) != 0))
		e = ERR_DENIED;
	close(store);
	if (e == ERR_OK)
		*directory_r = fd;
	else if (fd >= 0)
		close(fd);
	return e;
}

enum err held_read(int directory, const char *tenant, struct buf *ids)
{
	char path[64];
	char below[512];

	(void)snprintf(path, sizeof path, "/proc/self/fd/%d", directory);
	if ((size_t)snprintf(below, sizeof below, "%s/%s", path, tenant) >= sizeof below)
		return ERR_TOOBIG;
	return file_read(below, ids);
}

enum err held_write(int directory, const char *tenant, struct span ids)
{
	char temporary[300];
	enum err e;

	if ((size_t)snprintf(temporary, sizeof temporary, ".%s.new", tenant) >=
	    sizeof temporary)
		return ERR_TOOBIG;
	(void)unlinkat(directory, temporary, 0);
	e = file_create(directory, temporary, ids, 0600, (uid_t)-1, (gid_t)-1);
	if (e == ERR_OK && renameat(directory, temporary, directory, tenant) < 0)
		e = err_from_errno(errno);
	if (e == ERR_OK && fsync(directory) < 0)
		e = err_from_errno(errno);
	return e;
}

enum err held_remove(int directory, const char *tenant)
{
	if (unlinkat(directory, tenant, 0) < 0 && errno != ENOENT)
		return err_from_errno(errno);
	return ERR_OK;
}
