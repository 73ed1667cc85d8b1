/* SPDX-License-Identifier: Apache-2.0 */
/* policy_decide.c - what a decision costs with many rules and names */
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

/* --- names --------------------------------------------------------------- */

static void fill(void *user, void *buf, size_t len)
{
	uint8_t *b = buf;

	(void)user;
	for (size_t i = 0; i < len; i++)
		b[i] = (uint8_t)rng();
}

/* The look-up of a name, and a flow to an address that a name pinned. */
static void measure_names(unsigned int n)
{
	const struct random_source random = {.fill = fill};
	static struct policy_question q[QUESTIONS];
	struct policy *p = policy_new();
	unsigned int allowed = 0;
	struct policy_answer a;
	int64_t start, asked, spent;
	char name[64];

	if (!p || policy_pins_init(p, POLICY_PINS_MAX, &random) < 0)
		exit(1);
	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%sh%u.d%u.example:443",
		         i % 2 ? "" : "*.", i, i % 977);
		if (policy_add(p, POLICY_ALLOW, name, NULL) < 0)
			exit(1);
	}
	for (unsigned int i = 0; i < QUESTIONS; i++) {
		unsigned int k = rng() % n | 1;

		q[i].host.addr = addr_ip4(93, (uint8_t)(i >> 16),
		                          (uint8_t)(i >> 8), (uint8_t)i);
		q[i].host.port = 443;
		q[i].proto = IP_PROTO_TCP;
		snprintf(name, sizeof(name), "h%u.d%u.example", k, k % 977);
		(void)!policy_learn(p, name, &q[i].host.addr, 60, false, 1, &a);
	}
	start = now_ns();
	for (unsigned int i = 0; i < QUESTIONS * ROUNDS; i++)
		policy_ask(p, name, &a);
	asked = now_ns() - start;
	start = now_ns();
	for (unsigned int i = 0; i < QUESTIONS * ROUNDS; i++) {
		policy_decide(p, &q[i % QUESTIONS], &a);
		allowed += a.action == POLICY_ALLOW;
	}
	spent = now_ns() - start;
	printf("{\"bench\": \"policy_names\", \"names\": %u, "
	       "\"ask_ns\": %.1f, \"decide_ns\": %.1f, "
	       "\"allowed\": %u}\n",
	       n, (double)asked / (QUESTIONS * ROUNDS),
	       (double)spent / (QUESTIONS * ROUNDS), allowed);
	policy_free(p);
}

int main(void)
{
	measure(10);
	measure(10000);
	measure(100000);
	measure_names(100);
	measure_names(100000);
	return 0;
}
