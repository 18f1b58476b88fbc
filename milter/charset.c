/* charset - what kind of charset a name stands for, and conversion. The only home of iconv.h. */
#include <errno.h>
#include <iconv.h>
#include <stdlib.h>

#include "buf.h"
#include "charset.h"

#define NAME_MAX_OCTETS 32

/* Sorted. Left out on purpose: what has control octets or ASCII punctuation of its own (VISCII,
 * EBCDIC), and what says that it does not know (unknown-8bit). */
static const struct row {
	const char *name;
	enum charset_kind kind;
	const char *iconv_name;
} rows[] = {
	{ "ansi_x3.4-1968", CHARSET_ASCII, "US-ASCII" },
	{ "ascii", CHARSET_ASCII, "US-ASCII" },
	{ "big-5", CHARSET_SAFE, "BIG5" },
	{ "big5", CHARSET_SAFE, "BIG5" },
	{ "big5-hkscs", CHARSET_SAFE, "BIG5-HKSCS" },
	{ "cp1250", CHARSET_SAFE, "CP1250" },
	{ "cp1251", CHARSET_SAFE, "CP1251" },
	{ "cp1252", CHARSET_SAFE, "CP1252" },
	{ "cp1253", CHARSET_SAFE, "CP1253" },
	{ "cp1254", CHARSET_SAFE, "CP1254" },
	{ "cp1255", CHARSET_SAFE, "CP1255" },
	{ "cp1256", CHARSET_SAFE, "CP1256" },
	{ "cp1257", CHARSET_SAFE, "CP1257" },
	{ "cp1258", CHARSET_SAFE, "CP1258" },
	{ "cp437", CHARSET_SAFE, "CP437" },
	{ "cp850", CHARSET_SAFE, "CP850" },
	{ "cp852", CHARSET_SAFE, "CP852" },
	{ "cp866", CHARSET_SAFE, "CP866" },
	{ "cp932", CHARSET_SAFE, "CP932" },
	{ "cp936", CHARSET_SAFE, "CP936" },
	{ "cp949", CHARSET_SAFE, "CP949" },
	{ "cp950", CHARSET_SAFE, "CP950" },
	{ "csascii", CHARSET_ASCII, "US-ASCII" },
	{ "csiso2022jp", CHARSET_CONVERT, "ISO-2022-JP" },
	{ "csiso2022kr", CHARSET_CONVERT, "ISO-2022-KR" },
	{ "euc-cn", CHARSET_SAFE, "EUC-CN" },
	{ "euc-jp", CHARSET_SAFE, "EUC-JP" },
	{ "euc-kr", CHARSET_SAFE, "EUC-KR" },
	{ "euc-tw", CHARSET_SAFE, "EUC-TW" },
	{ "gb18030", CHARSET_SAFE, "GB18030" },
	{ "gb2312", CHARSET_SAFE, "GB2312" },
	{ "gb_2312-80", CHARSET_SAFE, "GB2312" },
	{ "gbk", CHARSET_SAFE, "GBK" },
	{ "ibm437", CHARSET_SAFE, "CP437" },
	{ "ibm850", CHARSET_SAFE, "CP850" },
	{ "ibm866", CHARSET_SAFE, "CP866" },
	{ "iso-2022-cn", CHARSET_CONVERT, "ISO-2022-CN" },
	{ "iso-2022-cn-ext", CHARSET_CONVERT, "ISO-2022-CN-EXT" },
	{ "iso-2022-jp", CHARSET_CONVERT, "ISO-2022-JP" },
	{ "iso-2022-jp-1", CHARSET_CONVERT, "ISO-2022-JP" },
	{ "iso-2022-jp-2", CHARSET_CONVERT, "ISO-2022-JP-2" },
	{ "iso-2022-jp-3", CHARSET_CONVERT, "ISO-2022-JP-3" },
	{ "iso-2022-kr", CHARSET_CONVERT, "ISO-2022-KR" },
	{ "iso-8859-1", CHARSET_SAFE, "ISO-8859-1" },
	{ "iso-8859-10", CHARSET_SAFE, "ISO-8859-10" },
	{ "iso-8859-11", CHARSET_SAFE, "ISO-8859-11" },
	{ "iso-8859-13", CHARSET_SAFE, "ISO-8859-13" },
	{ "iso-8859-14", CHARSET_SAFE, "ISO-8859-14" },
	{ "iso-8859-15", CHARSET_SAFE, "ISO-8859-15" },
	{ "iso-8859-16", CHARSET_SAFE, "ISO-8859-16" },
	{ "iso-8859-2", CHARSET_SAFE, "ISO-8859-2" },
	{ "iso-8859-3", CHARSET_SAFE, "ISO-8859-3" },
	{ "iso-8859-4", CHARSET_SAFE, "ISO-8859-4" },
	{ "iso-8859-5", CHARSET_SAFE, "ISO-8859-5" },
	{ "iso-8859-6", CHARSET_SAFE, "ISO-8859-6" },
	{ "iso-8859-6-e", CHARSET_SAFE, "ISO-8859-6" },
	{ "iso-8859-6-i", CHARSET_SAFE, "ISO-8859-6" },
	{ "iso-8859-7", CHARSET_SAFE, "ISO-8859-7" },
	{ "iso-8859-8", CHARSET_SAFE, "ISO-8859-8" },
	{ "iso-8859-8-e", CHARSET_SAFE, "ISO-8859-8" },
	{ "iso-8859-8-i", CHARSET_SAFE, "ISO-8859-8" },
	{ "iso-8859-9", CHARSET_SAFE, "ISO-8859-9" },
	{ "iso-ir-6", CHARSET_ASCII, "US-ASCII" },
	{ "iso646-us", CHARSET_ASCII, "US-ASCII" },
	{ "iso8859-1", CHARSET_SAFE, "ISO-8859-1" },
	{ "iso8859-10", CHARSET_SAFE, "ISO-8859-10" },
	{ "iso8859-11", CHARSET_SAFE, "ISO-8859-11" },
	{ "iso8859-13", CHARSET_SAFE, "ISO-8859-13" },
	{ "iso8859-14", CHARSET_SAFE, "ISO-8859-14" },
	{ "iso8859-15", CHARSET_SAFE, "ISO-8859-15" },
	{ "iso8859-16", CHARSET_SAFE, "ISO-8859-16" },
	{ "iso8859-2", CHARSET_SAFE, "ISO-8859-2" },
	{ "iso8859-3", CHARSET_SAFE, "ISO-8859-3" },
	{ "iso8859-4", CHARSET_SAFE, "ISO-8859-4" },
	{ "iso8859-5", CHARSET_SAFE, "ISO-8859-5" },
	{ "iso8859-6", CHARSET_SAFE, "ISO-8859-6" },
	{ "iso8859-7", CHARSET_SAFE, "ISO-8859-7" },
	{ "iso8859-8", CHARSET_SAFE, "ISO-8859-8" },
	{ "iso8859-9", CHARSET_SAFE, "ISO-8859-9" },
	{ "iso_8859-1", CHARSET_SAFE, "ISO-8859-1" },
	{ "iso_8859-10", CHARSET_SAFE, "ISO-8859-10" },
	{ "iso_8859-11", CHARSET_SAFE, "ISO-8859-11" },
	{ "iso_8859-13", CHARSET_SAFE, "ISO-8859-13" },
	{ "iso_8859-14", CHARSET_SAFE, "ISO-8859-14" },
	{ "iso_8859-15", CHARSET_SAFE, "ISO-8859-15" },
	{ "iso_8859-16", CHARSET_SAFE, "ISO-8859-16" },
	{ "iso_8859-2", CHARSET_SAFE, "ISO-8859-2" },
	{ "iso_8859-3", CHARSET_SAFE, "ISO-8859-3" },
	{ "iso_8859-4", CHARSET_SAFE, "ISO-8859-4" },
	{ "iso_8859-5", CHARSET_SAFE, "ISO-8859-5" },
	{ "iso_8859-6", CHARSET_SAFE, "ISO-8859-6" },
	{ "iso_8859-7", CHARSET_SAFE, "ISO-8859-7" },
	{ "iso_8859-8", CHARSET_SAFE, "ISO-8859-8" },
	{ "iso_8859-9", CHARSET_SAFE, "ISO-8859-9" },
	{ "johab", CHARSET_CONVERT, "JOHAB" },
	{ "koi8-r", CHARSET_SAFE, "KOI8-R" },
	{ "koi8-ru", CHARSET_SAFE, "KOI8-RU" },
	{ "koi8-u", CHARSET_SAFE, "KOI8-U" },
	{ "ks_c_5601", CHARSET_SAFE, "CP949" },
	{ "ks_c_5601-1987", CHARSET_SAFE, "CP949" },
	{ "latin-9", CHARSET_SAFE, "ISO-8859-15" },
	{ "latin1", CHARSET_SAFE, "ISO-8859-1" },
	{ "latin2", CHARSET_SAFE, "ISO-8859-2" },
	{ "latin3", CHARSET_SAFE, "ISO-8859-3" },
	{ "latin4", CHARSET_SAFE, "ISO-8859-4" },
	{ "latin5", CHARSET_SAFE, "ISO-8859-9" },
	{ "latin9", CHARSET_SAFE, "ISO-8859-15" },
	{ "macintosh", CHARSET_SAFE, "MACINTOSH" },
	{ "ms_kanji", CHARSET_SAFE, "SHIFT_JIS" },
	{ "shift-jis", CHARSET_SAFE, "SHIFT_JIS" },
	{ "shift_jis", CHARSET_SAFE, "SHIFT_JIS" },
	{ "sjis", CHARSET_SAFE, "SHIFT_JIS" },
	{ "tis-620", CHARSET_SAFE, "TIS-620" },
	{ "uhc", CHARSET_SAFE, "CP949" },
	{ "unicode-1-1-utf-7", CHARSET_CONVERT, "UTF-7" },
	{ "unicode-1-1-utf-8", CHARSET_UTF8, "UTF-8" },
	{ "us-ascii", CHARSET_ASCII, "US-ASCII" },
	{ "utf-16", CHARSET_CONVERT, "UTF-16" },
	{ "utf-16be", CHARSET_CONVERT, "UTF-16BE" },
	{ "utf-16le", CHARSET_CONVERT, "UTF-16LE" },
	{ "utf-32", CHARSET_CONVERT, "UTF-32" },
	{ "utf-32be", CHARSET_CONVERT, "UTF-32BE" },
	{ "utf-32le", CHARSET_CONVERT, "UTF-32LE" },
	{ "utf-7", CHARSET_CONVERT, "UTF-7" },
	{ "utf-8", CHARSET_UTF8, "UTF-8" },
	{ "utf8", CHARSET_UTF8, "UTF-8" },
	{ "windows-1250", CHARSET_SAFE, "CP1250" },
	{ "windows-1251", CHARSET_SAFE, "CP1251" },
	{ "windows-1252", CHARSET_SAFE, "CP1252" },
	{ "windows-1253", CHARSET_SAFE, "CP1253" },
	{ "windows-1254", CHARSET_SAFE, "CP1254" },
	{ "windows-1255", CHARSET_SAFE, "CP1255" },
	{ "windows-1256", CHARSET_SAFE, "CP1256" },
	{ "windows-1257", CHARSET_SAFE, "CP1257" },
	{ "windows-1258", CHARSET_SAFE, "CP1258" },
	{ "windows-31j", CHARSET_SAFE, "CP932" },
	{ "windows-874", CHARSET_SAFE, "CP874" },
	{ "x-euc-jp", CHARSET_SAFE, "EUC-JP" },
	{ "x-mac-cyrillic", CHARSET_SAFE, "MAC-CYRILLIC" },
	{ "x-sjis", CHARSET_SAFE, "SHIFT_JIS" },
};

