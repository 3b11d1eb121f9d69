/* SPDX-License-Identifier: MIT */
/*
 * The records of devices: made from the configuration and from what is plugged in, shown in
 * device.list, told as `device` events. When they are opened and whose they are stands in the other
 * files of this name.
 */

#include "bridge/devices-parts.h"

#include <string.h>
#include "base/jsonw.h"
#include "base/log.h"
#include "bridge/events.h"
#include "bridge/rpc/request.h"

struct device *
tb_device_get(struct tb_devices *devices, const char *name)
{
	struct device *device;

	tb_list_for_each(device, &devices->list, node)
		if (!strcmp(device->name, name))
			return device;
	return NULL;
}

struct device *
tb_device_new(struct tb_devices *devices, const char *name, const struct tb_driver *driver,
	const struct tb_conf_device *section)
{
	struct device *device = calloc(1, sizeof(*device));

	if (!device)
		return NULL;
	tb_list_init(&device->node);
	device->devices = devices;
	device->driver = driver;
	device->section = section;
	device->state = TB_DEVICE_ABSENT;
	device->name = strdup(name);
	if (!device->name || tb_device_life_new(device) < 0) {
		tb_device_free(device);
		return NULL;
	}
	tb_list_append(&devices->list, &device->node);
	return device;
}

void
tb_device_free(struct device *device)
{
	if (!device)
		return;
	tb_device_close(device);
	tb_device_capture_end(device, true);
	tb_device_watch_stop(device);
	tb_device_claim_drop(device);
	tb_list_remove(&device->node);
	tb_source_remove(&device->wake);
	tb_source_remove(&device->asking_timer);
	free(device->address);
	free(device->settings);
	free(device->reason);
	free(device->last_error);
	free(device->name);
	free(device);
}

int
tb_device_prepare(struct device *device)
{
	const struct tb_device_config *section = device->section ? &device->section->config : NULL;
	const struct tb_model *model = device->found ? device->found->model : NULL;
	/* a path is opened by the name it was given; another address by the node it is now */
	bool by_node = device->found && (!section || tb_device_is_usb(device));
	const char *from = by_node ? device->found->address : section ? section->address : "";
	size_t own = section ? section->n_settings : 0, n = own;
	struct tb_setting *settings;
	char *address = strdup(from);

	if (model && model->driver == device->driver)
		n += model->n_settings;
	settings = calloc(n + 1, sizeof(*settings));
	if (!settings || !address) {
		free(settings);
		free(address);
		return -ENOMEM;
	}
	/* the section's come first, and the first of a key is the one that counts */
	if (own)
		memcpy(settings, section->settings, own * sizeof(*settings));
	if (n > own)
		memcpy(settings + own, model->settings, (n - own) * sizeof(*settings));
	free(device->address);
	free(device->settings);
	device->address = address;
	device->settings = settings;
	device->config = (struct tb_device_config){
		.name = device->name,
		.address = address,
		.settings = settings,
		.n_settings = n,
		.syspath = device->found ? device->found->syspath : NULL,
		.unasked = !section && !model,
	};
	return 0;
}

static void
emit_state(const struct device *device)
{
	_cleanup_buf_ struct tb_buf buf = TB_BUF_INIT(65536);
	struct tb_jsonw w = TB_JSONW(&buf);

	tb_jsonw_string(&w, "device", device->name);
	tb_jsonw_string(&w, "driver", device->driver->name);
	tb_jsonw_string(&w, "state", tb_device_state_word(device->state));
	tb_jsonw_string(&w, "reason", device->reason);
	if (tb_buf_error(&buf) == 0)
		tb_events_emit(
			device->devices->bridge->events, TB_NOTICE_DEVICE, NULL, buf.data, buf.len);
}

void
tb_device_set_state(struct device *device, enum tb_device_state state, const char *reason)
{
	bool same = device->state == state && !device->reason == !reason &&
	            (!reason || !strcmp(device->reason, reason));
	char *copy;

	if (same || device->devices->stopping)
		return;
	copy = reason ? strdup(reason) : NULL;
	free(device->reason);
	device->reason = copy;
	device->state = state;
	tb_log_info("%s: %s%s%s", device->name, tb_device_state_word(state), reason ? ": " : "",
		reason ? reason : "");
	emit_state(device);
}

static void
write_device(const struct device *device, struct tb_jsonw *w)
{
	const struct tb_found *found = device->found;

	tb_jsonw_object(w, NULL);
	tb_jsonw_string(w, "device", device->name);
	tb_jsonw_string(w, "driver", device->driver->name);
	tb_jsonw_string(w, "address",
		device->section ? device->section->config.address : device->config.address);
	tb_jsonw_string(w, "state", tb_device_state_word(device->state));
	tb_jsonw_string(w, "reason", device->reason);
	if (found) {
		tb_jsonw_string(w, "vid", found->vid);
		tb_jsonw_string(w, "pid", found->pid);
		tb_jsonw_string(w, "serial", found->serial);
		tb_jsonw_string(w, "port", found->port);
		tb_jsonw_string(w, "model", found->model ? found->model->name : found->product);
	}
	tb_jsonw_string(w, "claimed_by", device->claimed_by);
	tb_jsonw_int(w, "errors", (int64_t)device->errors);
	tb_jsonw_string(w, "last_error", device->last_error);
	tb_jsonw_end_object(w);
}

