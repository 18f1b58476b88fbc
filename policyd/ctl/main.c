/* penguinctl - the administrator's tool: a client of penguin-policyd's control socket that also
 * reads the configuration and edits Postfix's. It never opens the store. */
#include <locale.h>

#include "ctl.h"
#include "daemon.h"

/* -h, -V and --completion end the program. Returns -1 to go on, else the exit status. */
static int answer_about_itself(const struct grammar_match *match)
{
	const char *shell = grammar_value(match, "completion");
	struct buf text = BUF_INIT(1 << 20);
	int status = EX_OK;

	if (grammar_has(match, "version")) {
		printf("penguinctl %s\n", daemon_version());
	} else if (shell != NULL && strcmp(shell, "bash") == 0) {
		grammar_completion(&ctl_grammar, &text);
		fputs(buf_cstr(&text), stdout);
	} else if (shell != NULL) {
		ctl_error("no completion for \"%s\" (bash)", shell);
		status = EX_USAGE;
	} else if (grammar_has(match, "help")) {
		if (grammar_help(&ctl_grammar, match->words, match->word_count, &text)) {
			fputs(buf_cstr(&text), stdout);
		} else {
			ctl_error("there is no such command; see penguinctl --help");
			status = EX_USAGE;
		}
	} else {
		status = -1;
	}
	buf_free(&text);
	return status;
}

static int run(int argc, char **argv, const char **words, struct buf *error)
{
	struct grammar_match match;
	struct ctl ctl;
	int status;

	if (!grammar_scan(&ctl_grammar, argc, argv, words, &match, error))
		return EX_USAGE;
	status = answer_about_itself(&match);
	if (status >= 0)
		return status;
	if (!grammar_find(&ctl_grammar, &match, error))
		return EX_USAGE;
	if (!ctl_init(&ctl, &match))
		return EX_USAGE;
	status = match.command->run(&ctl, &match);
	ctl_deinit(&ctl);
	return status;
}

int main(int argc, char **argv)
{
	const char **words = calloc((size_t)argc + 1, sizeof *words);
	struct buf error = BUF_INIT(65536);
	int status = EX_OSERR;

	(void)setlocale(LC_CTYPE, "");
	if (words != NULL)
		status = run(argc, argv, words, &error);
	if (error.n > 0)
		ctl_error("%s\ntry \"penguinctl --help\"", buf_cstr(&error));
	if (fflush(stdout) != 0 && status == EX_OK)
		status = EX_IOERR;
	buf_free(&error);
	free(words);
	return status;
}
