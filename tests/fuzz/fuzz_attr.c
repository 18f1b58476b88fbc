/* fuzz_attr - any bytes as a request. Oracles: a cut does not change the verdict, what is found
 * lies inside the input, and what attr_put writes is read back the same. */
#include <stdlib.h>

#include "attr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static const struct attr_limits tight = { .line = 24, .request = 96, .count = 5 };

static void check_inside(struct span all, size_t used, const struct attr_request *r)
{
	size_t at = 0;

	for (size_t i = 0; i < r->count; i++) {
		struct span name = r->at[i].name, value = r->at[i].value;

		MUST(name.n > 0 && name.p == all.p + at && name.p[name.n] == '=');
		MUST(value.p == name.p + name.n + 1);
		at += name.n + 1 + value.n;
		MUST(at < all.n && all.p[at++] == '\n');
	}
	MUST(at + 1 == used && all.p[at] == '\n');
}

static void check_round_trip(struct span all, size_t used, const struct attr_request *r)
{
	struct buf out = BUF_INIT(1 << 21);

	for (size_t i = 0; i < r->count; i++) {
		char *name = strndup(r->at[i].name.p, r->at[i].name.n);

		MUST(name != NULL);
		attr_put(&out, name, r->at[i].value);
		free(name);
	}
	attr_end(&out);
	MUST(buf_ok(&out) && span_eq(buf_span(&out), span_head(all, used)));
	buf_free(&out);
}

static void check(struct span all, const struct attr_limits *limits)
{
	struct attr_request whole, part;
	size_t used, part_used, step = all.n / 256 + 1;
	enum attr_result result = attr_scan(all, limits, &whole, &used);

	MUST(whole.count <= limits->count && used <= limits->request);
	if (result == ATTR_COMPLETE) {
		check_inside(all, used, &whole);
		check_round_trip(all, used, &whole);
	} else {
		MUST(used == 0);
	}
	for (size_t n = 0; n < all.n; n += step) {
		enum attr_result r = attr_scan(span_head(all, n), limits, &part, &part_used);

		MUST(r == ATTR_MORE || (r == result && part_used == used));
		MUST(r == ATTR_MORE || result != ATTR_COMPLETE || n >= used);
		MUST(r != ATTR_MORE || result != ATTR_COMPLETE || n < used);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct span all = { (const char *)data, size };

	check(all, &tight);
	check(all, &attr_limits_policy);
	check(all, &attr_limits_control);
	return 0;
}
