/* key_file.h - a digest key in a file that only its owner can read. */
#ifndef KEY_FILE_H
#define KEY_FILE_H

#include "err.h"
#include "hash.h"

/* error gets a sentence on failure. Reading refuses links, wider permissions and short files;
 * writing never overwrites, and is synced. */
enum err key_file_read(
    const char *path, uint8_t key[DIGEST_KEY_SIZE], char *error, size_t size) CHECKED;
enum err key_file_write(
    const char *path, const uint8_t key[DIGEST_KEY_SIZE], char *error, size_t size) CHECKED;

#endif
