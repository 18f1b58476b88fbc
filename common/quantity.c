/* quantity - texts with units to numbers. Knows no key and no file. */
#include "quantity.h"

#define SECONDS_A_DAY 86400

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit count_units[] = {
	{ "", 1 },
	{ "k", UINT64_C(1000) },
	{ "M", UINT64_C(1000000) },
	{ "G", UINT64_C(1000000000) },
	{ "T", UINT64_C(1000000000000) },
	{ "Ki", UINT64_C(1) << 10 },
	{ "Mi", UINT64_C(1) << 20 },
	{ "Gi", UINT64_C(1) << 30 },
	{ "Ti", UINT64_C(1) << 40 },
};

/* No "": a duration without its unit is a guess. */
static const struct unit duration_units[] = {
	{ "s", 1 },
	{ "m", 60 },
	{ "h", 3600 },
	{ "d", SECONDS_A_DAY },
	{ "w", 7 * SECONDS_A_DAY },
};

static const struct unit rate_periods[] = {
	{ "s", 1 },
	{ "m", 60 },
	{ "min", 60 },
	{ "h", 3600 },
	{ "hour", 3600 },
	{ "d", SECONDS_A_DAY },
	{ "day", SECONDS_A_DAY },
};

static const struct unit windows[] = {
	{ "h", WINDOW_HOUR },
	{ "hour", WINDOW_HOUR },
	{ "d", WINDOW_DAY },
	{ "day", WINDOW_DAY },
	{ "month", WINDOW_MONTH },
	{ "cycle", WINDOW_CYCLE },
};

static bool find_unit(
    const struct unit *table, size_t count, struct span name, uint64_t *factor_r)
{
	for (size_t i = 0; i < count; i++)
		if (span_eq(name, span_cstr(table[i].name))) {
			*factor_r = table[i].factor;
			return true;
		}
	return false;
}

/* "12Mi" with one of the table's units; the product must fit. */
static bool number_with_unit(
    struct span text, const struct unit *table, size_t count, uint64_t *value_r)
{
	uint64_t number, factor;
	size_t digits = 0;

	while (digits < text.n && ascii_digit(text.p[digits]))
		digits++;
	if (!span_u64(span_head(text, digits), &number) ||
	    !find_unit(table, count, span_from(text, digits), &factor))
		return false;
	return !__builtin_mul_overflow(number, factor, value_r);
}

bool quantity_count(struct span text, uint64_t *value_r)
{
	uint64_t value;

	if (!number_with_unit(text, count_units, ARRAY_SIZE(count_units), &value))
		return false;
	*value_r = value;
	return true;
}

bool quantity_duration(struct span text, int64_t *seconds_r)
{
	uint64_t value;

	if (!number_with_unit(text, duration_units, ARRAY_SIZE(duration_units), &value) ||
	    value > INT64_MAX / NS_PER_S)
		return false;
	*seconds_r = (int64_t)value;
	return true;
}

bool quantity_percent(struct span text, uint32_t *parts_r)
{
	struct span rest = text, whole;
	uint64_t a, b = 0;

	if (!span_next(&rest, '.', &whole) || !span_u64(whole, &a) || a > 100 || rest.n > 4 ||
	    (rest.n > 0 && !span_u64(rest, &b)))
		return false;
	for (size_t i = rest.n; i < 4; i++)
		b *= 10;
	*parts_r = (uint32_t)(a * (QUANTITY_WHOLE / 100) + b);
	return true;
}

/* Splits "AMOUNT/PERIOD"; factor_r is what the table says of the period. */
static bool amount_a_period(struct span text, const struct unit *table, size_t count,
    uint64_t *amount_r, uint64_t *factor_r)
{
	size_t slash = span_find(text, '/', 0);

	return slash < text.n && quantity_count(span_head(text, slash), amount_r) &&
	       find_unit(table, count, span_from(text, slash + 1), factor_r);
}

bool quantity_window(struct span text, uint64_t *amount_r, enum window_kind *kind_r)
{
	uint64_t amount, kind;

	if (!amount_a_period(text, windows, ARRAY_SIZE(windows), &amount, &kind))
		return false;
	*amount_r = amount;
	*kind_r = (enum window_kind)kind;
	return true;
}

bool quantity_rate(struct span text, struct rate_limit *limit_r, uint64_t *amount_r)
{
	size_t blank = span_find(text, ' ', 0);
	struct span more = span_trim(span_from(text, blank));
	struct span word = SPAN("burst ");
	uint64_t amount, period_s, burst = 0;
	struct rate_limit limit;

	if (!amount_a_period(span_head(text, blank), rate_periods, ARRAY_SIZE(rate_periods),
		&amount, &period_s))
		return false;
	if (blank < text.n) {
		if (!span_starts(more, word) ||
		    !quantity_count(span_trim(span_from(more, word.n)), &burst) || burst == 0)
			return false;
	}
	if (!rate_limit_make(amount, (int64_t)period_s * NS_PER_S, burst, &limit))
		return false;
	*limit_r = limit;
	*amount_r = amount;
	return true;
}
