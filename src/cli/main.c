/* SPDX-License-Identifier: Apache-2.0 */
/* main.c - where the program starts: find the verb, call it */
#include <stdio.h>
#include <string.h>

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--version")) {
		puts("postern " POSTERN_VERSION);
		return 0;
	}
	fputs("postern: no verb yet\n", stderr);
	return 125;
}
