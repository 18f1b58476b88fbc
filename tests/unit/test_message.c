/* test_message - header fields, edits, and what the body scan lets through. */
#include <check.h>
#include <stdlib.h>

#include "buf.h"
#include "message.h"

static struct message *new_message(void)
{
	struct message *m = message_new(SPAN("a@b"), SPAN("login"), SPAN("192.0.2.1"));

	ck_assert_ptr_nonnull(m);
	return m;
}

START_TEST(fields_are_kept_exactly)
{
	struct message *m = new_message();
	const struct header *h;
	size_t at;

	message_add_header(m, SPAN("To"), SPAN(" a\n\tb "));
	message_add_header(m, SPAN("X"), SPAN(""));
	message_add_header(m, SPAN("tO \t"), SPAN("c"));
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	ck_assert_uint_eq(m->header_count, 3);
	h = message_find_header(m, SPAN("TO"), 0, &at);
	ck_assert(span_eq(h->value, SPAN(" a\n\tb ")) && h->nth == 1 && at == 0);
	h = message_find_header(m, SPAN("to"), at + 1, &at);
	ck_assert(span_eq(h->name, SPAN("tO")) && h->nth == 2 && at == 2);
	ck_assert_ptr_null(message_find_header(m, SPAN("to"), 3, NULL));
	/* "To: a CRLF TAB b " and line ends, "X:", "tO:c", the empty line */
	ck_assert_uint_eq(message_octets(m), 12 + 4 + 6 + 2);
	message_free(&m);
}
END_TEST

START_TEST(bad_fields)
{
	static const struct {
		struct span name, value;
	} bad[] = {
		{ { "", 0 }, { "x", 1 } },
		{ { " ", 1 }, { "x", 1 } },
		{ { "A B", 3 }, { "x", 1 } },
		{ { "A:", 2 }, { "x", 1 } },
		{ { "A\n", 2 }, { "x", 1 } },
		{ { "\xc3\xa4", 2 }, { "x", 1 } },
		{ { "A\x7f", 2 }, { "x", 1 } },
		{ { "A", 1 }, { "x\n", 2 } },
		{ { "A", 1 }, { "x\ny", 3 } },
		{ { "A", 1 }, { "\n\n y", 4 } },
		{ { "A", 1 }, { "x\r", 2 } },
		{ { "A", 1 }, { "x\r\n y", 5 } },
		{ { "A", 1 }, { "x\0y", 3 } },
		{ { "A", 1 }, { "x\vy", 3 } },
		{ { "A", 1 }, { "x\fy", 3 } },
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		struct message *m = new_message();

		message_add_header(m, bad[i].name, bad[i].value);
		ck_assert_msg(m->fault == MESSAGE_BAD_HEADER, "%zu", i);
		message_free(&m);
	}
}
END_TEST

static enum message_fault with_field(size_t name, size_t value)
{
	struct message *m = new_message();
	struct buf text = BUF_INIT(1 << 20);
	enum message_fault fault;

	for (size_t i = 0; i < name + value; i++)
		buf_add_char(&text, 'x');
	message_add_header(m, span_make(text.p, name), span_make(text.p, value));
	fault = m->fault;
	buf_free(&text);
	message_free(&m);
	return fault;
}

START_TEST(bounds)
{
	struct message *m = new_message();

	ck_assert_int_eq(with_field(10, MESSAGE_HEADER_MAX - 10), MESSAGE_FINE);
	ck_assert_int_eq(with_field(10, MESSAGE_HEADER_MAX - 9), MESSAGE_HEADERS_TOO_BIG);
	ck_assert_int_eq(with_field(MESSAGE_HEADER_MAX + 1, 0), MESSAGE_HEADERS_TOO_BIG);
	for (size_t i = 0; i < MESSAGE_HEADERS_MAX; i++)
		message_add_header(m, SPAN("X"), SPAN("x"));
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	ck_assert_uint_eq(m->headers[MESSAGE_HEADERS_MAX - 1].nth, MESSAGE_HEADERS_MAX);
	message_add_header(m, SPAN("X"), SPAN("x"));
	ck_assert_int_eq(m->fault, MESSAGE_HEADERS_TOO_BIG);
	message_free(&m);
	m = new_message();
	for (size_t i = 0; i < MESSAGE_RECIPIENTS_MAX; i++)
		message_add_recipient(m, SPAN("x@y"));
	ck_assert_int_eq(m->fault, MESSAGE_FINE);
	message_add_recipient(m, SPAN("x@y"));
	ck_assert_int_eq(m->fault, MESSAGE_TOO_MANY_RECIPIENTS);
	/* The first fault is the one that is told. */
	message_add_header(m, SPAN(""), SPAN(""));
	ck_assert_int_eq(m->fault, MESSAGE_TOO_MANY_RECIPIENTS);
	message_free(&m);
}
END_TEST

