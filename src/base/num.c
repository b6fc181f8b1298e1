/* SPDX-License-Identifier: Apache-2.0 */
#include <windsock/num.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Powers of ten that are exact as a double: multiplying or dividing a mantissa below 2^53 by
 * one of them is correctly rounded. */
static const double exact_tens[] = {
	1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,  1e8,  1e9,  1e10, 1e11,
	1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22,
};
#define EXACT_TENS ((int)(sizeof(exact_tens) / sizeof(exact_tens[0])) - 1)
#define EXACT_MANTISSA (UINT64_C(1) << 53)

/* The most digits that always fit into the 64-bit mantissa below. */
#define MANTISSA_DIGITS 19

/* Longest text passed to strtod; more digits than this cannot change the resulting double. */
#define SLOW_TEXT_MAX 800

static bool parse_word(struct ws_span s, double *out)
{
	static const char *const words[] = { "inf", "infinity", "nan" };
	bool minus = s.len > 0 && s.ptr[0] == '-';
	size_t i, k;

	if (s.len > 0 && (s.ptr[0] == '-' || s.ptr[0] == '+'))
		s = ws_span(s.ptr + 1, s.len - 1);
	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strlen(words[i]) != s.len)
			continue;
		for (k = 0; k < s.len && (s.ptr[k] | 0x20) == words[i][k]; k++)
			;
		if (k < s.len)
			continue;
		if (words[i][0] == 'n')
			*out = (double)NAN;
		else
			*out = minus ? -(double)INFINITY : (double)INFINITY;
		return true;
	}
	return false;
}

/* The text is a well-formed number.  strtod expects the locale's decimal point, which is "."
 * because windsock never calls setlocale. */
static double parse_slowly(struct ws_span s)
{
	char text[SLOW_TEXT_MAX + 1];

	memcpy(text, s.ptr, s.len);
	text[s.len] = '\0';
	return strtod(text, NULL);
}

static const char *parse_exponent(const char *p, const char *end, int *exponent)
{
	bool minus = false;
	int value = 0;
	const char *digits;

	if (p < end && (*p == '-' || *p == '+'))
		minus = *p++ == '-';
	digits = p;
	for (; p < end && *p >= '0' && *p <= '9'; p++) {
		if (value < 100000)
			value = value * 10 + (*p - '0');
	}
	if (p == digits)
		return NULL;
	*exponent = minus ? -value : value;
	return p;
}

bool ws_num_parse(struct ws_span s, double *out)
{
	const char *p = s.ptr, *end = s.ptr + s.len, *digits;
	uint64_t mantissa = 0;
	int count = 0, scale = 0, exponent = 0;
	bool minus = false;
	double v;

	if (s.len == 0)
		return false;
	if (*p == '-' || *p == '+')
		minus = *p++ == '-';
	/* -12.75e3
	 *  ^^ ^^     both groups of digits go into the mantissa, scale counts the second */
	for (; p < end && *p >= '0' && *p <= '9'; p++, count++)
		mantissa = mantissa * 10 + (uint64_t)(*p - '0');
	if (p < end && *p == '.') {
		digits = ++p;
		for (; p < end && *p >= '0' && *p <= '9'; p++, count++)
			mantissa = mantissa * 10 + (uint64_t)(*p - '0');
		scale = (int)(digits - p);
	}
	if (count == 0)
		return parse_word(s, out);
	if (p < end && (*p == 'e' || *p == 'E')) {
		p = parse_exponent(p + 1, end, &exponent);
		if (p == NULL)
			return false;
	}
	if (p != end || s.len > SLOW_TEXT_MAX)
		return false;
	scale += exponent;
	if (count <= MANTISSA_DIGITS && mantissa <= EXACT_MANTISSA && scale >= -EXACT_TENS &&
	    scale <= EXACT_TENS) {
		v = (double)mantissa;
		v = scale < 0 ? v / exact_tens[-scale] : v * exact_tens[scale];
		*out = minus ? -v : v;
	} else {
		*out = parse_slowly(s);
	}
	return true;
}

bool ws_num_parse_u64(struct ws_span s, uint64_t max, uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	if (s.len == 0)
		return false;
	for (i = 0; i < s.len; i++) {
		uint64_t digit = (uint64_t)(unsigned char)s.ptr[i] - '0';

		if (digit > 9 || n > max / 10 || n * 10 > max - digit)
			return false;
		n = n * 10 + digit;
	}
	*out = n;
	return true;
}

