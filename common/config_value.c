/* config_value - one value of each type: text or setting to field. Knows no key by name. */
#include <arpa/inet.h>
#include <libconfig.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>

#include "config.h"
#include "domain.h"
#include "quantity.h"

#define LIMITS_MAX 32 /* in one list of limits; a request charges each of them */

/* What a good value looks like, after "expected ". */
static const char *const examples[CONFIG_TYPES] = {
	[CONFIG_STRING] = "a text in quotes",
	[CONFIG_PATH] = "a path in quotes",
	[CONFIG_CHOICE] = "a word in quotes",
	[CONFIG_YES_NO] = "true or false",
	[CONFIG_COUNT] = "a number in quotes, as in \"10k\" or \"256Mi\"",
	[CONFIG_DURATION] = "a duration in quotes, as in \"90s\" or \"48h\"",
	[CONFIG_MILLISECONDS] = "milliseconds in quotes, as in \"100ms\"",
	[CONFIG_DATE] = "a date in quotes, as in \"2026-11-20\"",
	[CONFIG_SMALL] = "a number",
	[CONFIG_STRINGS] = "texts in quotes, as in [\"a\", \"b\"]",
	[CONFIG_DOMAINS] = "domains in quotes, as in [\"acme.example\"]",
	[CONFIG_PORTS] = "port numbers, as in [587, 465]",
	[CONFIG_NETWORKS] = "networks in quotes, as in [\"192.0.2.0/24\"]",
	[CONFIG_USERS] = "users in quotes, as in [\"alice\", \"1001\"]",
	[CONFIG_WINDOWS] = "quantities in quotes, as in [\"500/h\", \"10000/month\"]",
	[CONFIG_RATES] = "rates in quotes, as in \"10/s\" or \"10/s burst 50\"",
	[CONFIG_GROUP] = "a group, as in { key = value; }",
	[CONFIG_GROUPS] = "a list of groups, as in ( { key = value; } )",
};

struct value {
	struct config_reader *r;
	const struct setting_row *row;
	const struct config_field *field;
	unsigned line;
	void *object;
};

static void *at_offset(const struct value *v, size_t offset)
{
	return (char *)v->object + offset;
}

static void store(const struct value *v, const void *p, size_t n)
{
	if (v->field->offset != CONFIG_NOWHERE)
		memcpy(at_offset(v, v->field->offset), p, n);
}

static void store_pointer(const struct value *v, const void *p)
{
	store(v, &p, sizeof p);
}

static void store_list(const struct value *v, const void *p, size_t count)
{
	store_pointer(v, p);
	memcpy(at_offset(v, v->field->offset2), &count, sizeof count);
}

static void *reserve(const struct value *v, size_t count, size_t size)
{
	void *p = arena_array(v->r->arena, count, size);

	if (p == NULL)
		config_error(v->r, v->line, "%s: out of memory", v->row->key);
	return p;
}

static const char *keep(const struct value *v, struct span text)
{
	const char *p = arena_dup(v->r->arena, text);

	if (p == NULL)
		config_error(v->r, v->line, "%s: out of memory", v->row->key);
	return p;
}

static void expected(const struct value *v)
{
	config_error(v->r, v->line, "%s: expected %s", v->row->key, examples[v->field->type]);
}

static void bad_text(const struct value *v, struct span text)
{
	char quoted[CONFIG_QUOTE_MAX];

	config_error(v->r, v->line, "%s: \"%s\": expected %s", v->row->key,
	    config_quote(text, quoted), examples[v->field->type]);
}

/* No control character may get from here into logs, replies and headers. */
static bool text_ok(const struct value *v, struct span text)
{
	char quoted[CONFIG_QUOTE_MAX];
	const char *wrong = NULL;

	for (size_t i = 0; i < text.n && wrong == NULL; i++)
		if ((unsigned char)text.p[i] < ' ' || text.p[i] == 0x7f)
			wrong = "control characters are not allowed";
	if (wrong == NULL && v->field->check != NULL)
		wrong = v->field->check(text);
	if (wrong != NULL)
		config_error(v->r, v->line, "%s: \"%s\": %s", v->row->key,
		    config_quote(text, quoted), wrong);
	return wrong == NULL;
}

/* ---- scalars ---- */

static void read_string(const struct value *v, struct span text)
{
	if (text_ok(v, text))
		store_pointer(v, keep(v, text));
}

