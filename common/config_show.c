/* config_show - the provider's settings as they could be written back, by the schema's rows. */
#include <stdio.h>

#include "config.h"
#include "config_check.h"

struct show {
	const struct config_schema *schema;
	const struct provider *provider;
	bool only_changed;
	struct buf *out;
};

/* As libconfig reads it back. */
static void put_quoted(struct buf *b, struct span text)
{
	buf_add_char(b, '"');
	for (size_t i = 0; i < text.n; i++) {
		if (text.p[i] == '"' || text.p[i] == '\\')
			buf_add_char(b, '\\');
		buf_add_char(b, text.p[i]);
	}
	buf_add_char(b, '"');
}

struct unit {
	const char *name;
	uint64_t factor;
};

/* The largest unit without a rest; the last one is for everything. */
static void put_unit(struct buf *b, uint64_t number, const struct unit *units)
{
	while (units->factor > 1 && (number == 0 || number % units->factor != 0))
		units++;
	buf_printf(b, "%ju%s", (uintmax_t)(number / units->factor), units->name);
}

static void put_count(struct buf *b, uint64_t number)
{
	static const struct unit units[] = {
		{ "Ti", UINT64_C(1) << 40 },
		{ "Gi", UINT64_C(1) << 30 },
		{ "Mi", UINT64_C(1) << 20 },
		{ "", 1 },
	};

	put_unit(b, number, units);
}

static void put_duration(struct buf *b, uint64_t seconds)
{
	static const struct unit units[] = {
		{ "d", 86400 },
		{ "h", 3600 },
		{ "m", 60 },
		{ "s", 1 },
	};

	put_unit(b, seconds, units);
}

/* Relative again, if it is below the directory of the provider's file. */
static struct span shorten_path(const struct show *s, const char *path)
{
	const char *slash = strrchr(s->provider->file, '/');
	struct span text = span_cstr(path);
	struct span directory = span_make(
	    s->provider->file, slash != NULL ? (size_t)(slash - s->provider->file) + 1 : 0);

	if (directory.n > 0 && text.n > directory.n && span_starts(text, directory))
		return span_from(text, directory.n);
	return text;
}

/* A scalar's text as it is written, without its quotes; empty when it has no value. */
static void put_scalar(
    const struct show *s, const struct config_field *f, const char *object, struct buf *text)
{
	const char *field = f->offset == CONFIG_NOWHERE ? NULL : object + f->offset;
	const char *string = NULL;
	uint64_t number = 0;
	uint8_t small = 0;
	unsigned choice = 0;

	switch (f->type) {
	case CONFIG_STRING:
	case CONFIG_PATH:
		memcpy(&string, field, sizeof string);
		buf_add_span(
		    text, f->type == CONFIG_PATH ? shorten_path(s, string) : span_cstr(string));
		break;
	case CONFIG_CHOICE:
		if (field != NULL && f->size == sizeof small) {
			memcpy(&small, field, sizeof small);
			choice = small;
		} else if (field != NULL) {
			memcpy(&choice, field, sizeof choice);
		}
		buf_add_cstr(text, f->words[choice]);
		break;
	case CONFIG_COUNT:
		memcpy(&number, field, sizeof number);
		put_count(text, number);
		break;
	case CONFIG_DURATION:
		memcpy(&number, field, sizeof number);
		put_duration(text, number);
		break;
	case CONFIG_MILLISECONDS:
		memcpy(&number, field, sizeof number);
		buf_printf(text, "%jums", (uintmax_t)number);
		break;
	default: break;
	}
}

static void put_indented(const struct show *s, unsigned depth, const char *text)
{
	for (unsigned i = 0; i < depth; i++)
		buf_add_char(s->out, '\t');
	buf_add_cstr(s->out, text);
}

static void put_key(const struct show *s, unsigned depth, const char *key)
{
	put_indented(s, depth, key);
	buf_add_cstr(s->out, " = ");
}

/* What has no default and was not written. */
static bool is_unset(const struct setting_row *row, const char *object)
{
	const char *string;
	uint64_t number;

	if (row->fallback != NULL || row->field->offset == CONFIG_NOWHERE)
		return false;
	if (row->field->type == CONFIG_STRING) {
		memcpy(&string, object + row->field->offset, sizeof string);
		return string == NULL;
	}
	if (row->field->type != CONFIG_DURATION)
		return false;
	memcpy(&number, object + row->field->offset, sizeof number);
	return number < row->field->least;
}

static void show_scalar(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	struct buf text = BUF_INIT(64 * 1024);

	if (is_unset(row, object))
		return;
	put_scalar(s, row->field, object, &text);
	if (!s->only_changed || row->fallback == NULL ||
	    !span_eq(buf_span(&text), span_cstr(row->fallback))) {
		put_key(s, depth, row->key);
		put_quoted(s->out, buf_span(&text));
		buf_add_cstr(s->out, ";\n");
	}
	buf_free(&text);
}

static void show_strings(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	const char *const *list;

	memcpy(&list, object + row->field->offset, sizeof list);
	if (list == NULL)
		return;
	put_key(s, depth, row->key);
	for (size_t i = 0; list[i] != NULL; i++) {
		buf_add_cstr(s->out, i == 0 ? "[" : ", ");
		put_quoted(s->out, span_cstr(list[i]));
	}
	buf_add_cstr(s->out, list[0] != NULL ? "];\n" : "[];\n");
}

