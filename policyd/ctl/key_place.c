/* key_place - the directory of a domain's keys. Knows no key. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "key_place.h"

/* As root, the key is penguin-milter's. */
static bool find_owner(const struct ctl *ctl, struct key_place *p)
{
	bool known = ctl->provider != NULL || ctl->snapshot != NULL;
	const char *user = known ? ctl_provider(ctl)->milter.user : "";
	const struct passwd *entry;
	uint64_t uid;

	p->owner = (uid_t)-1;
	p->group = (gid_t)-1;
	if (geteuid() != 0 || user[0] == '\0')
		return true;
	if (span_u64(span_cstr(user), &uid) && uid < UINT32_MAX) {
		p->owner = (uid_t)uid;
		return true;
	}
	entry = getpwnam(user);
	if (entry == NULL) {
		ctl_error("there is no user \"%s\" (milter.user) to own the key", user);
		return false;
	}
	p->owner = entry->pw_uid;
	p->group = entry->pw_gid;
	return true;
}

int key_place_open(
    struct ctl *ctl, const char *domain, const char *directory, struct key_place *p)
{
	const char *keys;

	p->fd = -1;
	p->below_keys = directory == NULL;
	if (directory == NULL || geteuid() == 0) {
		int status = ctl_load_provider(ctl);

		if (status != EX_OK)
			return status;
	}
	if (!find_owner(ctl, p))
		return EX_NOUSER;
	keys = directory == NULL ? ctl_provider(ctl)->milter.keys : NULL;
	(void)snprintf(p->path, sizeof p->path, "%s%s%s", directory != NULL ? directory : keys,
	    directory != NULL ? "" : "/", directory != NULL ? "" : domain);
	if (mkdir(p->path, 0700) == 0) {
		if (p->owner != (uid_t)-1 && chown(p->path, p->owner, p->group) < 0)
			ctl_note(ctl, "%s: %s", p->path, strerror(errno));
	} else if (errno != EEXIST) {
		ctl_error("%s: %s", p->path, strerror(errno));
		return errno == EACCES ? EX_NOPERM : EX_CANTCREAT;
	}
	p->fd = open(p->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (p->fd < 0) {
		ctl_error("%s: %s", p->path, strerror(errno));
		return EX_CANTCREAT;
	}
	return EX_OK;
}