/* The directory of the file being read stands for ".". */
static void read_path(const struct value *v, struct span text)
{
	const char *slash = strrchr(v->r->file, '/');
	char path[4096];
	int n;

	if (!text_ok(v, text))
		return;
	if (text.n == 0) {
		bad_text(v, text);
		return;
	}
	if (text.p[0] == '/' || slash == NULL) {
		store_pointer(v, keep(v, text));
		return;
	}
	n = snprintf(path, sizeof path, "%.*s/%.*s", (int)(slash - v->r->file), v->r->file,
	    SPAN_ARG(text));
	if (n < 0 || (size_t)n >= sizeof path)
		config_error(v->r, v->line, "%s: the path is too long", v->row->key);
	else
		store_pointer(v, keep(v, span_make(path, (size_t)n)));
}

static void bad_choice(const struct value *v, struct span text)
{
	struct buf known = BUF_INIT(512);
	char quoted[CONFIG_QUOTE_MAX];

	for (size_t i = 0; v->field->words[i] != NULL; i++)
		buf_printf(&known, "%s\"%s\"", i > 0 ? ", " : "", v->field->words[i]);
	config_error(v->r, v->line, "%s: \"%s\": expected one of %s", v->row->key,
	    config_quote(text, quoted), buf_cstr(&known));
	buf_free(&known);
}

static void read_choice(const struct value *v, struct span text)
{
	uint8_t small;

	for (unsigned i = 0; v->field->words[i] != NULL; i++) {
		if (!span_eq(text, span_cstr(v->field->words[i])))
			continue;
		small = (uint8_t)i;
		if (v->field->size == sizeof small)
			store(v, &small, sizeof small);
		else
			store(v, &i, sizeof i);
		return;
	}
	bad_choice(v, text);
}

static bool in_range(const struct value *v, struct span text, uint64_t number)
{
	const struct config_field *f = v->field;
	char quoted[CONFIG_QUOTE_MAX];

	if (number >= f->least && (f->most == 0 || number <= f->most))
		return true;
	config_error(v->r, v->line, "%s: \"%s\" is %s", v->row->key, config_quote(text, quoted),
	    number < f->least ? "too small" : "too large");
	return false;
}

static void read_number(const struct value *v, struct span text)
{
	uint64_t number = 0;
	int64_t seconds = 0;
	int small;
	bool ok = false;

	switch (v->field->type) {
	case CONFIG_COUNT: ok = quantity_count(text, &number); break;
	case CONFIG_SMALL: ok = span_u64(text, &number) && number <= INT32_MAX; break;
	case CONFIG_MILLISECONDS:
		ok = text.n > 2 && span_eq(span_from(text, text.n - 2), SPAN("ms")) &&
		     span_u64(span_head(text, text.n - 2), &number) && number <= INT32_MAX;
		break;
	default:
		ok = quantity_duration(text, &seconds);
		number = (uint64_t)seconds;
		break;
	}
	if (!ok) {
		bad_text(v, text);
		return;
	}
	if (!in_range(v, text, number))
		return;
	small = (int)number;
	if (v->field->type == CONFIG_SMALL)
		store(v, &small, sizeof small);
	else
		store(v, &number, sizeof number); /* uint64_t and int64_t alike */
}

static void read_yes_no(const struct value *v, struct span text)
{
	bool yes = span_eq(text, SPAN("true"));

	if (yes || span_eq(text, SPAN("false")))
		store(v, &yes, sizeof yes);
	else
		bad_text(v, text);
}

