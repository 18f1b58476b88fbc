/* log_line - time stamp, service, queue id, and the words of a few services. */
#include "log_line.h"

#define STAMP_AHEAD_S 86400 /* clocks and zones may differ by that much */

/* ---- time ---- */

static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* Days since 1970 of a date of the Gregorian calendar. */
static int64_t days_of(int64_t year, unsigned month, unsigned day)
{
	int64_t y = month <= 2 ? year - 1 : year;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	int64_t year_of_era = y - era * 400;
	int64_t day_of_year = (153 * ((int64_t)month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;

	return era * 146097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 +
	       day_of_year - 719468;
}

static int64_t year_of(int64_t time_s)
{
	int64_t days = time_s / 86400, year = 1970 + days / 366;

	while (days_of(year + 1, 1, 1) <= days)
		year++;
	return year;
}

/* n digits at at; a leading blank counts as zero. */
static bool take_number(struct span s, size_t at, size_t n, unsigned *value_r)
{
	unsigned value = 0;

	if (s.n < at + n)
		return false;
	for (size_t i = at; i < at + n; i++) {
		if (s.p[i] == ' ' && i == at && n == 2)
			continue;
		if (!ascii_digit(s.p[i]))
			return false;
		value = value * 10 + (unsigned)(s.p[i] - '0');
	}
	*value_r = value;
	return true;
}

static bool take_clock(struct span s, size_t at, int64_t *seconds_r)
{
	unsigned hour, minute, second;

	if (!take_number(s, at, 2, &hour) || !take_number(s, at + 3, 2, &minute) ||
	    !take_number(s, at + 6, 2, &second) || s.p[at + 2] != ':' || s.p[at + 5] != ':' ||
	    hour > 23 || minute > 59 || second > 60)
		return false;
	*seconds_r = (int64_t)hour * 3600 + minute * 60 + second;
	return true;
}

static int64_t to_utc(const struct log_clock *clock, int64_t local_s)
{
	return clock->offset != NULL ? local_s - clock->offset(clock->context, local_s)
				     : local_s;
}

/* "Nov 22 10:11:12 " */
static bool take_short_stamp(struct span *s, const struct log_clock *clock, int64_t *time_r)
{
	unsigned day, month = 0;
	int64_t seconds, year = year_of(clock->now_s) + 1;

	for (unsigned i = 0; i < 12 && s->n >= 3; i++)
		if (memcmp(months + (size_t)3 * i, s->p, 3) == 0)
			month = i + 1;
	if (month == 0 || s->n < 16 || s->p[3] != ' ' || s->p[6] != ' ' || s->p[15] != ' ' ||
	    !take_number(*s, 4, 2, &day) || day == 0 || day > 31 ||
	    !take_clock(*s, 7, &seconds))
		return false;
	do {
		*time_r = to_utc(clock, days_of(year--, month, day) * 86400 + seconds);
	} while (*time_r > clock->now_s + STAMP_AHEAD_S);
	*s = span_from(*s, 16);
	return true;
}

/* "2026-11-22T10:11:12[.123456](Z|+01:00) " */
static bool take_long_stamp(struct span *s, int64_t *time_r)
{
	unsigned year, month, day, hours = 0, minutes = 0;
	int64_t seconds, offset;
	size_t at = 19;

	if (!take_number(*s, 0, 4, &year) || !take_number(*s, 5, 2, &month) ||
	    !take_number(*s, 8, 2, &day) || s->p[4] != '-' || s->p[7] != '-' || year < 1970 ||
	    month == 0 || month > 12 || day == 0 || day > 31 || s->n < 21 ||
	    (s->p[10] != 'T' && s->p[10] != ' ') || !take_clock(*s, 11, &seconds))
		return false;
	if (s->p[at] == '.' || s->p[at] == ',')
		for (at++; at < s->n && ascii_digit(s->p[at]);)
			at++;
	if (at >= s->n)
		return false;
	offset = s->p[at] == '-' ? -1 : 1;
	if (s->p[at] == 'Z') {
		at++;
	} else if (s->p[at] == '+' || s->p[at] == '-') {
		size_t colon = at + 3 < s->n && s->p[at + 3] == ':';

		if (!take_number(*s, at + 1, 2, &hours) ||
		    !take_number(*s, at + 3 + colon, 2, &minutes))
			return false;
		at += 5 + colon;
	}
	if (at >= s->n || s->p[at] != ' ')
		return false;
	*time_r = days_of(year, month, day) * 86400 + seconds -
		  offset * ((int64_t)hours * 3600 + minutes * 60);
	*s = span_from(*s, at + 1);
	return true;
}

/* ---- head ---- */

static bool is_alnum(char c)
{
	return ascii_alpha(c) || ascii_digit(c);
}

/* "host name/service[123]: "; the name may hold slashes (syslog_name). */
static bool take_service(struct span *s, struct span *service_r)
{
	size_t blank = span_find(*s, ' ', 0), end, bracket, slash = 0;
	struct span name;

	if (blank == s->n)
		return false;
	*s = span_from(*s, blank + 1);
	end = span_find(*s, ' ', 0);
	if (end < 3 || end == s->n || s->p[end - 1] != ':' || s->p[end - 2] != ']')
		return false;
	name = span_head(*s, end);
	bracket = span_find(name, '[', 0);
	if (bracket == name.n)
		return false;
	name = span_head(name, bracket);
	for (size_t i = 0; i < name.n; i++)
		if (name.p[i] == '/')
			slash = i + 1;
	*service_r = span_from(name, slash);
	*s = span_from(*s, end + 1);
	return slash > 0;
}

/* "QUEUEID: "; long ones have capitals and small letters without vowels, short ones are
 * hexadecimal. */
static bool take_queue_id(struct span *s, struct span *id_r)
{
	size_t n = 0;

	while (n < s->n && n < 32 && is_alnum(s->p[n]))
		n++;
	if (n < 6 || n + 1 >= s->n || s->p[n] != ':' || s->p[n + 1] != ' ' ||
	    span_starts(*s, SPAN("NOQUEUE")))
		return false;
	*id_r = span_head(*s, n);
	*s = span_from(*s, n + 2);
	return true;
}

/* ---- "key=value, key=value" ---- */

/* "<address>": a quoted local part may hold anything, also what looks like our delimiters. */
static bool take_address(struct span *s, struct span *address_r)
{
	size_t i = 1;

	if (s->n < 2 || s->p[0] != '<')
		return false;
	if (s->p[i] == '"') {
		for (i++; i < s->n && s->p[i] != '"'; i++)
			i += s->p[i] == '\\';
		if (i >= s->n)
			return false;
	}
	i = span_find(*s, '>', i);
	if (i >= s->n)
		return false;
	*address_r = span_head(span_from(*s, 1), i - 1);
	*s = span_from(*s, i + 1);
	return true;
}

static bool take_key(struct span *s, struct span key)
{
	if (!span_starts(*s, key))
		return false;
	*s = span_from(*s, key.n);
	return true;
}

/* Up to the next ", ", which goes, too. */
static struct span take_value(struct span *s)
{
	size_t n = 0;
	struct span value;

	while (n < s->n && !(s->p[n] == ',' && n + 1 < s->n && s->p[n + 1] == ' '))
		n++;
	value = span_head(*s, n);
	*s = span_from(*s, n + 2);
	return value;
}

/* "host[address]:port" */
static void read_host(struct span value, struct span *host_r, struct span *address_r)
{
	size_t open = span_find(value, '[', 0), close = span_find(value, ']', open);

	*host_r = span_head(value, open);
	*address_r = close < value.n ? span_head(span_from(value, open + 1), close - open - 1)
				     : SPAN("");
}

static const struct {
	struct span word;
	enum delivery_status status;
} statuses[] = {
	{ { "sent", 4 }, DELIVERY_SENT },
	{ { "deferred", 8 }, DELIVERY_DEFERRED },
	{ { "bounced", 7 }, DELIVERY_BOUNCED },
	{ { "expired", 7 }, DELIVERY_EXPIRED },
};

/* "WORD (text)"; anything may stand in the text, so its end is the line's. */
static bool read_status(struct span s, struct log_line *l)
{
	size_t blank = span_find(s, ' ', 0);
	struct span word = span_head(s, blank), text = span_from(s, blank + 1);

	for (size_t i = 0; i < ARRAY_SIZE(statuses); i++)
		if (span_eq(word, statuses[i].word)) {
			l->status = statuses[i].status;
			if (text.n >= 2 && text.p[0] == '(')
				text = span_from(text, 1);
			if (text.n > 0 && text.p[text.n - 1] == ')')
				text.n--;
			l->text = text;
			return true;
		}
	return false;
}

/* smtp, lmtp, error, retry, pipe, local, virtual, discard: "to=<..>, [orig_to=<..>, ]relay=..". */
static bool read_delivery(struct span s, struct log_line *l)
{
	struct span original;

	if (!take_key(&s, SPAN("to=")) || !take_address(&s, &l->recipient) ||
	    !take_key(&s, SPAN(", ")))
		return false;
	if (take_key(&s, SPAN("orig_to=")) &&
	    (!take_address(&s, &original) || !take_key(&s, SPAN(", "))))
		return false;
	if (!take_key(&s, SPAN("relay=")))
		return false;
	read_host(take_value(&s), &l->relay_host, &l->relay_address);
	while (s.n > 0) {
		if (take_key(&s, SPAN("status=")))
			return read_status(s, l);
		if (take_key(&s, SPAN("dsn=")))
			l->dsn = take_value(&s);
		else
			(void)take_value(&s);
	}
	return false;
}

/* qmgr: "from=<..>, size=1, nrcpt=2 (queue active)", "from=<..>, status=expired, ..", "removed" */
static bool read_qmgr(struct span s, struct log_line *l)
{
	l->kind = LOG_LINE_REMOVED;
	if (span_eq(s, SPAN("removed")))
		return true;
	/* The queue manager itself writes for a recipient whose transport is down or unknown. */
	l->kind = LOG_LINE_DELIVERY;
	if (span_starts(s, SPAN("to=")))
		return read_delivery(s, l);
	l->kind = LOG_LINE_SENDER;
	if (!take_key(&s, SPAN("from=")) || !take_address(&s, &l->sender) ||
	    !take_key(&s, SPAN(", ")))
		return false;
	while (s.n > 0) {
		struct span value;

		if (take_key(&s, SPAN("nrcpt="))) {
			value = take_value(&s);
			return span_u64(
			    span_head(value, span_find(value, ' ', 0)), &l->recipients);
		}
		(void)take_value(&s);
	}
	return false;
}

/* smtpd: "client=host[address], sasl_method=.., sasl_username=.., sasl_sender=.." */
static bool read_client(struct span s, struct log_line *l)
{
	struct span host;

	l->kind = LOG_LINE_CLIENT;
	if (!take_key(&s, SPAN("client=")))
		return false;
	read_host(take_value(&s), &host, &l->client_address);
	while (s.n > 0) {
		if (take_key(&s, SPAN("sasl_username=")))
			l->login = take_value(&s);
		else
			(void)take_value(&s);
	}
	return true;
}

/* pickup: "uid=1000 from=<..>[ orig_id=..]" */
static bool read_pickup(struct span s, struct log_line *l)
{
	size_t blank = span_find(s, ' ', 0);

	l->kind = LOG_LINE_PICKUP;
	if (!span_starts(s, SPAN("uid=")))
		return false;
	s = span_from(s, blank + 1);
	if (!take_key(&s, SPAN("from=")) || !take_address(&s, &l->sender))
		return false;
	if (take_key(&s, SPAN(" orig_id=")))
		l->previous = s;
	return true;
}

static const struct {
	struct span service;
	bool (*read)(struct span s, struct log_line *l);
} services[] = {
	{ { "qmgr", 4 }, read_qmgr },
	{ { "smtpd", 5 }, read_client },
	{ { "pickup", 6 }, read_pickup },
};

bool log_line_read(struct span line, const struct log_clock *clock, struct log_line *l)
{
	struct span s = span_head(line, LOG_LINE_MAX);
	bool good;

	*l = (struct log_line){ .kind = LOG_LINE_OTHER };
	if (!take_long_stamp(&s, &l->time_s) && !take_short_stamp(&s, clock, &l->time_s))
		return false;
	if (!take_service(&s, &l->service))
		return false;
	if (!take_queue_id(&s, &l->queue_id))
		return true; /* a line without a message */
	for (size_t i = 0; i < ARRAY_SIZE(services); i++)
		if (span_eq(l->service, services[i].service)) {
			good = services[i].read(s, l);
			if (!good)
				l->kind = LOG_LINE_OTHER;
			return true;
		}
	/* A delivery agent's service may have any name (one a source). */
	if (read_delivery(s, l))
		l->kind = LOG_LINE_DELIVERY;
	return true;
}
