/* SPDX-License-Identifier: Apache-2.0 */
/* test_who.c - what is told once the process is known, or in time without */
#include "fakes.h"

#include "observe/flowlog.h"

#include <sys/mman.h>
#include <unistd.h>

static struct fake k;
static struct frontend_ops ops;
static struct flowlog *flow_log;
static int log_fd;
static int ask_rc, asked;
static uint64_t token;
static const struct frontend_who node = {.pid = 4121,
                                         .lookup = true,
                                         .name = "node",
                                         .comm = "MainThread",
                                         .exe = "/usr/bin/node"};

static int fe_who_ask(void *user, uint64_t ref, uint8_t proto,
                      const struct tuple *t, uint64_t number)
{
	(void)user, (void)ref, (void)proto, (void)t;
	if (ask_rc < 0)
		return ask_rc;
	asked++;
	token = number;
	return 0;
}

static bool fe_who(void *user, uint64_t ref, struct frontend_who *who)
{
	(void)user, (void)ref;
	*who = (struct frontend_who){
		.tid = 4122, .name = "node", .exe = "/usr/bin/node"};
	return true;
}

static void start(void)
{
	struct flow_config c = fake_config();
	struct flowlog_config lc = {.sinks = {{.fd = -1}, {.fd = -1}}};
	struct flow_rooms rooms = {
		.frontend = &ops,
		.frontend_user = &k,
		.host = &fake_host,
		.host_user = &k,
		.denied = fake_line,
		.denied_user = &k,
		.random = {fake_fill, &k},
	};

	memset(&k, 0, sizeof(k));
	ops = fake_frontend;
	ops.who_ask = fe_who_ask;
	ask_rc = asked = 0;
	log_fd = memfd_create("log", MFD_CLOEXEC);
	assert_true(log_fd >= 0);
	lc.sinks[0].fd = log_fd;
	flow_log = flowlog_new(&lc);
	rooms.log = flow_log;
	k.next_fd = 100;
	k.connect_rc = -EINPROGRESS;
	k.now = 1000 * NS_PER_S;
	rooms.policy = k.policy = policy_new();
	fake_allow(&k, "192.0.2.1");
	k.ft = flow_table_new(&c, &rooms);
	assert_non_null(k.ft);
}

static void stop(void)
{
	flow_turn_end(k.ft, k.now);
	flow_log_end(k.ft, k.now);
	fake_fini(&k);
	flowlog_free(flow_log);
	close(log_fd);
}

/* The log so far, in a buffer of its own. */
static const char *logged(void)
{
	static char text[65536];
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	assert_true(n >= 0);
	text[n] = '\0';
	return text;
}

static int lines(const char *text)
{
	int n = 0;

	for (; (text = strchr(text, '\n')); text++)
		n++;
	return n;
}

static int open_to(const char *host, uint16_t port, uint64_t ref,
                   struct flow_id *id)
{
	struct tuple t = tup(40000, host, port);

	return flow_tcp_open(k.ft, &t, ref, k.now, id);
}

static void a_denial_waits_for_its_process(void **state)
{
	struct flow_id id;

	(void)state;
	start();
	assert_int_equal(open_to("192.0.2.9", 443, 7, &id), 0);
	assert_int_equal(k.lines, 0);
	assert_int_equal(k.refused, 0);
	assert_string_equal(logged(), "");
	/* it may go away meanwhile: no flow is behind the id */
	flow_close(k.ft, id, true, k.now);
	assert_true(flow_deadline(k.ft) <= k.now + WHO_WAIT_NS);
	flow_who_told(k.ft, token, &node, k.now + NS_PER_MS);
	assert_int_equal(k.lines, 1);
	assert_non_null(strstr(k.line, "(no rule allows it) by node[4121]; "
	                               "allow with --allow 192.0.2.9:443"));
	assert_int_equal(k.refused, 1);
	assert_int_equal(k.last_ref, 7);
	assert_int_equal(k.last_err, -EACCES);
	assert_non_null(strstr(logged(), "\"pid\":4121"));
	assert_non_null(strstr(logged(), "\"comm\":\"MainThread\""));
	assert_non_null(strstr(logged(), "\"exe\":\"/usr/bin/node\""));
	assert_non_null(strstr(logged(), "\"process_how\":\"lookup\""));
	/* said twice: nobody listens */
	flow_who_told(k.ft, token, &node, k.now);
	flow_who_told(k.ft, token + 1, &node, k.now);
	assert_int_equal(k.refused, 1);
	/* the same again is no news, another program's is */
	assert_int_equal(open_to("192.0.2.9", 443, 8, &id), 0);
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(k.lines, 1);
	assert_int_equal(open_to("192.0.2.9", 443, 9, &id), 0);
	flow_who_told(k.ft, token,
	              &(struct frontend_who){.pid = 2, .name = "curl"}, k.now);
	assert_int_equal(k.lines, 2);
	/* of what nobody is known: told already */
	ask_rc = -ENOENT;
	assert_int_equal(open_to("192.0.2.9", 443, 9, &id), -EACCES);
	assert_int_equal(k.lines, 2);
	stop();
}

