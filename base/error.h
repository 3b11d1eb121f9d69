/* SPDX-License-Identifier: MIT */
/*
 * The error codes of the api: one list for connectors, devices and the socket. The word is the
 * contract with the till; the sentence for a person is made elsewhere, in his language.
 */
#pragma once

#include "base/macros.h"

/* name, word, retryable: the same call may succeed later without being changed */
#define TB_ERRORS(X) \
	X(INVALID_PARAMS, "invalid_params", false) \
	X(CUSTOMER_UNKNOWN, "customer_unknown", false) \
	X(CUSTOMER_AMBIGUOUS, "customer_ambiguous", false) \
	X(COUPON_UNKNOWN, "coupon_unknown", false) \
	X(GIFT_CARD_UNKNOWN, "gift_card_unknown", false) \
	X(REWARD_UNKNOWN, "reward_unknown", false) \
	X(PASSAGE_UNKNOWN, "passage_unknown", false) \
	X(CARD_BLOCKED, "card_blocked", false) \
	X(CARD_UNASSIGNED, "card_unassigned", false) \
	X(CONTACT_REQUIRED, "contact_required", false) \
	X(INSUFFICIENT_BALANCE, "insufficient_balance", false) \
	X(REWARD_NOT_APPLICABLE, "reward_not_applicable", false) \
	X(COUPON_USED, "coupon_used", false) \
	X(COUPON_EXPIRED, "coupon_expired", false) \
	X(GIFT_CARD_EXPIRED, "gift_card_expired", false) \
	X(RESERVATION_EXPIRED, "reservation_expired", false) \
	X(CONFLICT, "conflict", false) \
	X(IDEMPOTENCY_CONFLICT, "idempotency_conflict", false) \
	X(IN_PROGRESS, "in_progress", true) \
	X(OFFLINE_REFUSED, "offline_refused", false) \
	X(SERVER_UNREACHABLE, "server_unreachable", true) \
	X(SERVER_REFUSED, "server_refused", false) \
	X(PRINTER_UNAVAILABLE, "printer_unavailable", true) \
	X(PAPER_OUT, "paper_out", true) \
	X(COVER_OPEN, "cover_open", true) \
	X(DEVICE_CLAIMED, "device_claimed", true) \
	X(DEVICE_UNKNOWN, "device_unknown", false) \
	X(PAYMENT_CARD_REFUSED, "payment_card_refused", false) \
	X(NOT_PERMITTED, "not_permitted", false) \
	X(TOO_LARGE, "too_large", false) \
	X(RATE_LIMITED, "rate_limited", true) \
	X(INTERNAL, "internal", true)

enum tb_error {
	TB_OK,
#define X(name, word, retryable) TB_ERROR_##name,
	TB_ERRORS(X)
#undef X
		TB_ERROR_COUNT,
};

/* The word of the contract ("customer_unknown"); NULL for TB_OK. */
const char *tb_error_word(enum tb_error error);
bool tb_error_retryable(enum tb_error error);
/* The error of a word, TB_OK when there is none. */
enum tb_error tb_error_from_word(const char *word);