static int compare(const void *key, const void *row)
{
	return strcmp(key, ((const struct row *)row)->name);
}

static const struct row *find(struct span name)
{
	char lower[NAME_MAX_OCTETS];

	if (memchr(name.p, '\0', name.n) != NULL || !span_lower(name, lower, sizeof lower))
		return NULL;
	return bsearch(lower, rows, ARRAY_SIZE(rows), sizeof *rows, compare);
}

enum charset_kind charset_kind(struct span name)
{
	const struct row *row;

	if (name.n == 0)
		return CHARSET_ASCII;
	row = find(name);
	return row != NULL ? row->kind : CHARSET_UNKNOWN;
}

/* iconv's name, for UTF-16 and UTF-32 that of the byte order that text begins with. Without a mark
 * RFC 2781 says big endian and browsers little endian: NULL. */
static const char *converter_name(struct span name, struct span text)
{
	static const struct {
		const char *name;
		struct span mark;
		const char *iconv_name;
	} marks[] = {
		{ "UTF-16", SPAN("\xfe\xff"), "UTF-16BE" },
		{ "UTF-16", SPAN("\xff\xfe"), "UTF-16LE" },
		{ "UTF-32", SPAN("\0\0\xfe\xff"), "UTF-32BE" },
		{ "UTF-32", SPAN("\xff\xfe\0\0"), "UTF-32LE" },
	};
	const struct row *row = find(name);

	if (name.n == 0)
		return "US-ASCII";
	if (row == NULL ||
	    (strcmp(row->iconv_name, "UTF-16") != 0 && strcmp(row->iconv_name, "UTF-32") != 0))
		return row != NULL ? row->iconv_name : NULL;
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++)
		if (strcmp(marks[i].name, row->iconv_name) == 0 &&
		    span_starts(text, marks[i].mark))
			return marks[i].iconv_name;
	return NULL;
}

