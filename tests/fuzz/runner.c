/* SPDX-License-Identifier: Apache-2.0 */
/*
 * runner.c - a fuzz target without a fuzzer: every file of the corpus, then
 * inputs from a fixed seed, as a plain test for any compiler.
 *
 *	runner COUNT [CORPUS-DIR]
 */
#include "fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <string.h>

#define INPUT_MAX 4096

static uint64_t state = UINT64_C(0x706f737465726e21);

static uint32_t next(void)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 32);
}

static bool run_file(const char *path)
{
	static uint8_t buf[1 << 20];
	FILE *f = fopen(path, "rb");
	uint8_t *exact;
	size_t len;

	if (!f)
		return false;
	len = fread(buf, 1, sizeof(buf), f);
	fclose(f);
	exact = malloc(len ? len : 1);
	if (!exact)
		return false;
	memcpy(exact, buf, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
	return true;
}

static int run_corpus(const char *dir)
{
	DIR *d = opendir(dir);
	const struct dirent *e;
	int n = 0;

	if (!d)
		return -1;
	while ((e = readdir(d))) {
		char path[PATH_MAX];

		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		n += run_file(path);
	}
	closedir(d);
	return n;
}

int main(int argc, char **argv)
{
	long count = argc > 1 ? strtol(argv[1], NULL, 10) : 0;
	int files = 0;

	if (argc > 2) {
		files = run_corpus(argv[2]);
		if (files <= 0) {
			fprintf(stderr, "no corpus in %s\n", argv[2]);
			return 1;
		}
	}
	for (long i = 0; i < count; i++) {
		uint8_t input[INPUT_MAX];
		/* small bytes choose more often than they fill */
		uint8_t mask = i % 3 ? 0xff : 0x0f;
		size_t len = next() % (i % 2 ? sizeof(input) : 256);

		for (size_t k = 0; k < len; k++)
			input[k] = (uint8_t)(next() >> 8) & mask;
		LLVMFuzzerTestOneInput(input, len);
	}
	printf("1..1\nok 1 - %d files, %ld inputs\n", files, count);
	return 0;
}
