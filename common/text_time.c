/* text_time - RFC 3339 to seconds. Knows the Gregorian calendar and nothing else. */
#include "text_time.h"

static bool take_number(
    struct span *s, size_t digits, int64_t low, int64_t high, int64_t *value_r)
{
	uint64_t v;

	if (s->n < digits || !span_u64(span_head(*s, digits), &v))
		return false;
	*s = span_from(*s, digits);
	*value_r = (int64_t)v;
	return *value_r >= low && *value_r <= high;
}

static bool take_char(struct span *s, const char *set, char *c_r)
{
	if (s->n == 0 || s->p[0] == '\0' || strchr(set, s->p[0]) == NULL)
		return false;
	*c_r = s->p[0];
	*s = span_from(*s, 1);
	return true;
}

static bool leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* Days since 1970-01-01 of a date in the proleptic Gregorian calendar. */
static int64_t days_from_civil(int64_t year, int64_t month, int64_t day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = y / 400, of_era = y - era * 400;
	int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static bool take_offset(struct span *s, int64_t *offset_s)
{
	int64_t hours, minutes;
	char sign;

	*offset_s = 0;
	if (!take_char(s, "Zz+-", &sign))
		return false;
	if (sign == 'Z' || sign == 'z')
		return true;
	if (!take_number(s, 2, 0, 23, &hours) || !take_char(s, ":", &(char){ 0 }) ||
	    !take_number(s, 2, 0, 59, &minutes))
		return false;
	*offset_s = (hours * 60 + minutes) * 60 * (sign == '-' ? -1 : 1);
	return true;
}

bool text_time_parse(struct span text, int64_t *seconds_r)
{
	static const int8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0;
	char c;

	if (!take_number(&text, 4, 1970, 9999, &year) || !take_char(&text, "-", &c) ||
	    !take_number(&text, 2, 1, 12, &month) || !take_char(&text, "-", &c) ||
	    !take_number(&text, 2, 1, 31, &day))
		return false;
	if (day > month_days[month - 1] + (month == 2 && leap(year) ? 1 : 0))
		return false;
	if (text.n > 0) {
		if (!take_char(&text, "Tt ", &c) || !take_number(&text, 2, 0, 23, &hour) ||
		    !take_char(&text, ":", &c) || !take_number(&text, 2, 0, 59, &minute) ||
		    !take_char(&text, ":", &c) || !take_number(&text, 2, 0, 60, &second))
			return false;
		if (text.n > 0 && text.p[0] == '.') {
			text = span_from(text, 1);
			if (text.n == 0 || !ascii_digit(text.p[0]))
				return false;
			while (text.n > 0 && ascii_digit(text.p[0]))
				text = span_from(text, 1);
		}
		if (!take_offset(&text, &offset) || text.n != 0)
			return false;
	}
	*seconds_r = days_from_civil(year, month, day) * 86400 + hour * 3600 + minute * 60 +
		     second - offset;
	return true;
}
