/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Text with <variables> in it: metric names, label values, help texts.
 */
#ifndef TEMPLATE_H
#define TEMPLATE_H

#include <windsock/buf.h>
#include <windsock/span.h>

#include "base/arena.h"

struct template_part {
	struct ws_span text; /* a literal, if variable is negative */
	int variable;        /* index of a variable, or negative */
};

struct template {
	struct template_part *parts;
	size_t nparts;
};

/*
 * Compiles `text`, which must outlive the template; `names` are the variables.  On failure
 * adds a sentence to `why`.
 */
bool template_parse(struct template *t, struct ws_span text, const struct ws_span *names,
                    size_t n, struct arena *arena, struct ws_buf *why);

bool template_uses(const struct template *t, size_t variable);

/* Whether the template could expand to the text, judged by its literal start and end only. */
bool template_may_make(const struct template *t, struct ws_span text);

/* Adds the expanded text; `sanitise` makes the values valid in a metric name. */
void template_expand(const struct template *t, const struct ws_span *values, bool sanitise,
                     struct ws_buf *out);

#endif
