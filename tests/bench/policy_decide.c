/* SPDX-License-Identifier: Apache-2.0 */
/* policy_decide.c - what a decision costs with 10, 10 000, 100 000 rules */
#include "policy/policy.h"
#include "wire/headers.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define QUESTIONS 4096u
#define ROUNDS 100u

static uint64_t rng_state = 1;

static uint32_t rng(void)
{
	rng_state = rng_state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(rng_state >> 32);
}

static int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

/* Half hosts with a port, half nested prefixes of 8..28 bits. */
static struct policy *policy_of(unsigned int n)
{
	struct policy *p = policy_new();
	char text[64];

	for (unsigned int i = 0; i < n; i++) {
		uint32_t v = rng();
		unsigned int keep = i % 2 ? 8 + rng() % 21 : 32;
		struct error err = {0};

		v &= 0xffffffffu << (32 - keep);
		snprintf(text, sizeof(text), "%u.%u.%u.%u/%u:%u", v >> 24,
		         v >> 16 & 255, v >> 8 & 255, v & 255, keep,
		         1 + rng() % 65535);
		if (!p || policy_add(p, i % 3 ? POLICY_ALLOW : POLICY_DENY,
		                     text, &err) < 0) {
			fprintf(stderr, "%s: %s\n", text, err.text);
			exit(1);
		}
	}
	return p;
}

static void measure(unsigned int n)
{
	static struct policy_question q[QUESTIONS];
	struct policy *p = policy_of(n);
	unsigned int denied = 0;
	int64_t start, spent;

	for (unsigned int i = 0; i < QUESTIONS; i++) {
		uint32_t v = rng();

		q[i].host.addr =
			addr_ip4((uint8_t)(v >> 24), (uint8_t)(v >> 16),
		                 (uint8_t)(v >> 8), (uint8_t)v);
		q[i].host.port = (uint16_t)rng();
		q[i].proto = IP_PROTO_TCP;
	}
	start = now_ns();
	for (unsigned int i = 0; i < QUESTIONS * ROUNDS; i++) {
		struct policy_answer a;

		policy_decide(p, &q[i % QUESTIONS], &a);
		denied += a.action == POLICY_DENY;
	}
	spent = now_ns() - start;
	printf("{\"bench\": \"policy_decide\", \"rules\": %u, "
	       "\"ns\": %.1f, \"denied\": %u}\n",
	       n, (double)spent / (QUESTIONS * ROUNDS), denied);
	policy_free(p);
}

int main(void)
{
	measure(10);
	measure(10000);
	measure(100000);
	return 0;
}
