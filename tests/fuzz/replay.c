/* replay - runs a fuzz target over files instead of under a fuzzer: each argument is a file, or a
 * directory whose files (at any depth) are run. Prints how many; a finding ends the program. */
#include <ftw.h>
#include <sys/stat.h>

#include "base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static unsigned long inputs; /* nftw has no argument for its callback */

static int run_file(const char *path, const struct stat *st, int type, struct FTW *place UNUSED)
{
	size_t n = (size_t)st->st_size;
	uint8_t *bytes;
	FILE *f;

	if (type != FTW_F)
		return type == FTW_NS || type == FTW_DNR ? 1 : 0;
	f = fopen(path, "rb");
	if (f == NULL)
		return 1;
	/* Exactly as long as the file, so that a read past the end is seen. */
	bytes = malloc(n > 0 ? n : 1);
	if (bytes == NULL || fread(bytes, 1, n, f) != n) {
		free(bytes);
		fclose(f);
		return 1;
	}
	fclose(f);
	/* The finding's name, should there be one, is the last line printed. */
	fprintf(stderr, "%s\n", path);
	LLVMFuzzerTestOneInput(bytes, n);
	free(bytes);
	inputs++;
	return 0;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		if (nftw(argv[i], run_file, 16, FTW_PHYS) != 0) {
			fprintf(stderr, "replay: %s cannot be read\n", argv[i]);
			return 1;
		}
	}
	printf("%lu inputs\n", inputs);
	return 0;
}
