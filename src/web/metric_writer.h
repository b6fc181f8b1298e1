/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes windsock's own metrics, family by family: the head, then the samples.
 */
#ifndef METRIC_WRITER_H
#define METRIC_WRITER_H

#include <windsock/buf.h>
#include <windsock/format.h>
#include <windsock/kind.h>
#include <windsock/span.h>

struct metric_writer {
	struct ws_buf *out;
	enum ws_format format;
};

struct metric_label {
	const char *name;
	struct ws_span value; /* escaped when it is written */
};

#define METRIC_LABELS_END { NULL, { NULL, 0 } }

void metric_head(const struct metric_writer *w, const char *name, enum ws_kind kind,
                 const char *help);

/* A sample; `labels` ends with METRIC_LABELS_END, or is NULL. */
void metric_sample(const struct metric_writer *w, const char *name,
                   const struct metric_label *labels, uint64_t value);

/* A sample with one label, whose value is `of`. */
void metric_labelled(const struct metric_writer *w, const char *name, const char *label,
                     struct ws_span of, uint64_t value);

/* A family with one sample: an integer, or any number. */
void metric_count(const struct metric_writer *w, const char *name, enum ws_kind kind,
                  const char *help, uint64_t value);
void metric_number(const struct metric_writer *w, const char *name, enum ws_kind kind,
                   const char *help, double value);

#endif
