/* peers - the connections that are open. Knows descriptors and addresses; no HTTP. */
#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "hash.h"
#include "peers.h"

#define BUCKETS                                                                                \
	4096 /* addresses that share one are counted together: a bound, not an account */

/* A ring, the one waited for longest after the head. */
struct peer {
	struct peer *before, *after;
	int fd;
	unsigned bucket;
	bool exempt;
	int64_t since_ns; /* INT64_MAX: not waited for */
};

struct peers {
	pthread_mutex_t lock;
	uint64_t most, seed, count;
	struct peer head;
	uint32_t by_address[BUCKETS];
};

struct peers *peers_new(uint64_t most, uint64_t seed)
{
	struct peers *p = calloc(1, sizeof *p);

	if (p == NULL)
		return NULL;
	pthread_mutex_init(&p->lock, NULL);
	p->most = most;
	p->seed = seed;
	p->head.before = p->head.after = &p->head;
	return p;
}

void peers_free(struct peers **p)
{
	if (*p == NULL)
		return;
	pthread_mutex_destroy(&(*p)->lock);
	free(*p);
	*p = NULL;
}

/* IPv6: whoever has a /64 has all of it. */
static unsigned bucket_of(const struct peers *p, const uint8_t address[16])
{
	size_t n = network_is_v4(address) ? 16 : 8;

	return (unsigned)(hash64(span_make((const char *)address, n), p->seed) % BUCKETS);
}

static void take_out(struct peer *peer)
{
	peer->before->after = peer->after;
	peer->after->before = peer->before;
}

static void put_last(struct peers *p, struct peer *peer, int64_t since_ns)
{
	peer->since_ns = since_ns;
	peer->before = p->head.before;
	peer->after = &p->head;
	p->head.before->after = peer;
	p->head.before = peer;
}

bool peers_may(struct peers *p, const uint8_t address[16], bool exempt)
{
	bool may = true;

	if (!exempt) {
		pthread_mutex_lock(&p->lock);
		may = p->by_address[bucket_of(p, address)] < p->most;
		pthread_mutex_unlock(&p->lock);
	}
	return may;
}

struct peer *peers_opened(
    struct peers *p, int fd, const uint8_t address[16], bool exempt, int64_t now_ns)
{
	struct peer *peer = calloc(1, sizeof *peer);

	if (peer == NULL)
		return NULL;
	peer->fd = fd;
	peer->exempt = exempt;
	peer->bucket = bucket_of(p, address);
	pthread_mutex_lock(&p->lock);
	p->count++;
	if (!exempt)
		p->by_address[peer->bucket]++;
	put_last(p, peer, now_ns);
	pthread_mutex_unlock(&p->lock);
	return peer;
}

/* It keeps its place; whoever looks for old ones passes it over. */
void peers_busy(struct peers *p, struct peer *peer)
{
	if (peer == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	peer->since_ns = INT64_MAX;
	pthread_mutex_unlock(&p->lock);
}

void peers_completed(struct peers *p, struct peer *peer, int64_t now_ns)
{
	if (peer == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	take_out(peer);
	put_last(p, peer, now_ns);
	pthread_mutex_unlock(&p->lock);
}

void peers_closed(struct peers *p, struct peer *peer)
{
	if (peer == NULL)
		return;
	pthread_mutex_lock(&p->lock);
	take_out(peer);
	p->count--;
	if (!peer->exempt)
		p->by_address[peer->bucket]--;
	pthread_mutex_unlock(&p->lock);
	free(peer);
}

unsigned peers_cut(struct peers *p, int64_t before_ns)
{
	struct peer *peer, *after;
	unsigned cut = 0;

	pthread_mutex_lock(&p->lock);
	for (peer = p->head.after; peer != &p->head; peer = after) {
		after = peer->after;
		if (peer->since_ns == INT64_MAX)
			continue;
		if (peer->since_ns >= before_ns)
			break;
		/* Whoever serves it sees its end and closes it; until then it is not ours to. */
		shutdown(peer->fd, SHUT_RDWR);
		peer->since_ns = INT64_MAX;
		cut++;
	}
	pthread_mutex_unlock(&p->lock);
	return cut;
}

uint64_t peers_count(struct peers *p)
{
	uint64_t n;

	pthread_mutex_lock(&p->lock);
	n = p->count;
	pthread_mutex_unlock(&p->lock);
	return n;
}
