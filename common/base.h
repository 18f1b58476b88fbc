/* base.h - what every file of the project may rely on: attributes, sizes, units of time. */
#ifndef BASE_H
#define BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define PRINTF_LIKE(text, first) __attribute__((format(printf, text, first)))
#define UNUSED                   __attribute__((unused))
#define CHECKED                  __attribute__((warn_unused_result))

#define NS_PER_S  INT64_C(1000000000)
#define NS_PER_MS INT64_C(1000000)

#include "banned.h"

#endif
