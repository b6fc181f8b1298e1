/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Included by every unit test.  A test is defined and registered at once, so that none can be
 * forgotten; unit.c has main(), which runs a program's tests in the order of their lines.
 *
 *	TEST(an_empty_store_has_no_series)
 *	{
 *		assert_int_equal(...);
 *	}
 *
 *	TEST_WITH(a_full_store_rejects, struct bench *b, bench_new, bench_free)
 *	{
 *		assert_true(b->...);
 *	}
 *
 * The second one gets the result of bench_new() as `b`, or fails if that is NULL;
 * bench_free(b) is called after it, even after a failure.
 */
#ifndef UNIT_H
#define UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

struct unit {
	struct CMUnitTest test;
	int line;
	struct unit *next;
};

/* Registers the test, before main(). */
void unit_add(struct unit *unit);

#define TEST(title)									\
	static void title(void);							\
	static void unit_run_##title(void **state)					\
	{										\
		(void)state;								\
		title();								\
	}										\
	UNIT_ADD(title, NULL, NULL)							\
	static void title(void)

#define TEST_WITH(title, param, make, unmake)						\
	static void title(param);							\
	static int unit_make_##title(void **state)					\
	{										\
		*state = make();							\
		return *state == NULL;							\
	}										\
	static void unit_run_##title(void **state)					\
	{										\
		title(*state);								\
	}										\
	static int unit_unmake_##title(void **state)					\
	{										\
		unmake(*state);								\
		return 0;								\
	}										\
	UNIT_ADD(title, unit_make_##title, unit_unmake_##title)				\
	static void title(param)

#define UNIT_ADD(title, make, unmake)							\
	__attribute__((constructor)) static void unit_add_##title(void)			\
	{										\
		static struct unit unit = {						\
			.test = { .name = #title, .test_func = unit_run_##title,	\
				  .setup_func = make, .teardown_func = unmake },	\
			.line = __LINE__,						\
		};									\
											\
		unit_add(&unit);							\
	}

#endif
