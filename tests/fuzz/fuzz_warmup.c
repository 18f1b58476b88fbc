/* fuzz_warmup - any octets as a file of plans: what is read keeps its bounds, and whatever days bring,
 * a plan stays within its days. */
#include <stdlib.h>

#include "quantity.h"
#include "warmup.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                        \
	do {                                                                                   \
		if (!(condition))                                                              \
			abort();                                                               \
	} while (0)

static void check_budgets(const struct warmup_plan *p)
{
	uint64_t before = 0;

	for (unsigned day = 0; day <= p->day_count + 1; day++) {
		uint64_t budget = warmup_day_budget(p, day, SPAN("google"));
		uint64_t hour = warmup_hour_budget(p, budget);

		MUST(budget >= before && budget >= 1 && budget <= WARMUP_DAY_MOST);
		MUST(hour >= 1 && hour <= budget);
		before = budget;
	}
}

/* The octets are what became of days, too. */
static void check_days(const struct warmup_plan *p, const uint8_t *data, size_t size)
{
	struct warmup_progress at = warmup_begin(data[0], 20000);

	for (size_t i = 0; i + 6 < size && i < 6000; i += 6) {
		const struct warmup_day d = { data[i], data[i + 1], data[i + 2], data[i + 3],
			data[i + 4] & 1, data[i + 5] & 3 };
		int64_t before = at.judged;

		warmup_judge(p, SPAN("google"), &d, &at);
		MUST(at.judged == before + 1);
		MUST(at.day >= 1 && (at.day <= p->day_count || at.day <= data[0]));
		MUST(at.state < WARMUP_STATES && at.reason < WARMUP_REASONS);
		if (at.state == WARMUP_PAUSED)
			at.state = WARMUP_ACTIVE;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct warmup_plans *plans = NULL;
	char error[256];
	enum err e = warmup_parse(
	    span_make((const char *)data, size), "file", &plans, error, sizeof error);

	MUST((e == ERR_OK) == (plans != NULL));
	for (size_t i = 0; i < warmup_count(plans); i++) {
		const struct warmup_plan *p = warmup_at(plans, i);

		MUST(p->day_count >= 1 && p->day_count <= WARMUP_DAYS_MAX);
		MUST(warmup_find(plans, span_cstr(p->id)) == p);
		for (size_t k = 0; k < WARMUP_SHARES; k++)
			MUST(p->hold[k] <= p->back[k] &&
			     p->back[k] <= 101 * (QUANTITY_WHOLE / 100));
		check_budgets(p);
		check_days(p, data, size);
	}
	warmup_free(&plans);
	return 0;
}
