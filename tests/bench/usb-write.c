/* SPDX-License-Identifier: MIT */
/*
 * The bare loop that a USB printer's wire is measured against: opens VID:PID with libusb, writes a
 * file to it in transfers of 16 kB, one after the other, and says how many microseconds that took.
 */
#include <libusb.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static unsigned char bytes[1 << 20];

static uint64_t
now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
}

int
main(int argc, char **argv)
{
	FILE *file = argc > 3 ? fopen(argv[3], "rb") : NULL;
	libusb_device_handle *handle;
	size_t len, done = 0;
	uint64_t begin;

	if (!file || libusb_init(NULL) < 0)
		return 1;
	len = fread(bytes, 1, sizeof(bytes), file);
	handle = libusb_open_device_with_vid_pid(
		NULL, (uint16_t)strtoul(argv[1], NULL, 16), (uint16_t)strtoul(argv[2], NULL, 16));
	if (!handle || libusb_claim_interface(handle, 0) < 0)
		return 1;
	begin = now_us();
	while (done < len) {
		int piece = len - done < 16384 ? (int)(len - done) : 16384, went = 0;

		if (libusb_bulk_transfer(handle, 1, bytes + done, piece, &went, 0) < 0)
			return 1;
		done += (size_t)went;
	}
	printf("%llu\n", (unsigned long long)(now_us() - begin));
	libusb_release_interface(handle, 0);
	libusb_close(handle);
	libusb_exit(NULL);
	return 0;
}
