/* zone_tzif - the bytes of a time zone file (RFC 8536) and its POSIX TZ rule. Knows no
 * calendar. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zone_data.h"

#define ZONE_DIRECTORY  "/usr/share/zoneinfo"
#define FILE_OCTETS_MAX (128 * 1024)
#define NAME_MAX_OCTETS 100
#define HEADER_OCTETS   44
#define CHANGES_MAX     8192

/* ---- POSIX TZ ---- */

/* Decimal number up to max at the front of *s; consumes it. */
static bool take_number(struct span *s, int max, int *number_r)
{
	int n = 0;
	size_t i = 0;

	for (; i < s->n && ascii_digit(s->p[i]); i++) {
		n = n * 10 + (s->p[i] - '0');
		if (n > max)
			return false;
	}
	if (i == 0)
		return false;
	*s = span_from(*s, i);
	*number_r = n;
	return true;
}

static bool take_char(struct span *s, char c)
{
	if (s->n == 0 || s->p[0] != c)
		return false;
	*s = span_from(*s, 1);
	return true;
}

/* [+-]hh[:mm[:ss]] */
static bool take_time(struct span *s, int hours_max, int32_t *seconds_r)
{
	int h, m = 0, sec = 0;
	bool minus = take_char(s, '-');

	if (!minus)
		(void)take_char(s, '+');
	if (!take_number(s, hours_max, &h))
		return false;
	if (take_char(s, ':')) {
		if (!take_number(s, 59, &m))
			return false;
		if (take_char(s, ':') && !take_number(s, 59, &sec))
			return false;
	}
	*seconds_r = (h * 60 + m) * 60 + sec;
	if (minus)
		*seconds_r = -*seconds_r;
	return true;
}

/* "CET" or "<+0330>"; what it says does not matter. */
static bool take_abbreviation(struct span *s)
{
	size_t n = 0;

	if (take_char(s, '<')) {
		n = span_find(*s, '>', 0);
		if (n == 0 || n >= s->n)
			return false;
		*s = span_from(*s, n + 1);
		return true;
	}
	while (n < s->n && ascii_alpha(s->p[n]))
		n++;
	*s = span_from(*s, n);
	return n >= 3;
}

static bool take_rule_day(struct span *s, struct zone_rule_day *day_r)
{
	struct zone_rule_day d = { .form = ZONE_RULE_DAY, .time_s = 2 * 3600 };

	if (take_char(s, 'M')) {
		d.form = ZONE_RULE_WEEK;
		if (!take_number(s, 12, &d.month) || d.month < 1 || !take_char(s, '.') ||
		    !take_number(s, 5, &d.week) || d.week < 1 || !take_char(s, '.') ||
		    !take_number(s, 6, &d.day))
			return false;
	} else if (take_char(s, 'J')) {
		d.form = ZONE_RULE_JULIAN;
		if (!take_number(s, 365, &d.day) || d.day < 1)
			return false;
	} else if (!take_number(s, 365, &d.day)) {
		return false;
	}
	if (take_char(s, '/') && !take_time(s, 167, &d.time_s))
		return false;
	*day_r = d;
	return true;
}

/* "CET-1CEST,M3.5.0,M10.5.0/3". Signs there are west of Greenwich. */
static bool parse_rule(struct span s, struct zone_rule *rule_r)
{
	struct zone_rule r = { .has_dst = false };
	int32_t west;

	if (!take_abbreviation(&s) || !take_time(&s, 24, &west))
		return false;
	r.std_s = -west;
	if (s.n > 0) {
		r.has_dst = true;
		r.dst_s = r.std_s + 3600;
		if (!take_abbreviation(&s))
			return false;
		if (s.n > 0 && s.p[0] != ',') {
			if (!take_time(&s, 24, &west))
				return false;
			r.dst_s = -west;
		}
		if (!take_char(&s, ',') || !take_rule_day(&s, &r.start) ||
		    !take_char(&s, ',') || !take_rule_day(&s, &r.end) || s.n > 0)
			return false;
	}
	*rule_r = r;
	return true;
}

/* ---- TZif ---- */

struct header {
	char version;
	uint32_t isut, isstd, leap, time, type, chars;
};

static uint32_t get32(const char *p)
{
	const unsigned char *u = (const unsigned char *)p;

	return (uint32_t)u[0] << 24 | (uint32_t)u[1] << 16 | (uint32_t)u[2] << 8 | u[3];
}

/* width 4 or 8; two's complement, big endian. */
static int64_t get_time(const char *p, size_t width)
{
	if (width == 4)
		return (int32_t)get32(p);
	return (int64_t)((uint64_t)get32(p) << 32 | get32(p + 4));
}

static enum err parse_header(struct span bytes, struct header *h)
{
	if (bytes.n < HEADER_OCTETS || memcmp(bytes.p, "TZif", 4) != 0)
		return ERR_SYNTAX;
	h->version = bytes.p[4];
	if (h->version != '\0' && h->version < '2')
		return ERR_VERSION;
	h->isut = get32(bytes.p + 20);
	h->isstd = get32(bytes.p + 24);
	h->leap = get32(bytes.p + 28);
	h->time = get32(bytes.p + 32);
	h->type = get32(bytes.p + 36);
	h->chars = get32(bytes.p + 40);
	if (h->time > CHANGES_MAX || h->type == 0 || h->type > 256 || h->chars > 4096 ||
	    h->isut > h->type || h->isstd > h->type || h->leap > 4096)
		return ERR_SYNTAX;
	return ERR_OK;
}

