/* SPDX-License-Identifier: MIT */
/*
 * What the hub connector adds to a call: the same look-ups of the same hub, in turns, by the
 * connector on the daemon's loop and by one bare libcurl handle that is kept. Prints the median of
 * each in microseconds.
 *
 *   curl-call MODULE URL TOKEN_FILE CARD_PREFIX CARDS COUNT
 */
#include <curl/curl.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include "base/buf.h"
#include "bridge/loop.h"
#include "plugins/loyalty/connector.h"

#define ROUND 200 /* calls of one kind in a row */

static const char *url, *token_file;
static unsigned failed;

static uint64_t
now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- the connector ---- */

static const struct tb_connector *connector;
static struct tb_connector_state *state;
static struct tb_host host;

static const char *
setting(const struct tb_host *h, const char *key)
{
	return strcmp(key, "url") == 0 ? url : strcmp(key, "token_file") == 0 ? token_file : NULL;
}

static void
done(const struct tb_answer *answer, void *userdata)
{
	bool *came = userdata;

	*came = true;
	if (answer->error != TB_OK)
		failed++;
}

static int
start_connector(const char *module)
{
	void *handle = dlopen(module, RTLD_NOW | RTLD_LOCAL);
	char *why = NULL;

	connector = handle ? dlsym(handle, TB_CONNECTOR_SYMBOL) : NULL;
	host = (struct tb_host){.state_dir = "/nonexistent",
		.site = "lyon-1",
		.till = "2",
		.currency = "EUR",
		.language = "en",
		.product_reference = "code",
		.country = "FR",
		.setting = setting};
	if (!connector || tb_event_loop_new(&host.loop) < 0 ||
		connector->start(&host, &state, &why) < 0) {
		fprintf(stderr, "%s: %s\n", module, why ? why : dlerror());
		return -1;
	}
	return 0;
}

static void
by_connector(const char *card)
{
	json_t *params = json_pack("{s:s}", "card", card);
	bool came = false;
	struct tb_call c = {
		.op = TB_OP_CUSTOMER_LOOKUP,
		.caller = {.site = host.site, .till = host.till},
		.params = params,
		.deadline_us = tb_loop_now_us(host.loop) + UINT64_C(30000000),
		.done = done,
		.userdata = &came,
	};

	connector->call(state, &c);
	connector->turn_end(state);
	while (!came)
		tb_event_loop_run_once(host.loop, 1000000);
	json_decref(params);
}

/* ---- bare libcurl ---- */

static CURL *easy;
static struct tb_buf answer;

static size_t
take(char *data, size_t size, size_t n, void *userdata)
{
	tb_buf_add(&answer, data, size * n);
	return size * n;
}

static int
start_curl(void)
{
	static char authorization[600], address[300];
	struct curl_slist *headers = NULL;
	char token[512] = "";
	FILE *file = fopen(token_file, "r");

	if (!file || !fgets(token, sizeof(token), file))
		return -1;
	fclose(file);
	token[strcspn(token, "\n")] = '\0';
	snprintf(authorization, sizeof(authorization), "Authorization: Bearer %s", token);
	snprintf(address, sizeof(address), "%s/v1/customer.lookup", url);
	headers = curl_slist_append(headers, "Content-Type: application/json");
	headers = curl_slist_append(headers, authorization);
	easy = curl_easy_init();
	if (!easy || !headers)
		return -1;
	curl_easy_setopt(easy, CURLOPT_URL, address);
	curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
	curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, take);
	curl_easy_setopt(easy, CURLOPT_PROXY, "");
	return 0;
}

static void
by_curl(const char *card)
{
	char body[128];
	long status = 0;

	snprintf(body, sizeof(body), "{\"card\":\"%s\"}", card);
	tb_buf_reset(&answer);
	curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body);
	if (curl_easy_perform(easy) != CURLE_OK ||
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status) != CURLE_OK ||
		status != 200)
		failed++;
}

static int
by_size(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

int
main(int argc, char *argv[])
{
	unsigned cards = argc == 7 ? (unsigned)atoi(argv[5]) : 0;
	unsigned count = argc == 7 ? (unsigned)atoi(argv[6]) / ROUND * ROUND : 0;
	uint64_t *ns[2] = {
		calloc(count + 1, sizeof(uint64_t)), calloc(count + 1, sizeof(uint64_t))};

	if (!cards || !count || !ns[0] || !ns[1])
		return 2;
	url = argv[2];
	token_file = argv[3];
	if (start_connector(argv[1]) < 0 || start_curl() < 0)
		return 1;
	for (unsigned i = 0; i < 2 * count; i++) {
		unsigned kind = i / ROUND % 2, n = i / ROUND / 2 * ROUND + i % ROUND;
		char card[64];
		uint64_t begin;

		snprintf(card, sizeof(card), "%s%07u", argv[4],
			(unsigned)((uint64_t)i * 7919 % cards));
		begin = now_ns();
		if (kind == 0)
			by_connector(card);
		else
			by_curl(card);
		ns[kind][n] = now_ns() - begin;
	}
	if (failed > 0) {
		fprintf(stderr, "%u calls failed\n", failed);
		return 1;
	}
	for (int kind = 0; kind < 2; kind++)
		qsort(ns[kind], count, sizeof(uint64_t), by_size);
	printf("%.2f %.2f\n", (double)ns[0][count / 2] / 1e3, (double)ns[1][count / 2] / 1e3);
	return 0;
}
