/*
 * milnull - the cheapest libmilter filter that still sees the whole message.
 *
 *   milnull -s inet:port@127.0.0.1|unix:/path [-a] [-q] [-k] [-c]
 *
 *   (default)  every callback registered, accepts at end of message
 *   -a         adds one header at end of message
 *   -q         asks the MTA not to wait for replies before end of message
 *   -c         answers CONTINUE, not ACCEPT, at end of message (milload -r quitnc)
 *   -k         declines every event it can: what a filter costs at least
 */
#include <getopt.h>
#include <libmilter/mfapi.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int add, quiet, skip, cont;

static sfsistat go(void)
{
	return quiet ? SMFIS_NOREPLY : SMFIS_CONTINUE;
}

static sfsistat on_connect(SMFICTX *c, char *h, struct sockaddr *a)
{
	(void)c;
	(void)h;
	(void)a;
	return go();
}

static sfsistat on_str(SMFICTX *c, char *s)
{
	(void)c;
	(void)s;
	return go();
}

static sfsistat on_args(SMFICTX *c, char **a)
{
	(void)c;
	(void)a;
	return go();
}

static sfsistat on_header(SMFICTX *c, char *n, char *v)
{
	(void)c;
	(void)n;
	(void)v;
	return go();
}

static sfsistat on_plain(SMFICTX *c)
{
	(void)c;
	return go();
}

static sfsistat on_body(SMFICTX *c, unsigned char *p, size_t n)
{
	(void)c;
	(void)p;
	(void)n;
	return go();
}

static sfsistat on_eom(SMFICTX *c)
{
	if (add)
		smfi_addheader(c, (char[]){ "X-Lab" }, (char[]){ "one header" });
	return cont ? SMFIS_CONTINUE : SMFIS_ACCEPT;
}

static sfsistat on_end(SMFICTX *c)
{
	(void)c;
	return SMFIS_CONTINUE;
}

static sfsistat on_negotiate(SMFICTX *c, unsigned long f0, unsigned long f1, unsigned long f2,
    unsigned long f3, unsigned long *p0, unsigned long *p1, unsigned long *p2,
    unsigned long *p3)
{
	unsigned long nr = SMFIP_NR_CONN | SMFIP_NR_HELO | SMFIP_NR_MAIL | SMFIP_NR_RCPT |
			   SMFIP_NR_DATA | SMFIP_NR_HDR | SMFIP_NR_EOH | SMFIP_NR_BODY;
	unsigned long no = SMFIP_NOCONNECT | SMFIP_NOHELO | SMFIP_NOMAIL | SMFIP_NORCPT |
			   SMFIP_NODATA | SMFIP_NOHDRS | SMFIP_NOEOH | SMFIP_NOBODY;

	(void)c;
	(void)f2;
	(void)f3;
	*p0 = f0 & (add ? SMFIF_ADDHDRS : 0UL);
	*p1 = skip ? f1 & no : quiet ? f1 & nr : 0;
	*p2 = *p3 = 0;
	return SMFIS_CONTINUE;
}

int main(int argc, char **argv)
{
	struct smfiDesc d = {
		.xxfi_name = (char[]){ "milnull" },
		.xxfi_version = SMFI_VERSION,
		.xxfi_flags = SMFIF_ADDHDRS,
		.xxfi_connect = on_connect,
		.xxfi_helo = on_str,
		.xxfi_envfrom = on_args,
		.xxfi_envrcpt = on_args,
		.xxfi_header = on_header,
		.xxfi_eoh = on_plain,
		.xxfi_body = on_body,
		.xxfi_eom = on_eom,
		.xxfi_abort = on_end,
		.xxfi_close = on_end,
		.xxfi_data = on_plain,
		.xxfi_negotiate = on_negotiate,
	};
	char *sock = NULL;
	int o;

	while ((o = getopt(argc, argv, "s:aqkc")) != -1) {
		if (o == 's')
			sock = optarg;
		else if (o == 'a')
			add = 1;
		else if (o == 'q')
			quiet = 1;
		else if (o == 'k')
			skip = 1;
		else if (o == 'c')
			cont = 1;
		else
			return 2;
	}
	if (sock == NULL || smfi_setconn(sock) != MI_SUCCESS ||
	    smfi_register(d) != MI_SUCCESS) {
		fprintf(stderr,
		    "usage: milnull -s inet:port@127.0.0.1|unix:/path [-a] [-q] [-k] [-c]\n");
		return 2;
	}
	return smfi_main() != MI_SUCCESS;
}
