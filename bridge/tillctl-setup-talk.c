/* SPDX-License-Identifier: MIT */
/* Questions of setup, and answers that may be lines on stdin or a scan, whichever comes first. */
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "bridge/tillctl-setup.h"

/* A line that has come whole; false when there is none yet. */
static bool
take_line(struct tillctl_setup *setup, char out[TILLCTL_ANSWER])
{
	char *end = memchr(setup->said, '\n', setup->n_said);
	size_t len = end ? (size_t)(end - setup->said) : setup->n_said, used;

	/* the last line may have no end, and one that is too long is cut */
	if (!end && !(setup->over && setup->n_said > 0) && setup->n_said < sizeof(setup->said))
		return false;
	used = end ? len + 1 : len;
	len = TB_MIN(len, (size_t)TILLCTL_ANSWER - 1);
	memcpy(out, setup->said, len);
	out[len] = '\0';
	out[strcspn(out, "\r")] = '\0';
	setup->n_said -= used;
	memmove(setup->said, setup->said + used, setup->n_said);
	return true;
}

static void
read_stdin(struct tillctl_setup *setup)
{
	ssize_t n = read(
		STDIN_FILENO, setup->said + setup->n_said, sizeof(setup->said) - setup->n_said);

	if (n > 0)
		setup->n_said += (size_t)n;
	else if (n == 0 || errno != EINTR)
		setup->over = true;
}

/* A scan that has come; NULL when none has. */
static json_t *
take_scan(struct tillctl_setup *setup)
{
	for (;;) {
		_cleanup_free_ char *method = NULL, *text = NULL;

		if (tillbridge_next(setup->ctl->till, 0, &method, &text) < 0)
			return NULL;
		if (strcmp(method, "scan") == 0)
			return json_loads(text, 0, NULL);
	}
}

int
tillctl_talk(struct tillctl_setup *setup, const char *question, const char *fallback,
	char out[TILLCTL_ANSWER], json_t **ret_scan)
{
	struct pollfd fds[] = {{.fd = STDIN_FILENO, .events = POLLIN},
		{.fd = ret_scan ? tillbridge_fd(setup->ctl->till) : -1, .events = POLLIN}};

	if (setup->yes) {
		snprintf(out, TILLCTL_ANSWER, "%s", fallback);
		return 0;
	}
	if (*fallback)
		tillctl_say("%s [%s]: ", question, fallback);
	else
		tillctl_say("%s: ", question);
	fflush(stdout);
	for (;;) {
		if (ret_scan && (*ret_scan = take_scan(setup)))
			return 1;
		if (take_line(setup, out))
			break;
		if (setup->over)
			return -EPIPE;
		if (poll(fds, ARRAY_SIZE(fds), -1) < 0 && errno != EINTR)
			return -errno;
		if (fds[0].revents)
			read_stdin(setup);
		if (fds[1].revents & (POLLHUP | POLLERR))
			return -EPIPE;
	}
	if (!*out)
		snprintf(out, TILLCTL_ANSWER, "%s", fallback);
	return 0;
}

int
tillctl_talk_yes(struct tillctl_setup *setup, const char *question, bool fallback)
{
	char answer[TILLCTL_ANSWER];
	int r;

	do {
		r = tillctl_talk(setup, question, fallback ? "y" : "n", answer, NULL);
		if (r < 0)
			return r;
		/* oui, ja, sì */
		if (strchr("yYoOjJsS1", answer[0]))
			return 1;
	} while (!strchr("nN0", answer[0]));
	return 0;
}
