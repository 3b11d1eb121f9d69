/* SPDX-License-Identifier: MIT */
/*
 * Intrusive doubly linked list: a head is a node that points to itself. It owns nothing; whoever
 * embeds the node owns the memory.
 */
#pragma once

#include "base/macros.h"

struct tb_list {
	struct tb_list *prev, *next;
};

static inline void
tb_list_init(struct tb_list *head)
{
	head->prev = head->next = head;
}

static inline bool
tb_list_empty(const struct tb_list *head)
{
	return head->next == head;
}

/* Inserts node before `before`: with the head, that is at the end. */
static inline void
tb_list_insert(struct tb_list *before, struct tb_list *node)
{
	node->prev = before->prev;
	node->next = before;
	before->prev->next = node;
	before->prev = node;
}

#define tb_list_append(head, node) tb_list_insert(head, node)

/* Leaves the node as an empty list, so that removing it twice is harmless. */
static inline void
tb_list_remove(struct tb_list *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	tb_list_init(node);
}

#define tb_list_entry(node, type, member) container_of(node, type, member)
#define tb_list_first(head, type, member) tb_list_entry((head)->next, type, member)

#define tb_list_for_each(pos, head, member) \
	for (pos = tb_list_entry((head)->next, __typeof__(*pos), member); &pos->member != (head); \
		pos = tb_list_entry(pos->member.next, __typeof__(*pos), member))

/* As above; pos may be removed and freed in the body. */
#define tb_list_for_each_safe(pos, tmp, head, member) \
	for (pos = tb_list_entry((head)->next, __typeof__(*pos), member), \
	    tmp = tb_list_entry(pos->member.next, __typeof__(*pos), member); \
		&pos->member != (head); \
		pos = tmp, tmp = tb_list_entry(tmp->member.next, __typeof__(*tmp), member))