/* One step of iconv: text, and at its end the way back to the initial state. */
static bool step(
    iconv_t converter, char **in_io, size_t *left_io, struct buf *out, bool *more_r)
{
	char *at = out->p + out->n;
	size_t room = out->size - out->n, before = room, done;

	if (*left_io > 0) {
		done = iconv(converter, in_io, left_io, &at, &room);
		*more_r = true;
	} else {
		done = iconv(converter, NULL, NULL, &at, &room);
		*more_r = false;
	}
	out->n += before - room;
	if (done == (size_t)-1 && errno == E2BIG) {
		*more_r = true;
		return buf_reserve(out, out->size - out->n + 64);
	}
	/* Anything but 0 counts characters that were replaced by others. */
	return done == 0;
}

/* All of text, or ERR_SYNTAX. */
static enum err convert(
    struct arena *arena, const char *from, const char *to, struct span text, struct span *out_r)
{
	struct buf out = BUF_INIT(SIZE_MAX / 2);
	iconv_t converter = iconv_open(to, from);
	char *in = (char *)(uintptr_t)text.p, *copy;
	enum err r = ERR_OK;
	bool more = true;

	if (converter == (iconv_t)-1)
		return ERR_NOTFOUND;
	buf_reserve(&out, text.n + text.n / 2 + 64);
	while (more && r == ERR_OK)
		if (!buf_ok(&out) || !step(converter, &in, &text.n, &out, &more))
			r = buf_ok(&out) ? ERR_SYNTAX : ERR_NOMEM;
	copy = r == ERR_OK ? arena_dup(arena, buf_span(&out)) : NULL;
	if (copy != NULL)
		*out_r = span_make(copy, out.n);
	else if (r == ERR_OK)
		r = ERR_NOMEM;
	buf_free(&out);
	iconv_close(converter);
	return r;
}

enum err charset_decode(
    struct arena *arena, struct span name, struct span text, struct span *utf8_r)
{
	const char *from = converter_name(name, text);
	struct span back;
	enum err r;

	if (from == NULL)
		return charset_kind(name) == CHARSET_UNKNOWN ? ERR_NOTFOUND : ERR_SYNTAX;
	r = convert(arena, from, "UTF-8", text, utf8_r);
	if (r == ERR_OK)
		r = convert(arena, "UTF-8", from, *utf8_r, &back);
	return r == ERR_OK && !span_eq(text, back) ? ERR_SYNTAX : r;
}

enum err charset_encode(struct arena *arena, struct span name, struct span like,
    struct span utf8, struct span *text_r)
{
	const char *to = converter_name(name, like);

	if (to == NULL)
		return charset_kind(name) == CHARSET_UNKNOWN ? ERR_NOTFOUND : ERR_SYNTAX;
	return convert(arena, "UTF-8", to, utf8, text_r);
}
