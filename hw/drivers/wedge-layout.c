/* SPDX-License-Identifier: MIT */
/* Types the same keys under one layout after the other, and looks for the code. */

#include "hw/drivers/wedge-layout.h"

#include <string.h>

#include "base/buf.h"
#include "hw/codec/keymap.h"
#include "hw/driver.h"

#define KEYS_MAX 1024 /* a code by numbers on the keypad has some 220 */
#define TEXT_MAX 2048
#define FOUND_MAX 512

/* Those of the shops this is sold to first, then by how far they reach. */
static const char *const layouts[] = {"us", "fr", "be", "de", "ch", "ch(fr)", "gb", "it", "es",
	"pt", "nl", "at", "lu", "ca", "dk", "no", "se", "fi", "pl", "cz", "sk", "hu", "ro", "si",
	"hr", "ee", "tr", "br", "latam", "fr(bepo)"};

struct tb_wedge_layout {
	struct tb_loop *loop;
	struct tb_source *timer;
	tb_wedge_layout_fn fn;
	void *userdata;
	char configured[32];
	struct {
		uint16_t code;
		int32_t value;
	} keys[KEYS_MAX];
	size_t n;
	bool caps;
	bool searching, turned; /* turned: Caps Lock the other way round */
	size_t next;            /* 0 is the configured one */
	struct tb_buf found;
};

static bool
explains(const struct tb_wedge_layout *search, const char *layout)
{
	_cleanup_(tb_keymap_freep) struct tb_keymap *map = NULL;
	char text[TEXT_MAX + TB_KEYMAP_TEXT + 1];
	size_t len = 0;
	bool is;

	if (tb_keymap_new(layout, "1252", &map) < 0)
		return false;
	tb_keymap_reset(map, search->caps != search->turned);
	for (size_t i = 0; i < search->n && len <= TEXT_MAX; i++)
		len += tb_keymap_feed(map, search->keys[i].code, search->keys[i].value, text + len);
	is = memmem(text, len, TB_CALIBRATION_CODE, strlen(TB_CALIBRATION_CODE)) != NULL;
	explicit_bzero(text, sizeof(text));
	return is;
}

static void
try_one(struct tb_wedge_layout *search)
{
	const char *layout = search->next == 0 ? search->configured : layouts[search->next - 1];
	bool again = search->next > 0 && strcmp(layout, search->configured) == 0;

	search->next++;
	if (again || !explains(search, layout))
		return;
	if (search->found.len > 0)
		tb_buf_add_byte(&search->found, ' ');
	tb_buf_add_str(&search->found, layout);
}

static void
on_timer(void *userdata)
{
	struct tb_wedge_layout *search = userdata;
	bool done = search->next > ARRAY_SIZE(layouts);

	if (!done) {
		try_one(search);
	} else if (search->found.len == 0 && !search->turned) {
		search->turned = true;
		search->next = 0;
	} else {
		search->searching = false;
		search->fn(search->found.data ? search->found.data : "",
			search->turned && search->found.len > 0, search->userdata);
		tb_wedge_layout_reset(search);
		return;
	}
	tb_source_set_timer_in(search->timer, 0);
}

void
tb_wedge_layout_key(struct tb_wedge_layout *search, uint16_t code, int32_t value, bool caps)
{
	if (search->searching || search->n == KEYS_MAX)
		return;
	if (search->n == 0)
		search->caps = caps;
	search->keys[search->n].code = code;
	search->keys[search->n++].value = value;
}

void
tb_wedge_layout_end(struct tb_wedge_layout *search)
{
	size_t pressed = 0;

	for (size_t i = 0; i < search->n; i++)
		pressed += search->keys[i].value == 1;
	/* Enter alone, or the release of the one before */
	if (search->searching || pressed < 2) {
		if (!search->searching)
			tb_wedge_layout_reset(search);
		return;
	}
	search->searching = true;
	search->turned = false;
	search->next = 0;
	tb_source_set_timer_in(search->timer, 0);
}

void
tb_wedge_layout_reset(struct tb_wedge_layout *search)
{
	if (search->searching)
		return;
	explicit_bzero(search->keys, sizeof(search->keys));
	search->n = 0;
	tb_buf_reset(&search->found);
}

int
tb_wedge_layout_new(struct tb_loop *loop, const char *configured, tb_wedge_layout_fn fn,
	void *userdata, struct tb_wedge_layout **ret)
{
	struct tb_wedge_layout *search = calloc(1, sizeof(*search));
	int r;

	if (!search)
		return -ENOMEM;
	search->loop = loop;
	search->fn = fn;
	search->userdata = userdata;
	search->found = TB_BUF_INIT(FOUND_MAX);
	strncpy(search->configured, configured, sizeof(search->configured) - 1);
	r = tb_loop_add_timer(loop, 1000, on_timer, search, &search->timer);
	if (r < 0) {
		free(search);
		return r;
	}
	*ret = search;
	return 0;
}

void
tb_wedge_layout_free(struct tb_wedge_layout *search)
{
	if (!search)
		return;
	tb_source_remove(&search->timer);
	explicit_bzero(search->keys, sizeof(search->keys));
	tb_buf_done(&search->found);
	free(search);
}
