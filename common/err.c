/* err - words for error values. Knows nothing else. */
#include <errno.h>
#include <stddef.h>

#include "base.h"
#include "err.h"

static const char *const words[ERR_COUNT] = {
	[ERR_OK] = "success",
	[ERR_NOMEM] = "out of memory",
	[ERR_IO] = "input/output error",
	[ERR_FULL] = "no space left",
	[ERR_READONLY] = "read-only",
	[ERR_SYNTAX] = "syntax error",
	[ERR_RANGE] = "value out of range",
	[ERR_TOOBIG] = "too long",
	[ERR_NOTFOUND] = "not found",
	[ERR_EXISTS] = "already there",
	[ERR_DENIED] = "permission denied",
	[ERR_CORRUPT] = "damaged data",
	[ERR_VERSION] = "unknown format version",
	[ERR_TIMEOUT] = "timed out",
	[ERR_CLOSED] = "connection closed",
	[ERR_ORDER] = "called out of order",
	[ERR_CRYPTO] = "cryptographic library failed",
};

const char *err_text(enum err e)
{
	if ((unsigned)e >= ERR_COUNT || words[e] == NULL)
		return "unknown error";
	return words[e];
}

enum err err_from_errno(int error_number)
{
	switch (error_number) {
	case 0: return ERR_OK;
	case ENOMEM: return ERR_NOMEM;
	case ENOSPC:
	case EDQUOT: return ERR_FULL;
	case EROFS: return ERR_READONLY;
	case ENOENT: return ERR_NOTFOUND;
	case EEXIST: return ERR_EXISTS;
	case EACCES:
	case EPERM: return ERR_DENIED;
	case EFBIG:
	case ENAMETOOLONG: return ERR_TOOBIG;
	case ETIMEDOUT: return ERR_TIMEOUT;
	case EPIPE:
	case ECONNRESET: return ERR_CLOSED;
	default: return ERR_IO;
	}
}