struct body {
	struct span text;
	bool fine;
	size_t longest;
};

#define BODY(literal, fine, longest)                                                           \
	{                                                                                      \
		{ (literal), sizeof(literal) - 1 }, fine, longest                              \
	}

static const struct body bodies[] = {
	BODY("", true, 0),
	BODY("\r\n", true, 0),
	BODY("a\r\n", true, 1),
	BODY("a\r\nbcd\r\n\r\n", true, 3),
	BODY("\0\xff\t\v\r\n", true, 4),
	BODY("a", false, 0),
	BODY("\r", false, 0),
	BODY("\n", false, 0),
	BODY("a\n", false, 0),
	BODY("a\r", false, 0),
	BODY("a\rb\r\n", false, 0),
	BODY("\r\r\n", false, 0),
	BODY("\n\r\n", false, 0),
	BODY("a\r\n\n", false, 0),
	BODY("a\r\n\r", false, 0),
	BODY("a\r\nb", false, 0),
	BODY("a\nb\r\n", false, 0),
	BODY("\r\na\n\r\n", false, 0),
	BODY("\r\n ", false, 0),
};

/* However it is cut, the answer is the same. */
START_TEST(body_scan)
{
	const struct body *b = &bodies[_i];

	for (size_t cut = 1; cut <= b->text.n + 1; cut++) {
		struct message *m = new_message();

		for (size_t at = 0; at < b->text.n; at += cut)
			message_scan_body(m, span_head(span_from(b->text, at), cut));
		message_scan_body(m, SPAN(""));
		message_end_body(m);
		ck_assert_int_eq(m->fault, b->fine ? MESSAGE_FINE : MESSAGE_BAD_BODY);
		if (b->fine) {
			ck_assert_uint_eq(m->body.octets, b->text.n);
			ck_assert_uint_eq(m->body.longest, b->longest);
		}
		message_free(&m);
	}
}
END_TEST

START_TEST(edits)
{
	struct message *m = new_message();

	message_add_header(m, SPAN("X"), SPAN("1"));
	message_add_header(m, SPAN("x"), SPAN("2"));
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(message_delete_header(m, &m->headers[1]), ERR_OK);
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN(" v\n\tw")), ERR_OK);
	ck_assert_uint_eq(m->edit_count, 41);
	ck_assert(m->edits[0].kind == EDIT_DELETE_HEADER && m->edits[0].index == 2);
	ck_assert_str_eq(m->edits[0].name, "x");
	ck_assert_str_eq(m->edits[40].value, " v\n\tw");
	/* Nothing we write may begin a line of its own. */
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN("v\nBcc: x")), ERR_SYNTAX);
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN("v\r\n x")), ERR_SYNTAX);
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN("v\0")), ERR_SYNTAX);
	ck_assert_int_eq(message_insert_header(m, 1, "Y Z", SPAN("v")), ERR_SYNTAX);
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN(" \xc3\xa4")), ERR_SYNTAX);
	ck_assert_int_eq(message_insert_header(m, 1, "Y", SPAN(" a\n \n b")), ERR_SYNTAX);
	ck_assert_int_eq(
	    message_change_header(m, &m->headers[0], SPAN(" v\nBcc: x")), ERR_SYNTAX);
	ck_assert_int_eq(message_change_header(m, &m->headers[0], SPAN("")), ERR_SYNTAX);
	ck_assert_uint_eq(m->edit_count, 41);
	ck_assert_int_eq(message_change_header(m, &m->headers[1], SPAN(" w")), ERR_OK);
	ck_assert(m->edits[41].kind == EDIT_CHANGE_HEADER && m->edits[41].index == 2);
	message_free(&m);
}
END_TEST

