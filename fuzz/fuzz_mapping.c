/* SPDX-License-Identifier: Apache-2.0 */
/* Arbitrary bytes as a mapping file: rejected with diagnostics, or able to resolve. */
#include <stdint.h>
#include <stdlib.h>
#include <windsock/mapping.h>
#include <windsock/resolution.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct ws_source source = { "fuzz.ini", { (const char *)data, size } };
	struct ws_sample s = { .head = ws_span_str("airflow.ti.finish.d.g.t.success"),
		               .tags = ws_span_str("a:b"), .weight = 1, .type = WS_TYPE_COUNTER };
	struct ws_buf diags = WS_BUF_INIT;
	struct ws_resolution *r;
	struct ws_mapping *m;

	m = ws_mapping_new(&source, 1, NULL, &diags);
	if ((m == NULL) == (diags.len == 0))
		abort();
	if (m != NULL) {
		r = ws_resolution_new(m, NULL);
		if (r != NULL && ws_resolve(m, &s, r) != WS_OK)
			abort();
		ws_resolution_free(r);
	}
	ws_mapping_unref(m);
	ws_buf_fini(&diags);
	return 0;
}
