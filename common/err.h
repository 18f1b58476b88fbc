/* err.h - one list of what can go wrong, and its words. Who is affected, and what SMTP says about
 * it, is decided above (policyd/reply, milter/verdict). */
#ifndef ERR_H
#define ERR_H

enum err {
	ERR_OK = 0,
	ERR_NOMEM,    /* memory, or a cap on it */
	ERR_IO,       /* a system call failed; errno says which way */
	ERR_FULL,     /* disk or map full */
	ERR_READONLY, /* the store or file system takes no writes */
	ERR_SYNTAX,   /* bytes that do not parse */
	ERR_RANGE,    /* a number outside its bounds */
	ERR_TOOBIG,   /* a length over its cap */
	ERR_NOTFOUND,
	ERR_EXISTS,
	ERR_DENIED,  /* permissions, ownership */
	ERR_CORRUPT, /* checksum or layout of stored data */
	ERR_VERSION, /* data of a format we do not know */
	ERR_TIMEOUT,
	ERR_CLOSED, /* the peer hung up */
	ERR_ORDER,  /* called at the wrong moment */
	ERR_CRYPTO,
	ERR_COUNT
};

/* Words for a value, lower case, no full stop. Never NULL, also for values out of range. */
const char *err_text(enum err e);

/* The value that stands for an errno of a failed system call (ENOSPC -> ERR_FULL, ...). */
enum err err_from_errno(int error_number);

#endif