bool ws_num_parse_duration(struct ws_span s, double *seconds)
{
	static const struct {
		const char *name;
		double seconds;
	} units[] = {
		/* "ms" before "s" and "m": the first matching suffix wins. */
		{ "ms", 1e-3 }, { "s", 1 },     { "m", 60 },
		{ "h", 3600 },  { "d", 86400 }, { "w", 604800 },
	};
	double v;
	size_t i;

	if (ws_span_is(s, "0")) {
		*seconds = 0;
		return true;
	}
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
		struct ws_span unit = ws_span_str(units[i].name);

		if (!ws_span_ends(s, unit))
			continue;
		if (!ws_num_parse(ws_span(s.ptr, s.len - unit.len), &v))
			return false;
		v *= units[i].seconds;
		if (!(v >= 0) || !isfinite(v))
			return false;
		*seconds = v;
		return true;
	}
	return false;
}

size_t ws_num_print_u64(char *at, uint64_t n)
{
	char digits[20];
	size_t len = 0, i;

	do {
		digits[len++] = (char)('0' + n % 10);
		n /= 10;
	} while (n > 0);
	for (i = 0; i < len; i++)
		at[i] = digits[len - 1 - i];
	at[len] = '\0';
	return len;
}

/* Integers from this one on are printed with an exponent. */
#define INTEGER_MAX 1e15

/* The digits with a point before the last k of them, without trailing zeros. */
static size_t print_point(char *at, bool minus, uint64_t digits, int k)
{
	char text[24];
	size_t n = 0, len, point, i;

	for (; k > 0 && digits % 10 == 0; k--)
		digits /= 10;
	len = ws_num_print_u64(text, digits);
	point = len > (size_t)k ? len - (size_t)k : 0;
	if (minus)
		at[n++] = '-';
	if (point == 0) {
		at[n++] = '0';
		at[n++] = '.';
		for (i = len; i < (size_t)k; i++)
			at[n++] = '0';
	}
	for (i = 0; i < len; i++) {
		if (i == point && i > 0)
			at[n++] = '.';
		at[n++] = text[i];
	}
	at[n] = '\0';
	return n;
}

/* Any number, using the C library. */
static size_t print_slowly(char *at, double v)
{
	size_t n;
	int precision;

	for (precision = 15; precision < 17; precision++) {
		n = (size_t)snprintf(at, WS_NUM_TEXT_MAX, "%.*g", precision, v);
		if (strtod(at, NULL) == v)
			return n;
	}
	return (size_t)snprintf(at, WS_NUM_TEXT_MAX, "%.17g", v);
}

/*
 * v = m / 2^s.  With k digits after the point, the digits are m 10^k / 2^s, rounded.  They
 * parse to v if rounding moved it by less than half the distance to the next double, which is
 * 10^k / 2 in the same scale.  (The distance is half of that below a power of two, but from
 * EXACT_MIN to EXACT_MAX those are exact in fifteen digits.)  Any fifteen digits survive a
 * double, so a shorter text appears as fifteen digits with trailing zeros; seventeen always
 * parse to v.
 */
#ifdef __SIZEOF_INT128__
__extension__ typedef unsigned __int128 wide;

/* Between these, all products fit into `wide`. */
#define EXACT_MIN 1e-4
#define EXACT_MAX 1e15

static wide ten_to(int k)
{
	return (wide)(uint64_t)exact_tens[k / 2] * (uint64_t)exact_tens[k - k / 2];
}

static size_t print_exactly(char *at, double v)
{
	double magnitude = fabs(v);
	int exponent, s, k = 15;
	uint64_t m = (uint64_t)ldexp(frexp(magnitude, &exponent), 53);

	s = 53 - exponent;
	/* Fifteen significant digits in all, not counting leading zeros. */
	for (; magnitude >= exact_tens[15 - k]; k--)
		;
	/* NOLINTNEXTLINE(clang-analyzer-core.UndefinedBinaryOperatorResult): EXACT_MIN ends it */
	for (; magnitude < 1 && magnitude < 1 / exact_tens[k - 14]; k++)
		;
	for (;; k++) {
		wide scaled = m * ten_to(k);
		uint64_t digits = (uint64_t)((scaled + ((wide)1 << (s - 1))) >> s);
		wide back = (wide)digits << s;
		wide moved = back > scaled ? back - scaled : scaled - back;

		if (2 * moved < ten_to(k))
			return print_point(at, v < 0, digits, k);
	}
}
#endif

size_t ws_num_print(char *at, double v)
{
	double magnitude = fabs(v);

	if (isnan(v))
		return (size_t)snprintf(at, WS_NUM_TEXT_MAX, "NaN");
	if (isinf(v))
		return (size_t)snprintf(at, WS_NUM_TEXT_MAX, v > 0 ? "+Inf" : "-Inf");
	if (magnitude < INTEGER_MAX && magnitude == (double)(uint64_t)magnitude)
		return print_point(at, v < 0, (uint64_t)magnitude, 0);
#ifdef __SIZEOF_INT128__
	if (magnitude >= EXACT_MIN && magnitude < EXACT_MAX)
		return print_exactly(at, v);
#endif
	return print_slowly(at, v);
}
