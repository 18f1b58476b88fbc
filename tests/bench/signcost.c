/*
 * signcost - what one signature costs in process, and where it goes.
 *
 *   signcost -k KEY.pem -m evp|rsa-pem|rsa-der|odk-pem|odk-der|odk-cached
 *            [-f MESSAGE.eml] [-j threads] [-T seconds] [-e] [-S]
 *            [-l label] [-o FILE]
 *
 *   evp         EVP_PKEY_sign with one long-lived key: the floor
 *   rsa-pem     parse the PEM key, RSA_sign, free: what libopendkim does
 *   rsa-der     the same from DER
 *   odk-pem     libopendkim signs the whole message, key given as PEM
 *   odk-der     ... key given as base64 DER (libopendkim accepts both)
 *   odk-cached  ... PEM_read_bio_PrivateKey() interposed: returns a cached key
 *   -e          ed25519 instead of RSA (evp and odk-* modes)
 *   -S          simple body canonicalization instead of relaxed
 *   -o FILE     write one signed message, for dkimcheck
 */
#include "lab.h"
#include <dlfcn.h>
#include <opendkim/dkim.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdbool.h>

static const char *mode, *label = "-", *dump;
static int threads = 1, ed;
static dkim_canon_t bodycanon = DKIM_CANON_RELAXED;
static double limit = 3;
static char *pem, *der64, *head, *body;
static size_t pemlen, bodylen, msgsize;
static unsigned char *der;
static int derlen;
static EVP_PKEY *cached;
static int use_cache;
static volatile int stop;
static DKIM_LIB *lib;

/* Found before libcrypto's by libopendkim. */
EVP_PKEY *PEM_read_bio_PrivateKey(BIO *b, EVP_PKEY **x, pem_password_cb *cb, void *u)
{
	static EVP_PKEY *(*real)(BIO *, EVP_PKEY **, pem_password_cb *, void *);

	if (use_cache) {
		EVP_PKEY_up_ref(cached);
		return cached;
	}
	if (real == NULL)
		*(void **)&real = dlsym(RTLD_NEXT, "PEM_read_bio_PrivateKey");
	return real(b, x, cb, u);
}

