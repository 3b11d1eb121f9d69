/* SPDX-License-Identifier: MIT */
/*
 * A till in one screen: it waits for a scan, says hello to the customer, and posts one passage.
 * Build it against the installed library: cc example.c $(pkg-config --cflags --libs tillbridge)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <tillbridge.h>

/* One espresso for 1.50; the sale's name is what makes saying it twice harmless. */
static int
sell(struct tillbridge *till, const char *customer)
{
	char now[32], params[600], *answer = NULL, *why;
	time_t t = time(NULL);
	int64_t points = 0;
	int r;

	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", gmtime(&t));
	snprintf(params, sizeof(params),
		"{\"sale\":\"EX-%lld\",\"occurred_at\":\"%s\",\"customer\":\"%s\",\"lines\":[{"
		"\"no\":1,"
		"\"article\":{\"code\":\"ESP\",\"label\":\"Espresso\"},\"quantity\":1000,\"unit_"
		"price\":150,"
		"\"total\":150}],\"total\":150,\"tenders\":[{\"kind\":\"cash\",\"amount\":150}]}",
		(long long)t, now, customer);
	r = tillbridge_call(till, "passage.post", params, 3000, &answer);
	if (r < 0) {
		fprintf(stderr, "passage.post: %s; say it again with the same sale\n",
			strerror(-r));
		return 1;
	}
	if (r == TILLBRIDGE_REFUSED) {
		why = tillbridge_string(answer, "/data/code");
		fprintf(stderr, "refused: %s\n", why ? why : "?");
		free(why);
	} else {
		tillbridge_integer(answer, "/earned/points", &points);
		printf("%lld points earned\n", (long long)points);
	}
	free(answer);
	return r;
}

int
main(int argc, char *argv[])
{
	char *answer = NULL, *method, *params, *id = NULL, *name = NULL;
	struct tillbridge *till;
	int r;

	r = tillbridge_connect(argc > 1 ? argv[1] : NULL, 3000, &till);
	if (r < 0) {
		fprintf(stderr, "no bridge: %s\n", strerror(-r));
		return 3;
	}
	r = tillbridge_call(till, "events.subscribe", "{\"kinds\":[\"customer\"]}", 3000, &answer);
	free(answer);
	while (r == 0 && !id) {
		r = tillbridge_next(till, TILLBRIDGE_FOREVER, &method, &params);
		if (r < 0)
			break;
		if (strcmp(method, "customer") == 0) {
			id = tillbridge_string(params, "/customer/id");
			name = tillbridge_string(params, "/customer/first_name");
		}
		free(method);
		free(params);
	}
	if (id) {
		printf("Bonjour %s\n", name ? name : "");
		r = sell(till, id);
	}
	free(id);
	free(name);
	tillbridge_close(till);
	return r == 0 ? 0 : 1;
}