/* What is signed is what Postfix has after the same edits: here on paper. */
START_TEST(final_fields)
{
	struct message *m = new_message(), final;
	const struct header *h;
	struct buf names = BUF_INIT(256);
	size_t at;

	message_add_header(m, SPAN("A"), SPAN(" 1"));
	message_add_header(m, SPAN("B"), SPAN(" 1"));
	message_add_header(m, SPAN("a"), SPAN(" 2"));
	message_add_header(m, SPAN("A"), SPAN(" 3"));
	h = message_find_header(m, SPAN("A"), 2, &at);
	ck_assert_int_eq(
	    message_delete_header(m, message_find_header(m, SPAN("A"), 3, NULL)), 0);
	ck_assert_int_eq(message_delete_header(m, h), 0);
	ck_assert_int_eq(message_change_header(m, &m->headers[1], SPAN(" one")), 0);
	ck_assert_int_eq(message_insert_header(m, 1, "N", SPAN(" top")), 0);
	ck_assert_int_eq(message_insert_header(m, 3, "M", SPAN(" third")), 0);
	ck_assert_int_eq(message_insert_header(m, 99, "Z", SPAN(" last")), 0);
	ck_assert_int_eq(message_change_sender(m, SPAN("x@y")), 0);
	ck_assert_int_eq(message_final(m, &final), ERR_OK);
	for (size_t i = 0; i < final.header_count; i++)
		buf_printf(&names, "%.*s:%.*s|", SPAN_ARG(final.headers[i].name),
		    SPAN_ARG(final.headers[i].value));
	ck_assert_str_eq(buf_cstr(&names), "N: top|A: 1|M: third|B: one|Z: last|");
	/* the message itself stays as it is */
	ck_assert_uint_eq(m->header_count, 4);
	ck_assert_str_eq(m->edits[m->edit_count - 1].value, "<x@y>");
	buf_free(&names);
	message_free(&m);
}
END_TEST

START_TEST(kept_body)
{
	struct message *m = new_message();
	char *big = calloc(1, MESSAGE_BODY_KEPT_MAX);

	ck_assert(message_keep_body(m, SPAN("a\r")) && message_keep_body(m, SPAN("\nb\r\n")));
	ck_assert(span_eq(message_final_body(m), SPAN("a\r\nb\r\n")));
	/* at the bound, and one octet over it: then what was kept is still there */
	ck_assert(message_keep_body(m, span_make(big, MESSAGE_BODY_KEPT_MAX - 6)));
	ck_assert_uint_eq(m->kept.n, MESSAGE_BODY_KEPT_MAX);
	ck_assert(!message_keep_body(m, SPAN("x")));
	ck_assert_uint_eq(m->kept.n, MESSAGE_BODY_KEPT_MAX);
	message_drop_body(m);
	ck_assert_uint_eq(m->kept.n, 0);
	free(big);
	message_free(&m);
}
END_TEST

START_TEST(replaced_body)
{
	static const struct {
		struct span body;
		enum err e;
	} table[] = {
		{ { "x\r\n", 3 }, ERR_OK },
		{ { "", 0 }, ERR_OK },
		{ { "x", 1 }, ERR_SYNTAX },
		{ { "x\r", 2 }, ERR_SYNTAX },
		{ { "x\ny\r\n", 5 }, ERR_SYNTAX },
		{ { "x\ry\r\n", 5 }, ERR_SYNTAX },
	};
	char line[1001];

	memset(line, 'x', sizeof line);
	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		struct message *m = new_message(), final;
		struct buf body = BUF_INIT(64);

		message_scan_body(m, SPAN("old body\r\n"));
		ck_assert(message_keep_body(m, SPAN("old body\r\n")));
		buf_add_span(&body, table[i].body);
		ck_assert_int_eq(message_replace_body(m, &body), table[i].e);
		ck_assert_uint_eq(m->edit_count, table[i].e == ERR_OK);
		ck_assert_int_eq(message_final(m, &final), ERR_OK);
		ck_assert(span_eq(message_final_body(m),
		    table[i].e == ERR_OK ? table[i].body : SPAN("old body\r\n")));
		ck_assert_uint_eq(final.body.octets, message_final_body(m).n);
		buf_free(&body);
		message_free(&m);
	}
	/* no line over 998 that was not there before */
	for (size_t n = 998; n <= 999; n++) {
		struct message *m = new_message();
		struct buf body = BUF_INIT(2048);

		buf_add(&body, line, n);
		buf_add_cstr(&body, "\r\n");
		ck_assert_int_eq(
		    message_replace_body(m, &body), n == 998 ? ERR_OK : ERR_SYNTAX);
		message_scan_body(m, span_make(line, 999));
		message_scan_body(m, SPAN("\r\n"));
		buf_free(&body);
		buf_add(&body, line, n);
		buf_add_cstr(&body, "\r\n");
		ck_assert_int_eq(message_replace_body(m, &body), ERR_OK);
		buf_free(&body);
		message_free(&m);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("message");
	TCase *all = tcase_create("message");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_test(all, fields_are_kept_exactly);
	tcase_add_test(all, bad_fields);
	tcase_add_test(all, bounds);
	tcase_add_loop_test(all, body_scan, 0, ARRAY_SIZE(bodies));
	tcase_add_test(all, edits);
	tcase_add_test(all, final_fields);
	tcase_add_test(all, kept_body);
	tcase_add_test(all, replaced_body);
	suite_add_tcase(suite, all);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
