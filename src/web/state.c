/* SPDX-License-Identifier: Apache-2.0 */
#include "state.h"

const char *state_word(enum state_phase phase)
{
	switch (phase) {
	case STATE_STARTING:
		return "starting";
	case STATE_READY:
		return "ready";
	case STATE_STOPPING:
		return "stopping";
	}
	return "unknown";
}

uint64_t state_kernel_drops(const struct state *state)
{
	uint64_t sum = 0;
	size_t w, i;

	for (w = 0; w < state->nworkers; w++) {
		const struct sock_list *socks = worker_socks(state->workers[w]);

		for (i = 0; i < socks->n; i++)
			sum += sock_drops(socks->socks[i].fd);
	}
	return sum;
}