/* "2026-11-20", as seconds of that midnight in UTC. */
static bool parse_date(struct span text, int64_t *seconds_r)
{
	static const int lengths[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	uint64_t year, month, day, days = 0;
	bool leap;

	if (text.n != 10 || text.p[4] != '-' || text.p[7] != '-' ||
	    !span_u64(span_head(text, 4), &year) ||
	    !span_u64(span_make(text.p + 5, 2), &month) ||
	    !span_u64(span_make(text.p + 8, 2), &day))
		return false;
	leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (year < 1971 || month < 1 || month > 12 || day < 1 ||
	    day > (uint64_t)lengths[month - 1] + (month == 2 && leap))
		return false;
	for (uint64_t y = 1970; y < year; y++)
		days += 365 + ((y % 4 == 0 && y % 100 != 0) || y % 400 == 0);
	for (uint64_t m = 1; m < month; m++)
		days += (uint64_t)lengths[m - 1] + (m == 2 && leap);
	*seconds_r = (int64_t)(days + day - 1) * 86400;
	return true;
}

static void read_date(const struct value *v, struct span text)
{
	int64_t seconds;

	if (parse_date(text, &seconds))
		store(v, &seconds, sizeof seconds);
	else
		bad_text(v, text);
}

typedef void read_text(const struct value *v, struct span text);

static read_text *const scalars[CONFIG_TYPES] = {
	[CONFIG_STRING] = read_string,
	[CONFIG_PATH] = read_path,
	[CONFIG_CHOICE] = read_choice,
	[CONFIG_YES_NO] = read_yes_no,
	[CONFIG_COUNT] = read_number,
	[CONFIG_DURATION] = read_number,
	[CONFIG_MILLISECONDS] = read_number,
	[CONFIG_SMALL] = read_number,
	[CONFIG_DATE] = read_date,
};

/* ---- lists ---- */

static size_t element_count(const config_setting_t *s)
{
	return config_setting_is_aggregate(s) ? (size_t)config_setting_length(s) : 1;
}

/* One value alone is a list of one. */
static const config_setting_t *element(const config_setting_t *s, size_t i)
{
	return config_setting_is_aggregate(s) ? config_setting_get_elem(s, (unsigned)i) : s;
}

/* Text of the i-th element; false after a message. Sets v->line to its line. */
static bool element_text(
    struct value *v, const config_setting_t *s, size_t i, struct span *text_r)
{
	const config_setting_t *e = element(s, i);

	if (e == NULL || config_setting_type(e) != CONFIG_TYPE_STRING) {
		if (e != NULL)
			v->line = config_setting_source_line(e);
		expected(v);
		return false;
	}
	v->line = config_setting_source_line(e);
	*text_r = span_cstr(config_setting_get_string(e));
	return true;
}

static void read_strings(struct value *v, const config_setting_t *s)
{
	size_t count = element_count(s);
	const char **list = reserve(v, count + 1, sizeof *list);
	char domain[DOMAIN_MAX], quoted[CONFIG_QUOTE_MAX];
	struct span text;

	/* Where no list means all, an empty one would say the opposite of what it looks
	 * like. */
	if (count < v->field->least)
		config_error(v->r, v->line, "%s: the list is empty", v->row->key);
	for (size_t i = 0; list != NULL && i < count; i++) {
		if (!element_text(v, s, i, &text) || !text_ok(v, text))
			continue;
		if (v->field->type == CONFIG_DOMAINS) {
			enum err e = domain_canonical(text, domain);

			if (e != ERR_OK) {
				config_error(v->r, v->line, "%s: \"%s\" is not a domain name",
				    v->row->key, config_quote(text, quoted));
				continue;
			}
			text = span_cstr(domain);
		}
		list[i] = keep(v, text);
	}
	if (list != NULL && count > 0)
		store_pointer(v, list);
}

static void read_ports(struct value *v, const config_setting_t *s)
{
	size_t count = element_count(s);
	uint16_t *ports = reserve(v, count + 1, sizeof *ports);

	for (size_t i = 0; ports != NULL && i < count; i++) {
		const config_setting_t *e = element(s, i);
		int port = e != NULL && config_setting_type(e) == CONFIG_TYPE_INT
			       ? config_setting_get_int(e)
			       : 0;

		if (port < 1 || port > UINT16_MAX)
			expected(v);
		else
			ports[i] = (uint16_t)port;
	}
	if (ports != NULL && count > 0)
		store_pointer(v, ports);
}

static uid_t *find_user(const char *name, uid_t *uid_r)
{
	struct passwd entry, *found = NULL;
	char memory[16384];
	uint64_t number;

	if (span_u64(span_cstr(name), &number) && number < UINT32_MAX) {
		*uid_r = (uid_t)number;
		return uid_r;
	}
	if (getpwnam_r(name, &entry, memory, sizeof memory, &found) != 0 || found == NULL)
		return NULL;
	*uid_r = found->pw_uid;
	return uid_r;
}

static void read_users(struct value *v, const config_setting_t *s)
{
	size_t count = element_count(s);
	uid_t *uids = reserve(v, count, sizeof *uids);
	char quoted[CONFIG_QUOTE_MAX];
	struct span text;

	for (size_t i = 0; uids != NULL && i < count; i++)
		if (element_text(v, s, i, &text) && text_ok(v, text) &&
		    find_user(text.p, &uids[i]) == NULL)
			config_error(v->r, v->line, "%s: there is no user \"%s\"", v->row->key,
			    config_quote(text, quoted));
	if (uids != NULL)
		store_list(v, uids, count);
}

/* ---- networks ---- */

static bool parse_network(struct span text, struct network *n)
{
	char address[INET6_ADDRSTRLEN];
	size_t slash = span_find(text, '/', 0);
	uint64_t bits = 128, v4_bits = 32;

	*n = (struct network){ .bytes = { [10] = 0xff, [11] = 0xff } };
	if (!span_copy(span_head(text, slash), address, sizeof address))
		return false;
	if (inet_pton(AF_INET, address, n->bytes + 12) == 1) {
		if (slash < text.n && !span_u64(span_from(text, slash + 1), &v4_bits))
			return false;
		if (v4_bits > 32)
			return false;
		n->bits = (uint8_t)(96 + v4_bits);
		return true;
	}
	if (inet_pton(AF_INET6, address, n->bytes) != 1)
		return false;
	if (slash < text.n && !span_u64(span_from(text, slash + 1), &bits))
		return false;
	n->bits = (uint8_t)bits;
	return bits <= 128;
}

/* What is wrong with a network that parsed, or NULL. */
static const char *network_trouble(const struct network *n)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

	for (unsigned bit = n->bits; bit < 128; bit++)
		if ((n->bytes[bit / 8] & (0x80 >> bit % 8)) != 0)
			return "has bits set behind the prefix length";
	/* Mail from such a network counts as the tenant's: the whole internet is a slip. */
	if (memcmp(n->bytes, mapped, sizeof mapped) == 0 ? n->bits < 96 + 8 : n->bits < 16)
		return "is too wide";
	/* Zeroes alone would hold all of IPv4, which lies at ::ffff:0:0/96. */
	if (n->bits < 96 && memcmp(n->bytes, "\0\0\0\0\0\0\0\0\0\0", 10) == 0)
		return "is too wide";
	return NULL;
}

