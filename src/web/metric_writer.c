/* SPDX-License-Identifier: Apache-2.0 */
#include "web/metric_writer.h"

#include <windsock/exposition.h>
#include <windsock/name.h>

void metric_head(const struct metric_writer *w, const char *name, enum ws_kind kind,
                 const char *help)
{
	ws_exposition_head(w->out, w->format, name, kind, help);
}

static void write_labels(const struct metric_writer *w, const struct metric_label *label)
{
	const char *before = "{";

	if (label == NULL)
		return;
	for (; label->name != NULL; label++) {
		ws_buf_str(w->out, before);
		ws_buf_str(w->out, label->name);
		ws_buf_str(w->out, "=\"");
		ws_name_escape_value(w->out, label->value);
		ws_buf_char(w->out, '"');
		before = ",";
	}
	ws_buf_char(w->out, '}');
}

void metric_sample(const struct metric_writer *w, const char *name,
                   const struct metric_label *labels, uint64_t value)
{
	ws_buf_str(w->out, name);
	write_labels(w, labels);
	ws_buf_char(w->out, ' ');
	ws_buf_u64(w->out, value);
	ws_buf_char(w->out, '\n');
}

void metric_labelled(const struct metric_writer *w, const char *name, const char *label,
                     struct ws_span of, uint64_t value)
{
	metric_sample(w, name,
	              (const struct metric_label[]){ { label, of }, METRIC_LABELS_END }, value);
}

void metric_count(const struct metric_writer *w, const char *name, enum ws_kind kind,
                  const char *help, uint64_t value)
{
	metric_head(w, name, kind, help);
	metric_sample(w, name, NULL, value);
}

void metric_number(const struct metric_writer *w, const char *name, enum ws_kind kind,
                   const char *help, double value)
{
	metric_head(w, name, kind, help);
	ws_buf_str(w->out, name);
	ws_buf_char(w->out, ' ');
	ws_buf_double(w->out, value);
	ws_buf_char(w->out, '\n');
}