static void nobody_waits_for_long(void **state)
{
	struct flow_id id;

	(void)state;
	start();
	assert_int_equal(open_to("192.0.2.9", 443, 7, &id), 0);
	k.now += WHO_WAIT_NS - 1;
	flow_run(k.ft, k.now);
	assert_int_equal(k.refused, 0);
	k.now += 1;
	flow_run(k.ft, k.now);
	assert_int_equal(k.refused, 1);
	assert_int_equal(k.lines, 1);
	assert_null(strstr(k.line, " by "));
	assert_null(strstr(logged(), "process_how"));
	assert_int_equal(flow_deadline(k.ft), TIME_NEVER);
	/* too late */
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(k.lines, 1);
	/* and where it cannot be asked at all, at once */
	ask_rc = -ENOENT;
	assert_int_equal(open_to("192.0.2.10", 443, 7, &id), -EACCES);
	assert_int_equal(k.lines, 2);
	stop();
}

static void datagrams_get_their_error_later(void **state)
{
	struct tuple t = tup(40000, "192.0.2.9", 53);

	(void)state;
	start();
	assert_int_equal(flow_udp_send(k.ft, &t, 0, "x", 1, 0, k.now), -EAGAIN);
	assert_int_equal(k.errors, 0);
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(k.errors, 1);
	assert_int_equal(k.last_err, -EACCES);
	assert_non_null(strstr(k.line, "/udp (no rule allows it) by node["));
	assert_int_equal(k.udp_opens, 0);
	stop();
}

/* Its frontend holds the thread: answered by the call, told with the process */
static void a_known_thread_is_answered_at_once(void **state)
{
	const struct frontend_who ended = {
		.pid = 4121, .name = "main", .comm = "main"};
	struct flow_id id;

	(void)state;
	start();
	ops.who = fe_who;
	assert_int_equal(open_to("192.0.2.9", 443, 7, &id), -EACCES);
	assert_int_equal(k.lines, 0);
	flow_who_told(k.ft, token, &ended, k.now);
	assert_int_equal(k.refused, 0);
	assert_non_null(strstr(k.line, " by node[4121]"));
	assert_non_null(strstr(logged(), "\"pid\":4121,\"tid\":4122"));
	assert_non_null(strstr(logged(), "\"exe\":\"/usr/bin/node\""));
	assert_non_null(strstr(logged(), "\"comm\":\"main\""));
	stop();
}

static void echoes_too(void **state)
{
	struct tuple t = tup(77, "192.0.2.9", 0);

	(void)state;
	start();
	assert_int_equal(flow_echo_send(k.ft, &t, 0, 5, "x", 1, 64, k.now),
	                 -EAGAIN);
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(k.errors, 1);
	assert_int_equal(k.last_err, -EACCES);
	assert_int_equal(k.last_tuple.app.port, 77);
	assert_non_null(strstr(k.line, "192.0.2.9/icmp"));
	stop();
}

static void more_than_can_wait_is_told_at_once(void **state)
{
	struct flow_id id;
	unsigned int i;

	(void)state;
	start();
	for (i = 0; i < WHO_WAITS; i++)
		assert_int_equal(
			open_to("192.0.2.9", (uint16_t)(1 + i), i, &id), 0);
	assert_int_equal(open_to("192.0.2.9", 999, 999, &id), -EACCES);
	assert_int_equal(asked, WHO_WAITS);
	/* in any order; the oldest first makes room, others do not yet */
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(open_to("192.0.2.9", 999, 999, &id), -EACCES);
	for (i = 1; i <= WHO_WAITS; i++)
		flow_who_told(k.ft, i, &node, k.now);
	assert_int_equal(k.refused, WHO_WAITS);
	assert_int_equal(open_to("192.0.2.9", 999, 999, &id), 0);
	stop();
}

static void questions_are_bounded_in_time(void **state)
{
	struct flow_id id;
	int waiting = 0;

	(void)state;
	start();
	for (int i = 0; i < 2000; i++) {
		if (open_to("192.0.2.9", 80, 1, &id) == 0) {
			waiting++;
			flow_who_told(k.ft, token, &node, k.now);
		}
	}
	assert_int_equal(waiting, 500);
	assert_int_equal(k.lines, 1);
	k.now += NS_PER_S;
	assert_int_equal(open_to("192.0.2.9", 80, 1, &id), 0);
	stop();
}

