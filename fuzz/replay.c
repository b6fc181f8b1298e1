/* SPDX-License-Identifier: Apache-2.0 */
/* Runs every file of fuzz/corpus/<target> through a fuzz target; <target> is in argv[0]. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay(const char *path)
{
	static uint8_t bytes[1 << 20];
	FILE *in = fopen(path, "rb");
	uint8_t *copy;
	size_t n;

	if (in == NULL)
		return;
	n = fread(bytes, 1, sizeof(bytes), in);
	fclose(in);
	/* Allocated with its exact size, so that a sanitizer detects reads beyond it. */
	copy = malloc(n + (n == 0));
	if (copy == NULL)
		abort();
	memcpy(copy, bytes, n);
	LLVMFuzzerTestOneInput(copy, n);
	free(copy);
	printf("ok - %s\n", path);
}

int main(int argc, char **argv)
{
	const char *target = strstr(argv[0], "test_corpus_");
	char path[4096];
	struct dirent *entry;
	DIR *dir;

	(void)argc;
	if (target == NULL)
		return 2;
	target += strlen("test_corpus_");
	snprintf(path, sizeof(path), "fuzz/corpus/%s", target);
	dir = opendir(path);
	if (dir == NULL)
		return 1;
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "fuzz/corpus/%s/%.200s", target, entry->d_name);
		replay(path);
	}
	closedir(dir);
	return 0;
}
