/* test_log - what outsiders send must not forge a line, a field or a terminal command; a line has
 * at most 2 KiB. Also what reaches stderr, from several threads. */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"

/* Stand-ins for the C library's: whether a daemon listens is the test's to say. */
static _Atomic int looks, told, connect_errno;

int connect(int fd, const struct sockaddr *to, socklen_t n)
{
	(void)fd;
	(void)to;
	(void)n;
	looks++;
	errno = connect_errno;
	return connect_errno == 0 ? 0 : -1;
}

#undef syslog
void syslog(int priority, const char *format, ...)
{
	(void)priority;
	(void)format;
	told++;
}

/* What syslog(3) is in a build with _FORTIFY_SOURCE. */
void __syslog_chk(int priority, int flag, const char *format, ...);
void __syslog_chk(int priority, int flag, const char *format, ...)
{
	(void)priority;
	(void)flag;
	(void)format;
	told++;
}

#define S(text)                                                                                \
	{                                                                                      \
		(text), sizeof(text) - 1                                                       \
	}
#define LINE 2048

static void check_printable(const char *line, size_t n)
{
	ck_assert_uint_lt(n, LINE);
	ck_assert_uint_eq(strlen(line), n);
	for (size_t i = 0; i < n; i++)
		ck_assert_msg(line[i] >= 0x20 && line[i] < 0x7f, "octet %d at %zu", line[i], i);
}

