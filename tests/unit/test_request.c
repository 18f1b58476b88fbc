/* test_request - what Postfix says about a message, and what nobody may say. */
#include <check.h>

#include "request.h"

static struct attr_request attributes;
static struct policy_request request;

/* name=value lines, as attr_scan gives them. */
static const char *read_lines(const char *lines)
{
	static struct buf b = BUF_INIT(1 << 16);
	size_t used;

	buf_reset(&b);
	buf_add_cstr(&b, lines);
	buf_add_char(&b, '\n');
	ck_assert_int_eq(
	    attr_scan(buf_span(&b), &attr_limits_policy, &attributes, &used), ATTR_COMPLETE);
	return request_read(&attributes, &request);
}

#define HEAD "request=smtpd_access_policy\n"
#define RCPT HEAD "protocol_state=RCPT\ninstance=1.2\nrecipient=a@b.example\n"

START_TEST(all_fields)
{
	ck_assert_ptr_null(
	    read_lines(HEAD "protocol_state=END-OF-MESSAGE\nprotocol_name=ESMTP\n"
			    "client_address=2001:db8::1\nqueue_id=4c0Yb12345z\ninstance=7f.65\n"
			    "sender=a@x.example\nrecipient=\nrecipient_count=50\nsize=12345\n"
			    "sasl_username=joe\nserver_port=587\npolicy_context=submission\n"
			    "mail_version=3.8.0\ntls_sni=\n"));
	ck_assert_int_eq(request.state, STATE_END_OF_MESSAGE);
	ck_assert(span_eq(request.client_address, SPAN("2001:db8::1")));
	ck_assert(span_eq(request.queue_id, SPAN("4c0Yb12345z")));
	ck_assert(span_eq(request.instance, SPAN("7f.65")));
	ck_assert(span_eq(request.sender, SPAN("a@x.example")));
	ck_assert(span_eq(request.login, SPAN("joe")));
	ck_assert(span_eq(request.context, SPAN("submission")));
	ck_assert_uint_eq(request.recipient.n, 0);
	ck_assert_uint_eq(request.recipient_count, 50);
	ck_assert_uint_eq(request.size, 12345);
	ck_assert_uint_eq(request.server_port, 587);
}
END_TEST

START_TEST(states)
{
	static const struct {
		const char *word;
		enum protocol_state state;
	} table[] = {
		{ "CONNECT", STATE_CONNECT },
		{ "EHLO", STATE_EHLO },
		{ "HELO", STATE_HELO },
		{ "MAIL", STATE_MAIL },
		{ "RCPT", STATE_RCPT },
		{ "DATA", STATE_DATA },
		{ "END-OF-MESSAGE", STATE_END_OF_MESSAGE },
		{ "VRFY", STATE_VRFY },
		{ "ETRN", STATE_ETRN },
		{ "XCLIENT", STATE_XCLIENT },
		{ "BDAT", STATE_OTHER },
		{ "rcpt", STATE_OTHER },
		{ "RCPT ", STATE_OTHER },
	};

	for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
		char lines[256];

		snprintf(lines, sizeof lines,
		    HEAD "protocol_state=%s\ninstance=1\nrecipient=a@b.example\n",
		    table[i].word);
		ck_assert_msg(read_lines(lines) == NULL, "%s", table[i].word);
		ck_assert_int_eq(request.state, table[i].state);
	}
}
END_TEST

START_TEST(numbers)
{
	static const struct {
		const char *text;
		bool count_ok, size_ok, port_ok;
	} table[] = {
		{ "", true, true, true },
		{ "0", true, true, true },
		{ "25", true, true, true },
		{ "65535", true, true, true },
		{ "65536", true, true, false },
		{ "1000000", true, true, false },
		{ "1000001", false, true, false },
		{ "2147483648", false, true, false },
		{ "4294967296", false, true, false },
		{ "9223372036854775807", false, true, false },
		{ "9223372036854775808", false, false, false },
		{ "18446744073709551616", false, false, false },
		{ "-1", false, false, false },
		{ "+1", false, false, false },
		{ "1e3", false, false, false },
		{ "0x1", false, false, false },
		{ " 5", false, false, false },
		{ "5 ", false, false, false },
		{ "5\r", false, false, false },
		{ "\xd9\xa3", false, false, false },
	};
	static const char *const names[] = { "recipient_count", "size", "server_port" };

	for (size_t i = 0; i < ARRAY_SIZE(table); i++)
		for (size_t k = 0; k < ARRAY_SIZE(names); k++) {
			bool ok = k == 0   ? table[i].count_ok
				  : k == 1 ? table[i].size_ok
					   : table[i].port_ok;
			char lines[256];

			snprintf(lines, sizeof lines, RCPT "%s=%s\n", names[k], table[i].text);
			ck_assert_msg((read_lines(lines) == NULL) == ok, "%s=%s", names[k],
			    table[i].text);
		}
}
END_TEST

START_TEST(what_is_refused)
{
	char lines[512], instance[130];
	static const char *const bad[] = {
		"a=b\n",
		"request=\n",
		"request=junk\nprotocol_state=RCPT\ninstance=1\nrecipient=a\n",
		HEAD,
		HEAD "protocol_state=\n",
		HEAD "protocol_state=RCPT\nrecipient=a@b.example\n",
		HEAD "protocol_state=RCPT\ninstance=\nrecipient=a@b.example\n",
		HEAD "protocol_state=RCPT\ninstance=1\n",
		HEAD "protocol_state=RCPT\ninstance=1\nrecipient=\n",
		HEAD "protocol_state=END-OF-MESSAGE\n",
	};

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		ck_assert_msg(read_lines(bad[i]) != NULL, "case %zu", i);
	memset(instance, '1', sizeof instance);
	for (int n = 128; n <= 129; n++) {
		snprintf(lines, sizeof lines,
		    HEAD "protocol_state=RCPT\nrecipient=a\ninstance=%.*s\n", n, instance);
		ck_assert_int_eq(read_lines(lines) == NULL, n == 128);
	}
	ck_assert_ptr_null(read_lines(HEAD "protocol_state=CONNECT\n"));
	ck_assert_ptr_null(read_lines(HEAD "protocol_state=DATA\nrecipient_count=50\n"));
}
END_TEST

/* Always the first, also when it is empty. */
START_TEST(names_given_twice)
{
	ck_assert_ptr_null(read_lines(RCPT "sender=a@x\nsender=b@x\nsasl_username=\n"
					   "sasl_username=joe\nrecipient=c@d.example\n"
					   "protocol_state=DATA\nrequest=junk\n"));
	ck_assert(span_eq(request.sender, SPAN("a@x")));
	ck_assert_uint_eq(request.login.n, 0);
	ck_assert(span_eq(request.recipient, SPAN("a@b.example")));
	ck_assert_int_eq(request.state, STATE_RCPT);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("request");
	TCase *cases = tcase_create("request");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(cases, 120);
	tcase_add_test(cases, all_fields);
	tcase_add_test(cases, states);
	tcase_add_test(cases, numbers);
	tcase_add_test(cases, what_is_refused);
	tcase_add_test(cases, names_given_twice);
	suite_add_tcase(suite, cases);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