static void openings_are_told_before_what_follows(void **state)
{
	struct flow_id id;
	const char *at;

	(void)state;
	start();
	/* known while it lives */
	assert_int_equal(open_to("192.0.2.1", 80, 7, &id), 0);
	flow_host_connected(k.ft, id, 0, k.now);
	assert_int_equal(k.connected, 1); /* which waits for nobody */
	assert_string_equal(logged(), "");
	flow_who_told(k.ft, token, &node, k.now);
	assert_non_null(strstr(logged(), "\"event\":\"open\""));
	assert_non_null(strstr(logged(), "\"pid\":4121"));
	flow_close(k.ft, id, false, k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(lines(logged()), 2);
	/* gone before it is known, and its slot has another flow by then */
	assert_int_equal(open_to("192.0.2.1", 81, 7, &id), 0);
	flow_close(k.ft, id, false, k.now);
	flow_turn_end(k.ft, k.now);
	ask_rc = -ENOENT;
	assert_int_equal(open_to("192.0.2.1", 82, 7, &id), 0);
	assert_int_equal(lines(logged()), 3);
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(lines(logged()), 5);
	at = strstr(logged(), "\"host_port\":81");
	assert_non_null(at);
	at = strstr(at, "\"event\":\"close\"");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"pid\":4121"));
	/* never known: told at the end, in order */
	ask_rc = 0;
	assert_int_equal(open_to("192.0.2.1", 83, 7, &id), 0);
	flow_log_end(k.ft, k.now);
	at = strstr(logged(), "\"host_port\":83");
	assert_non_null(at);
	assert_non_null(strstr(at, "\"event\":\"close\""));
	stop();
}

static void a_refusal_of_the_host_waits(void **state)
{
	struct flow_id id;

	(void)state;
	start();
	assert_int_equal(open_to("192.0.2.1", 81, 7, &id), 0);
	flow_host_connected(k.ft, id, -ECONNREFUSED, k.now);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(k.refused, 0);
	/* the app may give up meanwhile */
	flow_close(k.ft, id, true, k.now);
	flow_who_told(k.ft, token, &node, k.now);
	assert_int_equal(k.refused, 1);
	assert_int_equal(k.last_err, -ECONNREFUSED);
	assert_int_equal(k.last_ref, 7);
	assert_non_null(strstr(logged(), "\"error\":\"ECONNREFUSED\""));
	assert_null(strstr(strstr(logged(), "\"pid\":4121"), "\"pid\":1"));
	/* and not for ever; in the same turn as its end, too */
	assert_int_equal(open_to("192.0.2.1", 82, 8, &id), 0);
	flow_host_connected(k.ft, id, -ECONNREFUSED, k.now);
	k.now += WHO_WAIT_NS;
	flow_run(k.ft, k.now);
	assert_int_equal(k.refused, 2);
	flow_turn_end(k.ft, k.now);
	assert_int_equal(lines(logged()), 4);
	/* of nobody that can be asked: at once */
	ask_rc = -ENOENT;
	assert_int_equal(open_to("192.0.2.1", 83, 9, &id), 0);
	flow_host_connected(k.ft, id, -ECONNREFUSED, k.now);
	assert_int_equal(k.refused, 3);
	stop();
}

static void datagrams_are_counted(void **state)
{
	struct tuple t = tup(40000, "192.0.2.1", 53);
	static const uint8_t train[3000];

	(void)state;
	start();
	ask_rc = -ENOENT;
	assert_int_equal(flow_udp_send(k.ft, &t, 0, train, 2500, 1000, k.now),
	                 0);
	assert_int_equal(flow_udp_send(k.ft, &t, 0, train, 10, 0, k.now), 0);
	flow_host_datagram(k.ft, k.last_id, train, 2000, 1000, k.now);
	flow_host_datagram(k.ft, k.last_id, train, 0, 0, k.now);
	flow_log_end(k.ft, k.now);
	assert_non_null(strstr(logged(), "\"packets_app_host\":4,"
	                                 "\"packets_host_app\":3"));
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_denial_waits_for_its_process),
		cmocka_unit_test(nobody_waits_for_long),
		cmocka_unit_test(datagrams_get_their_error_later),
		cmocka_unit_test(a_known_thread_is_answered_at_once),
		cmocka_unit_test(echoes_too),
		cmocka_unit_test(more_than_can_wait_is_told_at_once),
		cmocka_unit_test(questions_are_bounded_in_time),
		cmocka_unit_test(openings_are_told_before_what_follows),
		cmocka_unit_test(a_refusal_of_the_host_waits),
		cmocka_unit_test(datagrams_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
