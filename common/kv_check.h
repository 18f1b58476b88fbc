/* kv_check.h - is this file a store that LMDB can be let loose on? LMDB trusts its file: a cut or
 * damaged one crashes the program that maps it. This looks at every page in use before that. */
#ifndef KV_CHECK_H
#define KV_CHECK_H

#include "base.h"
#include "err.h"

/* Checks the data file (LMDB 0.9 format of this machine) open at fd: header, and for all trees
 * that the newest header leads to: every page lies in the file, is used once and says who it is,
 * every record lies in its page, keys ascend, counts are right, no free page is in use. Values are
 * their owner's to check. Nobody may write meanwhile; the file offset is not used.
 *
 * ERR_NOTFOUND: empty file; ERR_CORRUPT; ERR_VERSION: a format we do not write; ERR_IO, ERR_NOMEM.
 * reason gets some words, no full stop. Pure but for reading; thread safe. */
enum err kv_check_file(int fd, char *reason, size_t size) CHECKED;

#endif
