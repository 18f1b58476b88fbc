/* language - which of our languages a browser wants. Knows no pages. */
#include "language.h"

/* "0.8" in thousandths (RFC 9110 section 12.4.2); anything else weighs nothing. */
static unsigned parse_weight(struct span text)
{
	unsigned weight, unit = 100;

	if (text.n == 0 || text.n > 5 || (text.p[0] != '0' && text.p[0] != '1') ||
	    (text.n > 1 && text.p[1] != '.'))
		return 0;
	weight = text.p[0] == '1' ? 1000 : 0;
	for (size_t i = 2; i < text.n; i++, unit /= 10) {
		if (!ascii_digit(text.p[i]))
			return 0;
		weight += unit * (unsigned)(text.p[i] - '0');
	}
	return weight <= 1000 ? weight : 0;
}

/* Cuts "de-AT;q=0.8" into its range and its weight. */
static struct span parse_range(struct span text, unsigned *weight_r)
{
	struct span rest = text, range, parameter;

	*weight_r = 1000;
	if (!span_next(&rest, ';', &range))
		return SPAN("");
	while (span_next(&rest, ';', &parameter)) {
		parameter = span_trim(parameter);
		if (parameter.n > 2 && ascii_lower(parameter.p[0]) == 'q' &&
		    parameter.p[1] == '=')
			*weight_r = parse_weight(span_from(parameter, 2));
	}
	return span_trim(range);
}

/* The tag that a range finds, made shorter by a subtag each time; count when none. */
static size_t look_up(struct span range, const struct span *tags, size_t count)
{
	if (span_eq(range, SPAN("*")))
		return 0;
	while (range.n > 0) {
		for (size_t i = 0; i < count; i++)
			if (span_eq_nocase(range, tags[i]))
				return i;
		while (range.n > 0 && range.p[range.n - 1] != '-')
			range.n--;
		if (range.n > 0)
			range.n--;
	}
	return count;
}

size_t language_choose(struct span accept_language, const struct span *tags, size_t count)
{
	struct span rest = accept_language, piece;
	unsigned weight, best_weight = 0;
	size_t best = 0;

	for (unsigned n = 0; n < LANGUAGE_RANGES_MAX && span_next(&rest, ',', &piece); n++) {
		struct span range = parse_range(piece, &weight);
		size_t found = look_up(range, tags, count);

		if (found < count && weight > best_weight) {
			best = found;
			best_weight = weight;
		}
	}
	return best;
}