START_TEST(values)
{
	static const struct {
		struct span value;
		const char *line;
	} table[] = {
		{ S("plain"), "NOQUEUE: event key=plain next=7" },
		{ S("<a@acme.example>"), "NOQUEUE: event key=<a@acme.example> next=7" },
		{ S(""), "NOQUEUE: event key=\"\" next=7" },
		{ S("a b"), "NOQUEUE: event key=\"a b\" next=7" },
		{ S("x next=8"), "NOQUEUE: event key=\"x next=8\" next=7" },
		{ S("a\"b"), "NOQUEUE: event key=\"a\\\"b\" next=7" },
		{ S("a\" next=8"), "NOQUEUE: event key=\"a\\\" next=8\" next=7" },
		{ S("a\\"), "NOQUEUE: event key=\"a\\\\\" next=7" },
		{ S("a,b"), "NOQUEUE: event key=\"a,b\" next=7" },
		{ S("a\nABC123: forged"),
		    "NOQUEUE: event key=\"a\\x0aABC123: forged\" next=7" },
		{ S("a\r\nb"), "NOQUEUE: event key=\"a\\x0d\\x0ab\" next=7" },
		{ S("\x1b[31m"), "NOQUEUE: event key=\"\\x1b[31m\" next=7" },
		{ S("a\0b"), "NOQUEUE: event key=\"a\\x00b\" next=7" },
		{ S("%n%s"), "NOQUEUE: event key=%n%s next=7" },
		{ S("\x7f"), "NOQUEUE: event key=\"\\x7f\" next=7" },
		{ S("\xff\xc3("), "NOQUEUE: event key=\"\\xff\\xc3(\" next=7" },
		{ S("\xe2\x80\xa8"), "NOQUEUE: event key=\"\\xe2\\x80\\xa8\" next=7" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		const struct log_field fields[] = { LOG_SPAN("key", table[i].value),
			LOG_NUMBER("next", 7) };
		char out[LINE];
		size_t n = log_format(out, sizeof out, SPAN(""), "event", fields, 2);

		ck_assert_str_eq(out, table[i].line);
		check_printable(out, n);
	}
}
END_TEST

START_TEST(queue_ids_and_numbers)
{
	const struct log_field fields[] = { LOG_NUMBER("least", INT64_MIN),
		LOG_CSTR("none", NULL) };
	char out[LINE], id[200];

	log_format(out, sizeof out, SPAN("4XyZ"), "event", fields, 2);
	ck_assert_str_eq(out, "4XyZ: event least=-9223372036854775808 none=\"\"");
	log_format(out, sizeof out, SPAN("A\nB: x"), "event", NULL, 0);
	ck_assert_str_eq(out, "A\\x0aB: x: event");
	memset(id, 'Q', sizeof id);
	ck_assert_uint_eq(
	    log_format(out, sizeof out, span_make(id, sizeof id), "event", NULL, 0), 64 + 7);
}
END_TEST

START_TEST(long_values_are_cut)
{
	static char megabyte[1 << 20];
	char out[LINE];

	for (int c = 0; c < 256; c += 15) {
		const struct log_field field = LOG_SPAN("key", span_make(megabyte, 1 << 20));

		memset(megabyte, c, sizeof megabyte);
		check_printable(
		    out, log_format(out, sizeof out, SPAN("ID"), "event", &field, 1));
		for (size_t size = 1; size < 40; size++) {
			ck_assert_uint_lt(
			    log_format(out, size, SPAN("ID"), "event", &field, 1), size);
			ck_assert_uint_lt(strlen(out), size);
		}
	}
}
END_TEST

static void *write_lines(void *context)
{
	for (int i = 0; i < 200; i++) {
		log_record(LOG_LEVEL_INFO, SPAN(""), "line", LOG_CSTR("of", context),
		    LOG_SPAN("forged", SPAN("a\nb")));
		log_text(LOG_LEVEL_WARNING, "%s\n\033[0m", (const char *)context);
		log_text(LOG_LEVEL_DEBUG, "not to be seen");
	}
	return NULL;
}

START_TEST(lines_of_threads_do_not_mix)
{
	FILE *out = tmpfile();
	int saved = dup(STDERR_FILENO), lines = 0;
	char name[] = "thread";
	pthread_t threads[4];
	char line[LINE * 2];

	ck_assert_ptr_nonnull(out);
	dup2(fileno(out), STDERR_FILENO);
	log_open("test_log", true, LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_create(&threads[i], NULL, write_lines, name);
	for (size_t i = 0; i < ARRAY_SIZE(threads); i++)
		pthread_join(threads[i], NULL);
	log_set_level(LOG_LEVEL_ERROR);
	log_text(LOG_LEVEL_WARNING, "not to be seen");
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(out);
	while (fgets(line, sizeof line, out) != NULL) {
		size_t n = strlen(line);

		ck_assert_int_eq(line[n - 1], '\n');
		line[n - 1] = '\0';
		check_printable(line, n - 1);
		ck_assert_ptr_eq(strstr(line, "test_log["), line);
		ck_assert(
		    strstr(line, "]: NOQUEUE: line of=thread forged=\"a\\x0ab\"") != NULL ||
		    strstr(line, "]: warning: thread\\x0a\\x1b[0m") != NULL);
		lines++;
	}
	ck_assert_int_eq(lines, 4 * 200 * 2);
	fclose(out);
}
END_TEST

START_TEST(long_text_is_cut)
{
	static char megabyte[1 << 20];
	FILE *out = tmpfile();
	int saved = dup(STDERR_FILENO);
	char line[LINE * 4];
	size_t n;

	memset(megabyte, '\n', sizeof megabyte - 1);
	dup2(fileno(out), STDERR_FILENO);
	log_open("test_log", true, LOG_LEVEL_INFO);
	log_text(LOG_LEVEL_ERROR, "%s", megabyte);
	dup2(saved, STDERR_FILENO);
	close(saved);
	rewind(out);
	n = fread(line, 1, sizeof line, out);
	ck_assert_uint_gt(n, 1000);
	ck_assert_uint_lt(n, LINE + 128);
	ck_assert_ptr_eq(memchr(line, '\n', n), line + n - 1);
	fclose(out);
}
END_TEST

/* Lines cost no look of their own; a daemon that comes is noticed, and so is one that goes. */
START_TEST(syslog_only_where_it_is_heard)
{
	static const struct {
		int error;
		bool heard;
	} table[] = { { ENOENT, false }, { 0, true }, { ECONNREFUSED, false },
		{ EPROTOTYPE, true }, { ENOENT, false } };

	log_open("test_log", false, LOG_LEVEL_INFO);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		connect_errno = table[i].error;
		usleep(110000);
		looks = told = 0;
		for (int k = 0; k < 1000; k++)
			log_text(LOG_LEVEL_INFO, "line");
		ck_assert_int_ge(looks, 1);
		ck_assert_int_lt(looks, 100);
		ck_assert_msg(told == (table[i].heard ? 1000 : 0), "case %zu: %d", i, told);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("log");
	TCase *cases = tcase_create("log");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 60);
	tcase_add_test(cases, values);
	tcase_add_test(cases, queue_ids_and_numbers);
	tcase_add_test(cases, long_values_are_cut);
	tcase_add_test(cases, lines_of_threads_do_not_mix);
	tcase_add_test(cases, long_text_is_cut);
	tcase_add_test(cases, syslog_only_where_it_is_heard);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