void
tb_devices_write(struct tb_devices *devices, struct tb_jsonw *w)
{
	struct device *device;

	tb_list_for_each(device, &devices->list, node)
		write_device(device, w);
}

/* Whether a job may be given to it, now or when it is back. */
static bool
takes_jobs(const struct device *device)
{
	return device->driver->class == TB_CLASS_PRINTER &&
	       (device->section ||
		       (device->state != TB_DEVICE_REFUSED && device->state != TB_DEVICE_PRESENT));
}

static bool
is_default(const struct device *device)
{
	return tb_device_setting_number(&device->config, device->driver->settings, "default") != 0;
}

const char *
tb_devices_printer(struct tb_devices *devices, const char *name,
	const struct tb_driver **ret_driver, const struct tb_device_config **ret_config)
{
	struct device *device, *chosen = NULL;
	unsigned count = 0;

	tb_list_for_each(device, &devices->list, node) {
		if (!takes_jobs(device) || (name && strcmp(device->name, name)))
			continue;
		count++;
		if (!chosen || (is_default(device) && !is_default(chosen)))
			chosen = device;
	}
	if (!chosen || (count > 1 && !is_default(chosen)))
		return NULL;
	*ret_driver = chosen->driver;
	*ret_config = &chosen->config;
	return chosen->name;
}

const char *
tb_devices_claimant(struct tb_devices *devices, const char *name, uint64_t *ret_client)
{
	struct device *device = tb_device_get(devices, name);

	if (!device || !device->claimed_by)
		return NULL;
	*ret_client = device->claim_client;
	return device->claimed_by;
}

/* Where the files of known models lie: installed, or in a build tree beside its modules. */
static char *
models_dir(void)
{
	const char *data = getenv("TILLBRIDGE_DATA_DIR"),
		   *modules = getenv("TILLBRIDGE_MODULE_DIR");
	char *dir = NULL;

	if ((!data || !*data) && modules && *modules &&
		asprintf(&dir, "%s/hw/devices", modules) > 0) {
		if (access(dir, F_OK) == 0)
			return dir;
		free(dir);
	}
	return asprintf(&dir, "%s/devices", data && *data ? data : TB_DATA_DIR) < 0 ? NULL : dir;
}

static int
load_models(struct tb_devices *devices)
{
	_cleanup_buf_ struct tb_buf problems = TB_BUF_INIT(65536);
	_cleanup_free_ char *dir = models_dir();
	int r;

	if (!dir)
		return -ENOMEM;
	r = tb_models_load(&devices->models, dir, &problems);
	for (char *line = problems.data, *end; line && *line; line = end + 1) {
		end = strchr(line, '\n');
		if (!end)
			break;
		*end = '\0';
		tb_log_warning("%s", line);
	}
	return r;
}

static int
add_sections(struct tb_devices *devices)
{
	const struct tb_conf *conf = devices->bridge->conf;

	for (size_t i = 0; conf && i < conf->n_devices; i++) {
		const struct tb_conf_device *section = &conf->devices[i];
		struct device *device = tb_device_new(
			devices, section->config.name, section->driver, section);

		if (!device || tb_device_prepare(device) < 0)
			return -ENOMEM;
	}
	return 0;
}

int
tb_devices_new(struct tb_bridge *bridge, struct tb_devices **ret)
{
	struct tb_devices *devices = calloc(1, sizeof(*devices));
	int r;

	if (!devices)
		return -ENOMEM;
	devices->bridge = bridge;
	tb_list_init(&devices->list);
	tb_list_init(&devices->seen);
	r = load_models(devices);
	if (r == 0)
		r = add_sections(devices);
	if (r == 0)
		r = tb_enumerate_new(bridge->loop, &devices->models, tb_devices_found, devices,
			&devices->enumerate);
	if (r < 0) {
		tb_devices_free(devices);
		return r;
	}
	if (bridge->rpc)
		tb_rpc_set_gone(bridge->rpc, tb_devices_client_gone, devices);
	/* a driver may emit as soon as it is opened: the counter asks for claims here */
	bridge->devices = *ret = devices;
	devices->starting = true;
	r = tb_enumerate_start(devices->enumerate);
	if (r < 0)
		tb_log_warning("no word from udev (%s): only devices that the configuration names "
			       "by a path or a host are found when they come",
			strerror(-r));
	devices->starting = false;
	tb_devices_settle(devices);
	return 0;
}

void
tb_devices_free(struct tb_devices *devices)
{
	struct device *device, *next;
	struct seen *seen, *next_seen;

	if (!devices)
		return;
	devices->stopping = true;
	if (devices->bridge->rpc)
		tb_rpc_set_gone(devices->bridge->rpc, NULL, NULL);
	tb_list_for_each_safe(device, next, &devices->list, node)
		tb_device_free(device);
	tb_list_for_each_safe(seen, next_seen, &devices->seen, node)
		free(seen);
	tb_enumerate_free(devices->enumerate);
	tb_models_done(&devices->models);
	free(devices);
}