static void read_networks(struct value *v, const config_setting_t *s)
{
	size_t count = element_count(s);
	struct network *list = reserve(v, count, sizeof *list);
	char quoted[CONFIG_QUOTE_MAX];
	const char *trouble;
	struct span text;

	for (size_t i = 0; list != NULL && i < count; i++) {
		if (!element_text(v, s, i, &text))
			continue;
		if (!parse_network(text, &list[i])) {
			bad_text(v, text);
			continue;
		}
		trouble = network_trouble(&list[i]);
		if (trouble != NULL)
			config_error(v->r, v->line, "%s: \"%s\" %s", v->row->key,
			    config_quote(text, quoted), trouble);
	}
	if (list != NULL)
		store_list(v, list, count);
}

/* ---- limits: several keys fill one list ---- */

static bool parse_limit(const struct value *v, struct span text, struct limit *l)
{
	*l = (struct limit){ .unit = v->field->unit };
	if (v->field->type == CONFIG_WINDOWS)
		return quantity_window(text, &l->amount, &l->window);
	l->is_rate = true;
	return quantity_rate(text, &l->rate, &l->amount);
}

/* Two limits that count the same are one too many: only the smaller would ever hold. */
static bool same_bucket(const struct limit *a, const struct limit *b)
{
	if (a->unit != b->unit || a->is_rate != b->is_rate)
		return false;
	return a->is_rate ? strcmp(a->text, b->text) == 0 : a->window == b->window;
}

static void read_limits(struct value *v, const config_setting_t *s)
{
	struct limits *limits = at_offset(v, v->field->offset);
	size_t count = element_count(s), total = limits->count + count, n = limits->count;
	struct limit *list;
	struct span text;

	if (total > LIMITS_MAX) {
		config_error(
		    v->r, v->line, "%s: over %d limits in one place", v->row->key, LIMITS_MAX);
		return;
	}
	list = reserve(v, total, sizeof *list);
	if (list == NULL)
		return;
	if (n > 0)
		memcpy(list, limits->at, n * sizeof *list);
	for (size_t i = 0; i < count; i++) {
		if (!element_text(v, s, i, &text))
			continue;
		if (!parse_limit(v, text, &list[n])) {
			bad_text(v, text);
			continue;
		}
		list[n].text = keep(v, text);
		for (size_t k = 0; list[n].text != NULL && k < n; k++)
			if (same_bucket(&list[k], &list[n]))
				config_error(v->r, v->line,
				    "%s: \"%s\" and \"%s\" count the same", v->row->key,
				    list[k].text, list[n].text);
		if (list[n].text != NULL)
			n++;
	}
	*limits = (struct limits){ list, n };
}

