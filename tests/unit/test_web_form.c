/* test_web_form - bodies of POST: both encodings, what decides among several fields, what is
 * malformed, and each bound. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "form.h"

#define URLENCODED "application/x-www-form-urlencoded"
#define MULTIPART  "multipart/form-data; boundary=xyz"
#define PART(name) "--xyz\r\nContent-Disposition: form-data; name=\"" name "\"\r\n\r\n"

/* act -1: the body is refused. streams: joined by '|'. */
static const struct {
	const char *type, *body;
	int act;
	const char *streams;
} rows[] = {
	{ "", "", FORM_NONE, "" },
	{ "", "List-Unsubscribe=One-Click", FORM_ONE_CLICK, "" },
	{ URLENCODED, "List-Unsubscribe=One-Click\r\n", FORM_ONE_CLICK, "" },
	{ URLENCODED "; charset=UTF-8", "List-Unsubscribe=one-click", FORM_ONE_CLICK, "" },
	{ " APPLICATION/X-WWW-Form-Urlencoded ;x", "List%2DUnsubscribe=%4fne-Click",
	    FORM_ONE_CLICK, "" },
	{ URLENCODED, "List-Unsubscribe=+One-Click+", FORM_ONE_CLICK, "" },
	{ URLENCODED, "act=all&List-Unsubscribe=One-Click", FORM_ONE_CLICK, "" },
	{ URLENCODED, "list-unsubscribe=One-Click", FORM_NONE, "" },
	{ URLENCODED, "List-Unsubscribe=One-Click2", FORM_NONE, "" },
	{ URLENCODED, "List-Unsubscribe", FORM_NONE, "" },
	{ URLENCODED, "List-Unsubscribe=One=Click", FORM_NONE, "" },
	{ URLENCODED, "act=stream", FORM_STREAM, "" },
	{ URLENCODED, "act=all", FORM_TENANT, "" },
	{ URLENCODED, "act=", FORM_NONE, "" },
	{ URLENCODED, "act=ALL", FORM_NONE, "" },
	{ URLENCODED, "act=stream&act=all", FORM_STREAM, "" },
	{ URLENCODED, "act=x&act=all", FORM_TENANT, "" },
	{ URLENCODED, "s=a&&s=b%26c&act=streams&s=d+e&", FORM_STREAMS, "a|b&c|d e" },
	{ URLENCODED, "s=&act=streams", FORM_STREAMS, "" },
	{ URLENCODED, "=x&y==z&==", FORM_NONE, "" },
	{ URLENCODED, "a=%", -1, "" },
	{ URLENCODED, "a=%4", -1, "" },
	{ URLENCODED, "a=%4g", -1, "" },
	{ URLENCODED, "a=%g4", -1, "" },
	{ URLENCODED, "a=%41", FORM_NONE, "" },
	{ URLENCODED, "a=%00", -1, "" },
	{ URLENCODED, "%zz=a", -1, "" },
	/* An escape does not reach over the end of its pair. */
	{ URLENCODED, "a=%&41", -1, "" },
	{ URLENCODED, "a%=41", -1, "" },
	{ "text/plain", "List-Unsubscribe=One-Click", -1, "" },
	{ "application/json", "{}", -1, "" },
	{ "multipart/form-data", "--xyz--\r\n", -1, "" },
	{ "multipart/form-data; boundary=", "--xyz--\r\n", -1, "" },
	{ "multipart/form-data; boundary=\"x\"z\"", "--x--\r\n", -1, "" },
	{ MULTIPART, PART("List-Unsubscribe") "One-Click\r\n--xyz--\r\n", FORM_ONE_CLICK, "" },
	{ "Multipart/Form-Data; a=b; Boundary=\"xyz\"",
	    PART("List-Unsubscribe") "One-Click\r\n--xyz--", FORM_ONE_CLICK, "" },
	{ MULTIPART,
	    "before\n--xyz \nX: y\ncontent-disposition:form-data;name=s\n\na\n--xyz\n"
	    "Content-Disposition: form-data; name=act\n\nstreams\n--xyz--\nafter",
	    FORM_STREAMS, "a" },
	{ MULTIPART, PART("s") "a\r\nb\r\n--xyz--\r\n", FORM_NONE, "a\r\nb" },
	{ MULTIPART, PART("s") "--xyzz\r\n--xyz-\r\n--xy\r\n--xyz--", FORM_NONE,
	    "--xyzz\r\n--xyz-\r\n--xy" },
	{ MULTIPART, PART("s") "--xyz--", FORM_NONE, "" },
	{ MULTIPART, "--xyz--\r\n", FORM_NONE, "" },
	{ MULTIPART, "", -1, "" },
	{ MULTIPART, PART("s") "a\r\n", -1, "" },
	{ MULTIPART, PART("s") "a\r\n--xyz\r\n", -1, "" },
	{ MULTIPART, "--xyz\r\n\r\na\r\n--xyz--\r\n", -1, "" },
	{ MULTIPART, "--xyz\r\nContent-Disposition: form-data\r\n\r\na\r\n--xyz--\r\n", -1,
	    "" },
	{ MULTIPART, "--xyz\r\nContent-Disposition: form-data; name=s", -1, "" },
	{ MULTIPART, "--abc\r\n\r\na\r\n--abc--\r\n", -1, "" },
};

