/* SPDX-License-Identifier: Apache-2.0 */
/* config.c - the defaults of `postern do` */
#include "launch/config.h"

void sandbox_config_init(struct sandbox_config *c)
{
	c->log_level = LOG_LEVEL_NOTICE;
	c->log_fd = c->debug_log_fd = c->panic_log_fd = -1;
	c->flow_log_fd = c->flow_memory_fd = c->flow_done_fd = -1;
	c->started_fd = c->start_errors_fd = -1;
	c->ready_fd = c->info_fd = c->json_status_fd = c->pcap_fd = -1;
}