static size_t block_octets(const struct header *h, size_t width)
{
	return h->time * (width + 1) + h->type * 6 + h->chars + h->leap * (width + 4) +
	       h->isstd + h->isut;
}

/* Offset of local time type i. */
static bool type_offset(const char *types, const struct header *h, uint32_t i, int32_t *r)
{
	int32_t offset;

	if (i >= h->type)
		return false;
	offset = (int32_t)get32(types + (size_t)6 * i);
	*r = offset;
	return offset >= -ZONE_OFFSET_MAX && offset <= ZONE_OFFSET_MAX;
}

/* Changes that keep the offset (a new abbreviation) are left out. */
static enum err parse_block(const char *p, const struct header *h, size_t width, struct zone *z)
{
	const char *indexes = p + h->time * width, *types = indexes + h->time;
	int64_t last = INT64_MIN;
	int32_t offset;

	if (!type_offset(types, h, 0, &z->first_s))
		return ERR_SYNTAX;
	z->at_s = calloc((size_t)h->time + 1, sizeof *z->at_s);
	z->offset_s = calloc((size_t)h->time + 1, sizeof *z->offset_s);
	if (z->at_s == NULL || z->offset_s == NULL)
		return ERR_NOMEM;
	offset = z->first_s;
	for (uint32_t i = 0; i < h->time; i++) {
		int64_t at = get_time(p + i * width, width);
		int32_t before = offset;

		if ((i > 0 && at <= last) ||
		    !type_offset(types, h, (unsigned char)indexes[i], &offset))
			return ERR_SYNTAX;
		last = at;
		/* The last one is kept in any case: the rule holds after it, not before. */
		if (offset == before && i + 1 < h->time)
			continue;
		z->at_s[z->count] = at;
		z->offset_s[z->count++] = offset;
	}
	return ERR_OK;
}

static enum err parse_footer(struct span s, struct zone *z)
{
	size_t end;

	if (s.n < 2 || s.p[0] != '\n')
		return ERR_SYNTAX;
	end = span_find(s, '\n', 1);
	if (end >= s.n)
		return ERR_SYNTAX;
	s = span_make(s.p + 1, end - 1);
	if (s.n == 0) /* no rule: the last change holds for ever */
		return ERR_OK;
	z->has_rule = parse_rule(s, &z->rule);
	return z->has_rule ? ERR_OK : ERR_SYNTAX;
}

static enum err parse_file(struct span bytes, struct zone *z)
{
	struct header h;
	size_t width = 4;
	enum err e = parse_header(bytes, &h);

	if (e == ERR_OK && h.version != '\0') {
		/* A second, 64-bit block follows the one for old readers. */
		bytes = span_from(bytes, HEADER_OCTETS + block_octets(&h, 4));
		width = 8;
		e = parse_header(bytes, &h);
	}
	if (e != ERR_OK)
		return e;
	bytes = span_from(bytes, HEADER_OCTETS);
	if (bytes.n < block_octets(&h, width))
		return ERR_SYNTAX;
	if (h.leap > 0) /* "right/" zones do not count Unix time */
		return ERR_VERSION;
	e = parse_block(bytes.p, &h, width, z);
	if (e == ERR_OK && width == 8)
		e = parse_footer(span_from(bytes, block_octets(&h, width)), z);
	return e;
}

enum err zone_parse(struct span bytes, struct zone **zone_r)
{
	struct zone *z = calloc(1, sizeof *z);
	enum err e;

	*zone_r = NULL;
	if (z == NULL)
		return ERR_NOMEM;
	e = parse_file(bytes, z);
	if (e == ERR_OK)
		*zone_r = z;
	else
		zone_free(&z);
	return e;
}

static bool zone_name_ok(struct span name)
{
	if (name.n == 0 || name.n > NAME_MAX_OCTETS || name.p[0] == '/')
		return false;
	for (size_t i = 0; i < name.n; i++)
		if (!ascii_alpha(name.p[i]) && !ascii_digit(name.p[i]) &&
		    (name.p[i] == '\0' || strchr("_+/-", name.p[i]) == NULL))
			return false;
	return true;
}

static enum err read_zone_file(int fd, struct zone **zone_r)
{
	struct stat st;
	char *bytes = NULL;
	size_t n = 0;
	ssize_t got;
	enum err e = ERR_SYNTAX;

	if (fstat(fd, &st) != 0)
		return err_from_errno(errno);
	if (!S_ISREG(st.st_mode))
		return ERR_SYNTAX;
	if (st.st_size > FILE_OCTETS_MAX)
		return ERR_TOOBIG;
	bytes = malloc(FILE_OCTETS_MAX);
	if (bytes == NULL)
		return ERR_NOMEM;
	while (n < FILE_OCTETS_MAX) {
		got = read(fd, bytes + n, FILE_OCTETS_MAX - n);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0) {
			e = err_from_errno(errno);
			goto out;
		}
		if (got == 0)
			break;
		n += (size_t)got;
	}
	e = zone_parse(span_make(bytes, n), zone_r);
out:
	free(bytes);
	return e;
}

enum err zone_load(const char *directory, struct span name, struct zone **zone_r)
{
	char path[4096];
	int n, fd;
	enum err e;

	*zone_r = NULL;
	if (!zone_name_ok(name))
		return ERR_SYNTAX;
	n = snprintf(path, sizeof path, "%s/%.*s",
	    directory != NULL ? directory : ZONE_DIRECTORY, SPAN_ARG(name));
	if (n < 0 || (size_t)n >= sizeof path)
		return ERR_TOOBIG;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_from_errno(errno);
	e = read_zone_file(fd, zone_r);
	close(fd);
	return e;
}
