/* text_time - RFC 3339 and RFC 5322 to seconds, and back. Knows the Gregorian calendar and nothing
 * else. */
#include <stdio.h>
#include <time.h>

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

static bool day_exists(int64_t year, int64_t month, int64_t day)
{
	static const int8_t month_days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

	return day >= 1 && day <= month_days[month - 1] + (month == 2 && leap(year) ? 1 : 0);
}

bool text_time_parse(struct span text, int64_t *seconds_r)
{
	int64_t year, month, day, hour = 0, minute = 0, second = 0, offset = 0;
	char c;

	if (!take_number(&text, 4, 1970, 9999, &year) || !take_char(&text, "-", &c) ||
	    !take_number(&text, 2, 1, 12, &month) || !take_char(&text, "-", &c) ||
	    !take_number(&text, 2, 1, 31, &day))
		return false;
	if (!day_exists(year, month, day))
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

/* ---- RFC 5322 ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
static const char days[] = "SunMonTueWedThuFriSat";

/* Blanks, folds and comments; a comment that does not end leaves nothing. */
static void skip_between(struct span *s)
{
	unsigned depth = 0;

	while (s->n > 0) {
		char c = s->p[0];

		if (c == '(')
			depth++;
		else if (c == ')' && depth > 0)
			depth--;
		else if (depth == 0 && c != ' ' && c != '\t' && c != '\n' && c != '\r')
			return;
		else if (c == '\\' && depth > 0)
			*s = span_from(*s, 1);
		*s = span_from(*s, 1);
	}
}

static size_t find_word(const char *table, size_t count, struct span word)
{
	size_t i = 0;

	while (i < count && !span_eq_nocase(span_make(table + 3 * i, 3), word))
		i++;
	return i;
}

static struct span take_letters(struct span *s)
{
	struct span word = span_make(s->p, 0);

	skip_between(s);
	word.p = s->p;
	while (word.n < s->n && ascii_alpha(s->p[word.n]))
		word.n++;
	*s = span_from(*s, word.n);
	return word;
}

static bool take_digits(struct span *s, size_t least, size_t most, int64_t *value_r)
{
	uint64_t value;
	size_t n = 0;

	skip_between(s);
	while (n < s->n && ascii_digit(s->p[n]))
		n++;
	if (n < least || n > most || !span_u64(span_head(*s, n), &value))
		return false;
	*s = span_from(*s, n);
	*value_r = (int64_t)value;
	return true;
}

static bool take_mark(struct span *s, char mark)
{
	skip_between(s);
	if (s->n == 0 || s->p[0] != mark)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* "+0100"; of names only those that mean one thing (section 4.3), others stand for UTC. */
static bool take_zone(struct span *s, int64_t *offset_s)
{
	static const struct {
		char name[4];
		int8_t hours;
	} zones[] = { { "EDT", -4 }, { "EST", -5 }, { "CDT", -5 }, { "CST", -6 }, { "MDT", -6 },
		{ "MST", -7 }, { "PDT", -7 }, { "PST", -8 } };
	int64_t value, sign;
	struct span word;

	skip_between(s);
	if (s->n > 0 && (s->p[0] == '+' || s->p[0] == '-')) {
		sign = s->p[0] == '-' ? -1 : 1;
		*s = span_from(*s, 1);
		if (s->n == 0 || !ascii_digit(s->p[0]) || !take_digits(s, 4, 4, &value) ||
		    value % 100 > 59 || value / 100 > 23)
			return false;
		*offset_s = sign * (value / 100 * 60 + value % 100) * 60;
		return true;
	}
	word = take_letters(s);
	*offset_s = 0;
	for (size_t i = 0; i < sizeof zones / sizeof zones[0]; i++)
		if (span_eq_nocase(word, span_cstr(zones[i].name)))
			*offset_s = zones[i].hours * INT64_C(3600);
	return word.n > 0;
}

bool text_time_parse_mail(struct span text, int64_t *seconds_r)
{
	int64_t year, day, hour, minute, second = 0, offset;
	struct span word = take_letters(&text);
	size_t month, digits;

	if (word.n > 0 && (find_word(days, 7, word) == 7 || !take_mark(&text, ',')))
		return false;
	if (!take_digits(&text, 1, 2, &day))
		return false;
	month = find_word(months, 12, take_letters(&text)) + 1;
	skip_between(&text);
	digits = text.n;
	if (month > 12 || !take_digits(&text, 2, 4, &year))
		return false;
	digits -= text.n;
	if (digits < 4)
		year += digits == 3 || year >= 50 ? 1900 : 2000;
	if (!day_exists(year, (int64_t)month, day) || year < 1970 ||
	    !take_digits(&text, 1, 2, &hour) || hour > 23 || !take_mark(&text, ':') ||
	    !take_digits(&text, 1, 2, &minute) || minute > 59)
		return false;
	if (take_mark(&text, ':') && (!take_digits(&text, 1, 2, &second) || second > 60))
		return false;
	if (!take_zone(&text, &offset))
		return false;
	skip_between(&text);
	*seconds_r = days_from_civil(year, (int64_t)month, day) * 86400 + hour * 3600 +
		     minute * 60 + second - offset;
	return text.n == 0;
}

void text_time_put_mail(int64_t seconds, char out[TEXT_TIME_MAIL_MAX])
{
	time_t t = (time_t)seconds;
	struct tm parts = { 0 };

	gmtime_r(&t, &parts);
	snprintf(out, TEXT_TIME_MAIL_MAX, "%.3s, %02d %.3s %04d %02d:%02d:%02d +0000",
	    days + 3 * parts.tm_wday, parts.tm_mday, months + 3 * parts.tm_mon,
	    parts.tm_year + 1900, parts.tm_hour, parts.tm_min, parts.tm_sec);
}
