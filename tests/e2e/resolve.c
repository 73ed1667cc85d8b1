/* SPDX-License-Identifier: Apache-2.0 */
/* resolve.c - getaddrinfo(3) of each argument; built with musl, statically */
#include <arpa/inet.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

int main(int argc, char **argv)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list, *a;
	int status = 0;

	for (int i = 1; i < argc; i++) {
		int rc = getaddrinfo(argv[i], NULL, &hints, &list);
		char text[INET6_ADDRSTRLEN];

		if (rc) {
			printf("%s: %s\n", argv[i], gai_strerror(rc));
			status = 2;
			continue;
		}
		for (a = list; a; a = a->ai_next) {
			const void *p;

			if (a->ai_family == AF_INET)
				p = &((struct sockaddr_in *)(void *)a->ai_addr)
				             ->sin_addr;
			else
				p = &((struct sockaddr_in6 *)(void *)a->ai_addr)
				             ->sin6_addr;
			puts(inet_ntop(a->ai_family, p, text, sizeof(text)));
		}
		freeaddrinfo(list);
	}
	return status;
}