/* ---- groups ---- */

static void read_groups(struct value *v, const config_setting_t *s)
{
	size_t count = (size_t)config_setting_length(s);
	char *list = reserve(v, count, v->field->size);

	for (size_t i = 0; list != NULL && i < count; i++) {
		const config_setting_t *e = config_setting_get_elem(s, (unsigned)i);

		if (!config_setting_is_group(e)) {
			v->line = config_setting_source_line(e);
			expected(v);
			continue;
		}
		config_fill(v->r, v->field->block, e, list + i * v->field->size);
		if (v->field->finish != NULL)
			v->field->finish(v->r, e, list + i * v->field->size);
	}
	if (list != NULL)
		store_list(v, list, count);
}

/* A group that is not there has all its defaults. */
static void read_group(struct value *v, const config_setting_t *s)
{
	void *object = at_offset(v, v->field->offset);

	config_fill(v->r, v->field->block, s, object);
	if (v->field->finish != NULL)
		v->field->finish(v->r, s, object);
}

typedef void read_list(struct value *v, const config_setting_t *s);

static read_list *const lists[CONFIG_TYPES] = {
	[CONFIG_STRINGS] = read_strings,
	[CONFIG_DOMAINS] = read_strings,
	[CONFIG_PORTS] = read_ports,
	[CONFIG_NETWORKS] = read_networks,
	[CONFIG_USERS] = read_users,
	[CONFIG_WINDOWS] = read_limits,
	[CONFIG_RATES] = read_limits,
	[CONFIG_GROUP] = read_group,
	[CONFIG_GROUPS] = read_groups,
};

/* ---- entry ---- */

/* May a setting of this libconfig type hold a value of ours? Lists check their elements. */
static bool shape_ok(enum config_type type, const config_setting_t *s)
{
	int shape = config_setting_type(s);

	switch (type) {
	case CONFIG_YES_NO: return shape == CONFIG_TYPE_BOOL;
	case CONFIG_SMALL: return shape == CONFIG_TYPE_INT || shape == CONFIG_TYPE_STRING;
	case CONFIG_GROUP: return shape == CONFIG_TYPE_GROUP;
	case CONFIG_GROUPS:
		return shape == CONFIG_TYPE_LIST ||
		       (shape == CONFIG_TYPE_ARRAY && config_setting_length(s) == 0);
	case CONFIG_STRING:
	case CONFIG_PATH:
	case CONFIG_CHOICE:
	case CONFIG_COUNT:
	case CONFIG_DURATION:
	case CONFIG_MILLISECONDS:
	case CONFIG_DATE: return shape == CONFIG_TYPE_STRING;
	default: return shape != CONFIG_TYPE_GROUP;
	}
}

void config_read_value(struct config_reader *r, const struct setting_row *row,
    const struct config_setting_t *setting, void *object)
{
	const struct config_field *f = row->field;
	struct value v = { r, row, f, config_setting_source_line(setting), object };
	char number[16];
	struct span text;

	if (!shape_ok(f->type, setting)) {
		expected(&v);
		return;
	}
	if (lists[f->type] != NULL) {
		lists[f->type](&v, setting);
		return;
	}
	switch (config_setting_type(setting)) {
	case CONFIG_TYPE_BOOL:
		text = span_cstr(config_setting_get_bool(setting) ? "true" : "false");
		break;
	case CONFIG_TYPE_INT:
		snprintf(number, sizeof number, "%d", config_setting_get_int(setting));
		text = span_cstr(number);
		break;
	default: text = span_cstr(config_setting_get_string(setting)); break;
	}
	scalars[f->type](&v, text);
}

void config_read_default(struct config_reader *r, const struct setting_row *row, void *object)
{
	struct value v = { r, row, row->field, 0, object };

	if (row->field->type == CONFIG_GROUP)
		read_group(&v, NULL);
	else if (row->fallback != NULL && scalars[row->field->type] != NULL)
		scalars[row->field->type](&v, span_cstr(row->fallback));
}

unsigned config_line(const struct config_setting_t *group, const char *key, size_t i)
{
	const config_setting_t *s = config_setting_get_member(group, key), *e;

	if (s == NULL)
		return config_setting_source_line(group);
	e = element(s, i);
	return config_setting_source_line(e != NULL ? e : s);
}
