/* x_track - one header field. Knows no message. */
#include "x_track.h"

static bool read_mode(struct span text, enum tracking *mode_r)
{
	static const struct {
		const char *text;
		enum tracking mode;
	} words[] = {
		{ "off", TRACKING_OFF },
		{ "0", TRACKING_OFF },
		{ "agg", TRACKING_AGGREGATE },
		{ "aggregate", TRACKING_AGGREGATE },
		{ "ind", TRACKING_INDIVIDUAL },
		{ "individual", TRACKING_INDIVIDUAL },
		{ "1", TRACKING_INDIVIDUAL },
	};

	for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
		if (span_eq_nocase(text, span_cstr(words[i].text))) {
			*mode_r = words[i].mode;
			return true;
		}
	}
	return false;
}

static bool lower(struct span value, struct x_track *io)
{
	struct span piece;

	while (span_next(&value, ';', &piece)) {
		size_t equals = span_find(piece, '=', 0);
		struct span name = span_trim(span_head(piece, equals));
		enum tracking mode, *which;

		if (span_trim(piece).n == 0)
			continue;
		if (span_eq_nocase(name, SPAN("click")))
			which = &io->clicks;
		else if (span_eq_nocase(name, SPAN("open")))
			which = &io->opens;
		else
			return false;
		if (!read_mode(span_trim(span_from(piece, equals + 1)), &mode))
			return false;
		if (mode < *which)
			*which = mode;
	}
	return true;
}

bool x_track_lower(struct span value, struct x_track *io)
{
	if (lower(value, io))
		return true;
	*io = (struct x_track){ TRACKING_OFF, TRACKING_OFF };
	return false;
}
