/* test_held - the queue listing, the lists of held ids, and the files they are kept in. */
#include <check.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "file.h"
#include "held.h"

static const struct {
	const char *line;
	enum err result;
	bool on_hold;
	const char *id, *sender;
} rows[] = {
	{ "{\"queue_name\": \"deferred\", \"queue_id\": \"4jX\", \"sender\": \"a@b.c\", "
	  "\"recipients\": [{\"address\": \"x\"}]}",
	    ERR_OK, false, "4jX", "a@b.c" },
	{ "{\"queue_name\":\"hold\",\"queue_id\":\"A1\",\"sender\":\"\\\"a,\\\\u0022 "
	  "b\\\"@b.c\"}",
	    ERR_OK, true, "A1", "\"a,\\u0022 b\"@b.c" },
	{ "", ERR_SYNTAX, false, NULL, NULL },
	{ "postqueue: warning: x", ERR_SYNTAX, false, NULL, NULL },
	{ "[]", ERR_SYNTAX, false, NULL, NULL },
	{ "{\"queue_name\":\"hold\",\"queue_id\":7,\"sender\":\"\"}", ERR_SYNTAX, false, NULL,
	    NULL },
	{ "{\"queue_name\":\"hold\",\"queue_id\":\"\",\"sender\":\"\"}", ERR_SYNTAX, false,
	    NULL, NULL },
	/* an id that would be another line, or all messages, for postsuper */
	{ "{\"queue_name\":\"x\",\"queue_id\":\"A\\nB\",\"sender\":\"\"}", ERR_SYNTAX, false,
	    NULL, NULL },
	{ "{\"queue_name\":\"x\",\"queue_id\":\"-\",\"sender\":\"\"}", ERR_SYNTAX, false, NULL,
	    NULL },
};

START_TEST(parses)
{
	struct held_message m;

	ck_assert_int_eq(held_parse(span_cstr(rows[_i].line), &m), rows[_i].result);
	if (rows[_i].result != ERR_OK)
		return;
	ck_assert_int_eq(m.on_hold, rows[_i].on_hold);
	ck_assert_str_eq(m.queue_id, rows[_i].id);
	ck_assert_str_eq(m.sender, rows[_i].sender);
}
END_TEST

START_TEST(keeps_lists)
{
	char path[] = "/tmp/penguin-held-XXXXXX", below[64];
	struct buf ids = BUF_INIT(1024);
	struct stat st;
	int directory;

	ck_assert_ptr_nonnull(mkdtemp(path));
	ck_assert_int_eq(held_open(path, false, &directory), ERR_NOTFOUND);
	ck_assert_int_eq(held_open(path, true, &directory), ERR_OK);
	ck_assert_int_eq(held_read(directory, "acme", &ids), ERR_NOTFOUND);
	ck_assert_int_eq(held_write(directory, "acme", SPAN("A\nB\n")), ERR_OK);
	ck_assert_int_eq(held_write(directory, "acme", SPAN("A\nB\nC\n")), ERR_OK);
	ck_assert_int_eq(held_read(directory, "acme", &ids), ERR_OK);
	ck_assert_str_eq(buf_cstr(&ids), "A\nB\nC\n");
	ck_assert_int_eq(fstatat(directory, "acme", &st, 0), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0600);
	ck_assert_int_eq(held_remove(directory, "acme"), ERR_OK);
	ck_assert_int_eq(held_remove(directory, "acme"), ERR_OK);
	close(directory);
	/* open to others, or a link: not trusted */
	(void)snprintf(below, sizeof below, "%s/held", path);
	ck_assert_int_eq(chmod(below, 0777), 0);
	ck_assert_int_eq(held_open(path, true, &directory), ERR_DENIED);
	ck_assert_int_eq(rmdir(below), 0);
	ck_assert_int_eq(symlink("/tmp", below), 0);
	ck_assert_int_eq(held_open(path, true, &directory), ERR_DENIED);
	ck_assert_int_eq(unlink(below), 0);
	ck_assert_int_eq(rmdir(path), 0);
	buf_free(&ids);
}
END_TEST

START_TEST(reads_and_replaces_files)
{
	char path[] = "/tmp/penguin-file-XXXXXX", file[64], link[64];
	struct buf small = BUF_INIT(4), text = BUF_INIT(5);
	struct stat st;

	ck_assert_ptr_nonnull(mkdtemp(path));
	(void)snprintf(file, sizeof file, "%s/f", path);
	(void)snprintf(link, sizeof link, "%s/l", path);
	ck_assert_int_eq(file_replace(file, SPAN("12345"), NULL), ERR_OK);
	ck_assert_int_eq(file_read(file, &small), ERR_TOOBIG);
	ck_assert_int_eq(file_read(file, &text), ERR_OK); /* as long as the cap */
	ck_assert(span_eq(buf_span(&text), SPAN("12345")));
	/* a link stays one; mode and owner stay */
	ck_assert_int_eq(chmod(file, 0640), 0);
	ck_assert_int_eq(symlink(file, link), 0);
	ck_assert_int_eq(file_replace(link, SPAN("abc"), link), ERR_OK);
	ck_assert_int_eq(lstat(link, &st), 0);
	ck_assert(S_ISLNK(st.st_mode));
	ck_assert_int_eq(stat(file, &st), 0);
	ck_assert_uint_eq(st.st_mode & 0777, 0640);
	ck_assert_int_eq(st.st_size, 3);
	ck_assert_int_eq(file_read(path, &text), ERR_SYNTAX);
	ck_assert_int_eq(unlink(link), 0);
	ck_assert_int_eq(unlink(file), 0);
	ck_assert_int_eq(rmdir(path), 0);
	buf_free(&small);
	buf_free(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("held");
	TCase *tests = tcase_create("held");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tests, parses, 0, ARRAY_SIZE(rows));
	tcase_add_test(tests, keeps_lists);
	tcase_add_test(tests, reads_and_replaces_files);
	suite_add_tcase(suite, tests);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