static bool read_text(const char *type, const char *text, struct form *form_r, struct buf *copy)
{
	buf_reset(copy);
	buf_add_cstr(copy, text);
	buf_add_char(copy, '\0');
	return form_read(span_cstr(type), copy->p, copy->n - 1, form_r);
}

START_TEST(bodies)
{
	struct buf copy = BUF_INIT(65536), joined = BUF_INIT(65536);
	struct form form;
	bool ok = read_text(rows[_i].type, rows[_i].body, &form, &copy);

	ck_assert_int_eq(ok, rows[_i].act >= 0);
	if (ok) {
		ck_assert_int_eq(form.act, rows[_i].act);
		for (size_t i = 0; i < form.stream_count; i++) {
			if (i > 0)
				buf_add_char(&joined, '|');
			buf_add_span(&joined, form.streams[i]);
		}
		ck_assert_str_eq(buf_cstr(&joined), rows[_i].streams);
	}
	buf_free(&joined);
	buf_free(&copy);
}
END_TEST

static void repeat(struct buf *out, const char *text, size_t count)
{
	buf_reset(out);
	for (size_t i = 0; i < count; i++)
		buf_add_cstr(out, text);
}

START_TEST(bounds)
{
	struct buf body = BUF_INIT(65536), type = BUF_INIT(1024), copy = BUF_INIT(65536);
	struct form form;

	repeat(&body, "x", FORM_BODY_MAX);
	ck_assert(form_read(SPAN(""), body.p, body.n, &form));
	repeat(&body, "x", FORM_BODY_MAX + 1);
	ck_assert(!form_read(SPAN(""), body.p, body.n, &form));

	repeat(&body, "a&", FORM_FIELDS_MAX);
	ck_assert(form_read(SPAN(""), body.p, body.n, &form));
	repeat(&body, "a&", FORM_FIELDS_MAX + 1);
	ck_assert(!form_read(SPAN(""), body.p, body.n, &form));

	repeat(&body, "s=a&", FORM_STREAMS_MAX);
	ck_assert(form_read(SPAN(""), body.p, body.n, &form));
	ck_assert_uint_eq(form.stream_count, FORM_STREAMS_MAX);
	repeat(&body, "s=a&", FORM_STREAMS_MAX + 1);
	ck_assert(!form_read(SPAN(""), body.p, body.n, &form));

	for (size_t n = FORM_BOUNDARY_MAX; n <= FORM_BOUNDARY_MAX + 1; n++) {
		buf_reset(&type);
		buf_reset(&body);
		buf_add_cstr(&type, "multipart/form-data; boundary=");
		buf_add_cstr(&body, "--");
		for (size_t i = 0; i < n; i++) {
			buf_add_char(&type, 'b');
			buf_add_char(&body, 'b');
		}
		buf_add_cstr(&body, "--");
		ck_assert_int_eq(read_text(buf_cstr(&type), buf_cstr(&body), &form, &copy),
		    n <= FORM_BOUNDARY_MAX);
	}
	buf_free(&copy);
	buf_free(&type);
	buf_free(&body);
}
END_TEST

/* Cut anywhere, a whole body never becomes one that acts on more than it said. */
START_TEST(cut)
{
	static const char whole[] = PART("s") "a\r\n" PART("act") "all\r\n--xyz--\r\n";
	struct buf copy = BUF_INIT(65536);
	struct form form;

	for (size_t n = 0; n < sizeof whole - 1; n++) {
		buf_reset(&copy);
		buf_add(&copy, whole, n);
		buf_add_char(&copy, '\0');
		ck_assert_int_eq(
		    form_read(SPAN(MULTIPART), copy.p, n, &form), n >= sizeof whole - 3);
	}
	buf_free(&copy);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_form");
	TCase *tests = tcase_create("web_form");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, bodies, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, bounds);
	tcase_add_test(tests, cut);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
