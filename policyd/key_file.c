/* key_file - reading and writing a digest key. Knows nothing of what it protects. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key_file.h"

enum err key_file_read(const char *path, uint8_t key[DIGEST_KEY_SIZE], char *error, size_t size)
{
	struct stat st;
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);

	if (fd < 0) {
		snprintf(error, size, "%s: %s", path, strerror(errno));
		return err_from_errno(errno);
	}
	if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || (st.st_mode & 077) != 0) {
		snprintf(error, size, "%s: must be a file that only its owner can read", path);
		close(fd);
		return ERR_DENIED;
	}
	n = read(fd, key, DIGEST_KEY_SIZE);
	close(fd);
	if (n == DIGEST_KEY_SIZE)
		return ERR_OK;
	snprintf(error, size, "%s: shorter than %d octets", path, DIGEST_KEY_SIZE);
	return ERR_CORRUPT;
}

/* What is made with the key must not outlive it in a power failure. */
static enum err sync_directory_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *directory =
	    slash != NULL ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	int fd = directory != NULL ? open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
	enum err e = ERR_OK;

	if (directory == NULL)
		e = ERR_NOMEM;
	else if (fd < 0 || fsync(fd) != 0)
		e = err_from_errno(errno);
	if (fd >= 0)
		close(fd);
	free(directory);
	return e;
}

enum err key_file_write(
    const char *path, const uint8_t key[DIGEST_KEY_SIZE], char *error, size_t size)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	enum err e = ERR_OK;
	ssize_t n = 0;

	if (fd < 0 || (n = write(fd, key, DIGEST_KEY_SIZE)) < 0 || fsync(fd) != 0)
		e = err_from_errno(errno);
	else if (n != DIGEST_KEY_SIZE)
		e = ERR_FULL;
	if (fd >= 0)
		close(fd);
	if (e == ERR_OK)
		e = sync_directory_of(path);
	if (e != ERR_OK && fd >= 0)
		unlink(path); /* half a key would be taken for a damaged one */
	if (e != ERR_OK)
		snprintf(error, size, "%s: cannot be made: %s", path, err_text(e));
	return e;
}
