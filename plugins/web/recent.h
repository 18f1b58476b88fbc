/* recent - a small memory of who opened which links just now: the different links of one message
 * that one address asked for within two seconds. Bounded; when two pairs meet in a slot the older
 * one is forgotten. Not thread safe; time is an argument. */
#ifndef RECENT_H
#define RECENT_H

#include "base.h"

#define RECENT_SLOTS     8192
#define RECENT_WINDOW_NS (2 * NS_PER_S)

struct recent;

struct recent *recent_new(uint64_t seed); /* NULL when out of memory */
void recent_free(struct recent **r);

/* Notes a link; how many different ones that makes, at least 1 (counted up to 64, links of one
 * number modulo 64 as one). address: 16 octets as in network.h. */
unsigned recent_note(struct recent *r, const uint8_t address[16], uint64_t message,
    uint16_t link, int64_t now_ns);

#endif
