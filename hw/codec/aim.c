/* SPDX-License-Identifier: MIT */
/*
 * Symbologies by the identifier that stands before a code, after ISO/IEC 15424 and the AIM
 * registry. It does not look into the code.
 */

#include <string.h>
#include "hw/codec/aim.h"
#include "hw/scan.h"

/* modifiers: the digits that the row is for, NULL for all */
static const struct {
	char letter;
	const char *modifiers, *word;
} symbologies[] = {
	{'A', NULL, "code39"},
	{'C', "0", "code128"},
	{'C', "1", "gs1-128"},
	{'E', "03", "ean13"},
	{'E', "12", "ean-addon"},
	{'E', "4", "ean8"},
	{'F', NULL, "codabar"},
	{'G', NULL, "code93"},
	{'I', NULL, "itf"},
	{'L', NULL, "pdf417"},
	{'Q', "012", "qr"},
	{'Q', "3", "gs1-qr"},
	{'d', "01", "datamatrix"},
	{'d', "2", "gs1-datamatrix"},
	{'e', "0", "gs1-databar"},
	{'z', NULL, "aztec"},
};

size_t
tb_aim_length(const uint8_t *bytes, size_t len)
{
	uint8_t letter;

	if (len < 3 || bytes[0] != ']')
		return 0;
	letter = bytes[1] | 0x20;
	if (letter < 'a' || letter > 'z')
		return 0;
	/* Aztec's go on to C, as hexadecimal digits do (ISO/IEC 24778) */
	if (bytes[1] == 'z' && bytes[2] >= 'A' && bytes[2] <= 'C')
		return 3;
	return bytes[2] >= '0' && bytes[2] <= '9' ? 3 : 0;
}

const char *
tb_aim_symbology(const char aim[static 3], size_t code_len)
{
	if (!memcmp(aim, "]E0", 3) && code_len == 12)
		return "upca";
	for (size_t i = 0; i < ARRAY_SIZE(symbologies); i++)
		if (symbologies[i].letter == aim[1] &&
			(!symbologies[i].modifiers || strchr(symbologies[i].modifiers, aim[2])))
			return symbologies[i].word;
	return NULL;
}

const char *
tb_symbology_word(const char *word)
{
	/* sorted; also what only a camera or a till can name */
	static const char *const words[] = {"aztec", "codabar", "code128", "code39", "code93",
		"datamatrix", "ean-addon", "ean13", "ean8", "gs1-128", "gs1-databar",
		"gs1-databar-expanded", "gs1-databar-limited", "gs1-databar-omni",
		"gs1-databar-truncated", "gs1-datamatrix", "gs1-qr", "itf", "maxicode", "microqr",
		"pdf417", "qr", "upca", "upce"};

	for (size_t i = 0; word && i < ARRAY_SIZE(words); i++)
		if (!strcmp(words[i], word))
			return words[i];
	return NULL;
}
