/* SPDX-License-Identifier: Apache-2.0 */
#include "unit.h"

#include <windsock/hash.h>

/* Made with two other implementations, one of them CPython's (hash() of bytes, seed 0). */
static const struct {
	struct ws_hash_key key;
	const char *text;
	uint64_t hash;
} words[] = {
	{ { 0, 0 }, "a", UINT64_C(0x407448d2b89b1813) },
	{ { 0, 0 }, "airflow", UINT64_C(0x4ccf423ad6d5d610) },
	{ { 0, 0 }, "12345678", UINT64_C(0x3489982430560a87) },
	{ { 0, 0 }, "airflow.scheduler_heartbeat", UINT64_C(0x546ab0cb6bd9f7d0) },
};

/* The bytes 0, 1, 2 ... under the key 00 01 .. 0f. */
static const struct {
	size_t len;
	uint64_t hash;
} counts[] = {
	{ 0, UINT64_C(0xabac0158050fc4dc) },  { 1, UINT64_C(0xc9f49bf37d57ca93) },
	{ 7, UINT64_C(0xd3927d989bb11140) },  { 8, UINT64_C(0x369095118d299a8e) },
	{ 9, UINT64_C(0x25a48eb36c063de4) },  { 15, UINT64_C(0xd320d86d2a519956) },
	{ 16, UINT64_C(0xcc4fdd1a7d908b66) }, { 63, UINT64_C(0x9d199062b7bbb3a8) },
};

TEST(vectors)
{
	const struct ws_hash_key key = { UINT64_C(0x0706050403020100),
		                         UINT64_C(0x0f0e0d0c0b0a0908) };
	char bytes[65];
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		assert_true(ws_hash_bytes(words[i].key, ws_span_str(words[i].text)) == words[i].hash);
	/* From an odd address too. */
	for (i = 0; i < sizeof(bytes) - 1; i++)
		bytes[i + 1] = (char)i;
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
		assert_true(ws_hash_bytes(key, ws_span(bytes + 1, counts[i].len)) == counts[i].hash);
}

TEST(both_halves_of_the_key_count)
{
	const struct ws_span text = ws_span_str("name");
	const uint64_t hash = ws_hash_bytes((struct ws_hash_key){ 1, 2 }, text);

	assert_true(ws_hash_bytes((struct ws_hash_key){ 3, 2 }, text) != hash);
	assert_true(ws_hash_bytes((struct ws_hash_key){ 1, 3 }, text) != hash);
}