static void show_users(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	const uid_t *uids;
	size_t count;

	memcpy(&uids, object + row->field->offset, sizeof uids);
	memcpy(&count, object + row->field->offset2, sizeof count);
	if (count == 0)
		return;
	put_key(s, depth, row->key);
	for (size_t i = 0; i < count; i++)
		buf_printf(s->out, "%s\"%ju\"", i == 0 ? "[" : ", ", (uintmax_t)uids[i]);
	buf_add_cstr(s->out, "];\n");
}

static void show_networks(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	char text[NETWORK_ADDRESS_MAX];
	const struct network *list;
	size_t count;

	memcpy(&list, object + row->field->offset, sizeof list);
	memcpy(&count, object + row->field->offset2, sizeof count);
	if (s->only_changed &&
	    (list == config_loopback || (count == 0 && row->fallback != NULL)))
		return;
	put_key(s, depth, row->key);
	buf_add_char(s->out, '[');
	for (size_t i = 0; i < count; i++) {
		unsigned bits = list[i].bits;

		network_print_address(list[i].bytes, text);
		if (network_is_v4(list[i].bytes))
			bits -= 96;
		buf_printf(s->out, "%s\"%s/%u\"", i == 0 ? "" : ", ", text, bits);
	}
	buf_add_cstr(s->out, "];\n");
}

/* The limits of one key out of those that share a list. */
static void show_limits(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	const struct limits *limits = (const void *)(object + row->field->offset);
	bool is_rate = row->field->type == CONFIG_RATES;
	size_t shown = 0;

	for (size_t i = 0; i < limits->count; i++) {
		const struct limit *l = &limits->at[i];

		if (l->is_rate != is_rate || (!is_rate && l->unit != row->field->unit))
			continue;
		if (shown == 0)
			put_key(s, depth, row->key);
		buf_add_cstr(s->out, shown++ == 0 ? "[" : ", ");
		put_quoted(s->out, span_cstr(l->text));
	}
	if (shown > 0)
		buf_add_cstr(s->out, "];\n");
}

static void show_block(
    const struct show *s, const char *block, const char *object, unsigned depth);

/* A group in which nothing is to be shown is not shown either. */
static void show_group(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	struct buf inner = BUF_INIT(s->out->max);
	struct show nested = *s;

	nested.out = &inner;
	show_block(&nested, row->field->block, object + row->field->offset, depth + 1);
	if (inner.n > 0) {
		put_key(s, depth, row->key);
		buf_add_cstr(s->out, "{\n");
		buf_add_span(s->out, buf_span(&inner));
		put_indented(s, depth, "};\n");
	}
	buf_free(&inner);
}

static void show_groups(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	const char *list;
	size_t count;

	memcpy(&list, object + row->field->offset, sizeof list);
	memcpy(&count, object + row->field->offset2, sizeof count);
	if (count == 0)
		return;
	put_key(s, depth, row->key);
	for (size_t i = 0; i < count; i++) {
		buf_add_cstr(s->out, i == 0 ? "(\n" : ",\n");
		put_indented(s, depth + 1, "{\n");
		show_block(s, row->field->block, list + i * row->field->size, depth + 2);
		put_indented(s, depth + 1, "}");
	}
	buf_add_char(s->out, '\n');
	put_indented(s, depth, ");\n");
}

static void show_row(
    const struct show *s, const struct setting_row *row, const char *object, unsigned depth)
{
	switch (row->field->type) {
	case CONFIG_GROUP:
		/* Half a signing key cannot be written back: all of it or nothing. */
		if (strcmp(row->field->block, "milter.notices") != 0 ||
		    s->provider->milter.notice_domain != NULL)
			show_group(s, row, object, depth);
		break;
	case CONFIG_GROUPS: show_groups(s, row, object, depth); break;
	case CONFIG_WINDOWS:
	case CONFIG_RATES: show_limits(s, row, object, depth); break;
	case CONFIG_NETWORKS: show_networks(s, row, object, depth); break;
	case CONFIG_STRINGS: show_strings(s, row, object, depth); break;
	case CONFIG_USERS: show_users(s, row, object, depth); break;
	default: show_scalar(s, row, object, depth); break;
	}
}

static void show_block(
    const struct show *s, const char *block, const char *object, unsigned depth)
{
	for (size_t i = 0; i < s->schema->count; i++)
		for (size_t k = 0; k < s->schema->at[i].count; k++)
			if (strcmp(s->schema->at[i].name, block) == 0)
				show_row(s, &s->schema->at[i].rows[k], object, depth);
}

void snapshot_show(const struct snapshot *s, bool only_changed, struct buf *out)
{
	struct config_schema schema;
	struct show show = { &schema, snapshot_provider(s), only_changed, out };

	config_schema_init(&schema);
	show_block(&show, "", (const char *)show.provider, 0);
}

const char *snapshot_text(const struct snapshot *s, const char *block, const char *key)
{
	const char *provider = (const char *)snapshot_provider(s), *text;

	for (const struct setting_row *row = settings_rows(); row->key != NULL; row++) {
		if (strcmp(row->block, block) != 0 || strcmp(row->key, key) != 0 ||
		    row->field->type != CONFIG_STRING || row->field->offset == CONFIG_NOWHERE)
			continue;
		memcpy(&text, provider + row->field->offset, sizeof text);
		return text;
	}
	return NULL;
}
