/* test_web_target - where a click may lead (R-W2): the forms, every octet, the bound. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "target.h"

static const char *const good[] = {
	"http://a.example",
	"https://a.example/",
	"HTTPS://A.example:8443/x?y=z#w",
	"https://[2001:db8::1]:80/",
	"https://[::ffff:192.0.2.1]",
	"https://a_b.example/%0d%0a",
	"https://a.example/@x",
	"https://a.example?@b",
	"https://a.example#@b",
	"https://b\xc3\xbc"
	"cher.example/",
	"https://a.example:/",
	"https://a.example:0/",
	"https://a.example:65535/",
	"https://192.0.2.1/",
	"https://a/",
};

static const char *const bad[] = {
	"",
	"x",
	"/x",
	"//a.example/",
	"http:",
	"http:/",
	"http://",
	"https://",
	"https:///x",
	"https://?x",
	"https://#x",
	"http:a.example",
	"https//a.example",
	"httpss://a.example/",
	"ftp://a.example/",
	"javascript:alert(1)",
	"data:text/html,x",
	"file:///etc/passwd",
	"feed:https://a.example/",
	" https://a.example/",
	"https://a.example/ ",
	"https://a.example/\r\nX: y",
	"https://u@a.example/",
	"https://u:p@a.example/",
	"https://@a.example/",
	"https://a.example\\@b.example/",
	"https:\\\\a.example/",
	"https://a.example/\\",
	"https://a.example:80:80/",
	"https://a.example:65536/",
	"https://a.example:000080/",
	"https://a.example:8o/",
	"https://a.example:-1/",
	"https://:80/",
	"https://[/",
	"https://[]/",
	"https://[::1/",
	"https://[::1]x/",
	"https://[::1]:x/",
	"https://[fe80::1%eth0]/",
	"https://[zz]/",
	"https://a%2eexample/",
};

START_TEST(forms)
{
	for (size_t i = 0; i < ARRAY_SIZE(good); i++)
		ck_assert_msg(target_ok(span_cstr(good[i])), "%s", good[i]);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(!target_ok(span_cstr(bad[i])), "%s", bad[i]);
}
END_TEST

START_TEST(octets)
{
	char in_host[] = "https://a?b.example/", in_path[] = "https://a.example/?";

	for (int i = 0; i < 256; i++) {
		char c = (char)i;
		bool printable = i > 32 && i != 127 && c != '\\';

		in_path[sizeof in_path - 2] = c;
		ck_assert_int_eq(target_ok(SPAN(in_path)), printable);
		in_host[9] = c;
		ck_assert_int_eq(
		    target_ok(SPAN(in_host)), ascii_alpha(c) || ascii_digit(c) || i >= 128 ||
						  (i != 0 && strchr("-._/?#", c) != NULL));
	}
}
END_TEST

START_TEST(bound)
{
	struct buf url = BUF_INIT(2 * TARGET_MAX);

	buf_add_cstr(&url, "https://a.example/");
	while (url.n < TARGET_MAX)
		buf_add_char(&url, 'x');
	ck_assert(target_ok(buf_span(&url)));
	buf_add_char(&url, 'x');
	ck_assert(!target_ok(buf_span(&url)));
	buf_free(&url);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("web_target");
	TCase *tests = tcase_create("web_target");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, forms);
	tcase_add_test(tests, octets);
	tcase_add_test(tests, bound);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
