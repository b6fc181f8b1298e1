/* SPDX-License-Identifier: Apache-2.0 */
#include "web/status.h"

const char *status_word(enum status_phase phase)
{
	switch (phase) {
	case STATUS_STARTING:
		return "starting";
	case STATUS_READY:
		return "ready";
	case STATUS_STOPPING:
		return "stopping";
	}
	return "unknown";
}

uint64_t status_kernel_drops(const struct status *status)
{
	uint64_t sum = 0;
	size_t w, i;

	for (w = 0; w < status->nworkers; w++) {
		const struct sock_list *socks = status->udp[w];

		for (i = 0; i < socks->n; i++)
			sum += sock_drops(socks->socks[i].fd);
	}
	return sum;
}