static void one_evp(void)
{
	unsigned char md[32] = { 1 }, sig[512];
	size_t n = sizeof sig;
	int ok;

	if (ed) {
		EVP_MD_CTX *m = EVP_MD_CTX_new();

		ok = EVP_DigestSignInit(m, NULL, NULL, NULL, cached) == 1 &&
		     EVP_DigestSign(m, sig, &n, md, sizeof md) == 1;
		EVP_MD_CTX_free(m);
	} else {
		EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(cached, NULL);

		ok = EVP_PKEY_sign_init(c) == 1 &&
		     EVP_PKEY_CTX_set_rsa_padding(c, RSA_PKCS1_PADDING) == 1 &&
		     EVP_PKEY_CTX_set_signature_md(c, EVP_sha256()) == 1 &&
		     EVP_PKEY_sign(c, sig, &n, md, sizeof md) == 1;
		EVP_PKEY_CTX_free(c);
	}
	if (!ok)
		die("sign failed");
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static void one_rsa(int isder)
{
	unsigned char md[32] = { 1 }, sig[512];
	unsigned n = sizeof sig;
	BIO *b = isder ? BIO_new_mem_buf(der, derlen) : BIO_new_mem_buf(pem, (int)pemlen);
	EVP_PKEY *k =
	    isder ? d2i_PrivateKey_bio(b, NULL) : PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	RSA *r = k ? EVP_PKEY_get1_RSA(k) : NULL;

	if (r == NULL || RSA_sign(NID_sha256, md, sizeof md, sig, &n, r) != 1)
		die("sign failed");
	RSA_free(r);
	EVP_PKEY_free(k);
	BIO_free(b);
}

static void one_odk(const char *key)
{
	DKIM_STAT st;
	DKIM *d = dkim_sign(lib, (const unsigned char *)"id", NULL,
	    (dkim_sigkey_t)(uintptr_t)key, (const unsigned char *)"s1",
	    (const unsigned char *)"d0.example", DKIM_CANON_RELAXED, bodycanon,
	    ed ? DKIM_SIGN_ED25519SHA256 : DKIM_SIGN_RSASHA256, -1, &st);
	unsigned char *hdr;
	size_t hlen, at;
	char *p = head, *e;

	if (d == NULL)
		die("dkim_sign: %s", dkim_getresultstr(st));
	while (*p) {
		e = p;
		while ((e = strstr(e, "\r\n")) != NULL && (e[2] == ' ' || e[2] == '\t'))
			e += 2;
		if ((st = dkim_header(d, (unsigned char *)p, (size_t)(e - p))) != DKIM_STAT_OK)
			die("dkim_header: %s", dkim_getresultstr(st));
		p = e + 2;
	}
	if ((st = dkim_eoh(d)) != DKIM_STAT_OK)
		die("dkim_eoh: %s", dkim_getresultstr(st));
	for (at = 0; at < bodylen; at += 65535)
		if (dkim_body(d, (unsigned char *)body + at,
			bodylen - at < 65535 ? bodylen - at : 65535) != DKIM_STAT_OK)
			die("dkim_body");
	if ((st = dkim_eom(d, NULL)) != DKIM_STAT_OK ||
	    (st = dkim_getsighdr_d(d, 16, &hdr, &hlen)) != DKIM_STAT_OK)
		die("dkim_eom: %s: %s", dkim_getresultstr(st), dkim_geterror(d));
	if (dump != NULL) {
		FILE *f = fopen(dump, "w");

		if (f == NULL)
			die("%s: %s", dump, strerror(errno));
		fputs("DKIM-Signature: ", f);
		for (p = (char *)hdr; *p; p++) {
			if (*p == '\n' && (p == (char *)hdr || p[-1] != '\r'))
				fputc('\r', f);
			fputc(*p, f);
		}
		fprintf(f, "\r\n%s\r\n", head);
		fwrite(body, 1, bodylen, f);
		fclose(f);
		dump = NULL;
	}
	dkim_free(d);
}

static void *worker(void *arg)
{
	long n = 0;

	while (!stop) {
		if (!strcmp(mode, "evp"))
			one_evp();
		else if (!strcmp(mode, "rsa-pem"))
			one_rsa(0);
		else if (!strcmp(mode, "rsa-der"))
			one_rsa(1);
		else
			one_odk(!strcmp(mode, "odk-der") ? der64 : pem);
		n++;
	}
	*(long *)arg = n;
	return NULL;
}

static char *slurp(const char *path, size_t *len)
{
	FILE *f = fopen(path, "r");
	struct stat st;
	char *p;

	if (f == NULL || fstat(fileno(f), &st) != 0)
		die("%s: %s", path, strerror(errno));
	p = xalloc((size_t)st.st_size + 1);
	*len = fread(p, 1, (size_t)st.st_size, f);
	fclose(f);
	return p;
}

int main(int argc, char **argv)
{
	const char *key = NULL, *msg = NULL;
	pthread_t t[64];
	long n[64] = { 0 }, total = 0;
	struct meter m = { 0 };
	double secs;
	int opt, i;

	while ((opt = getopt(argc, argv, "k:m:f:j:T:eSl:o:")) != -1)
		switch (opt) {
		case 'k': key = optarg; break;
		case 'm': mode = optarg; break;
		case 'f': msg = optarg; break;
		case 'j': threads = atoi(optarg); break;
		case 'T': limit = atof(optarg); break;
		case 'e': ed = 1; break;
		case 'S': bodycanon = DKIM_CANON_SIMPLE; break;
		case 'l': label = optarg; break;
		case 'o': dump = optarg; break;
		default: return 2;
		}
	if (!key || !mode || threads < 1 || threads > 64)
		die("usage: signcost -k KEY.pem -m MODE [options], see the source");
	pem = slurp(key, &pemlen);
	BIO *b = BIO_new_mem_buf(pem, (int)pemlen);
	cached = PEM_read_bio_PrivateKey(b, NULL, NULL, NULL);
	if (cached == NULL)
		die("%s: not a private key", key);
	derlen = i2d_PrivateKey(cached, &der);
	der64 = xalloc((size_t)derlen * 2);
	EVP_EncodeBlock((unsigned char *)der64, der, derlen);
	use_cache = !strcmp(mode, "odk-cached");
	if (!strncmp(mode, "odk", 3)) {
		size_t len, k, w;
		char *raw, *crlf;

		if (msg == NULL)
			die("odk modes need -f");
		raw = slurp(msg, &len);
		crlf = xalloc(2 * len + 1);
		for (k = w = 0; k < len; k++) {
			if (raw[k] == '\n' && (k == 0 || raw[k - 1] != '\r'))
				crlf[w++] = '\r';
			crlf[w++] = raw[k];
		}
		msgsize = w;
		body = strstr(crlf, "\r\n\r\n");
		if (body == NULL)
			die("no body");
		body[2] = 0;
		head = crlf;
		body += 4;
		bodylen = w - (size_t)(body - crlf);
		if ((lib = dkim_init(NULL, NULL)) == NULL)
			die("dkim_init");
	}
	meter_start(&m);
	for (i = 0; i < threads; i++)
		pthread_create(&t[i], NULL, worker, &n[i]);
	usleep((useconds_t)(limit * 1e6));
	stop = 1;
	for (i = 0; i < threads; i++) {
		pthread_join(t[i], NULL);
		total += n[i];
	}
	printf("RESULT label=%s conns=%d", label, threads);
	secs = meter_print(&m, (double)total);
	printf(" ops=%.0f mbps=%.1f failed=0 unfinished=0\n", (double)total / secs,
	    (double)total / secs * (double)msgsize / 1e6);
	return 0;
}
