/* SPDX-License-Identifier: MIT */
/*
 * The imported articles as the server lists them: what they earn and what they cost in points. They
 * are fetched page by page when the server says that they changed, and found for a basket as the
 * server finds them.
 */

#include <string.h>
#include "base/log.h"
#include "base/text.h"
#include "bridge/conf.h"
#include "bridge/loyalty.h"
#include "bridge/offline-parts.h"

#define ARTICLES_MAX 20000 /* what comes later in the order of codes is not known offline */
#define PAGE_MAX 200
#define PAGE_DEFAULT 50

static const char schema[] =
	"CREATE TABLE IF NOT EXISTS offline_article("
	" code TEXT PRIMARY KEY,"
	" label TEXT NOT NULL,"
	" label_folded TEXT NOT NULL,"
	" ean TEXT,"
	" category TEXT,"
	" points INTEGER NOT NULL,"
	" points_price INTEGER NOT NULL,"
	" fetch INTEGER NOT NULL) WITHOUT ROWID;"
	"CREATE INDEX IF NOT EXISTS offline_article_label ON offline_article(label_folded);"
	"CREATE INDEX IF NOT EXISTS offline_article_ean ON offline_article(ean)"
	" WHERE ean IS NOT NULL;"
	/* stamp: what the server called the state of its articles when all were fetched. */
	"CREATE TABLE IF NOT EXISTS offline_article_seen("
	" id INTEGER PRIMARY KEY CHECK(id = 1),"
	" stamp INTEGER NOT NULL,"
	" as_of INTEGER NOT NULL);";

#define COLUMNS "code, label, ean, category, points, points_price"

enum statement { ADD, DROP_OTHERS, SEEN, SET_SEEN, BY_LABEL, BY_CODE, BY_EAN, LIST, STATEMENTS };

static const char *const texts[STATEMENTS] = {
	[ADD] = "INSERT INTO offline_article(code, label, label_folded, ean, category, points,"
		" points_price, fetch) VALUES(?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
		" ON CONFLICT(code) DO UPDATE SET label = ?2, label_folded = ?3, ean = ?4,"
		" category = ?5, points = ?6, points_price = ?7, fetch = ?8",
	[DROP_OTHERS] = "DELETE FROM offline_article WHERE fetch <> ?1",
	[SEEN] = "SELECT stamp, as_of FROM offline_article_seen",
	[SET_SEEN] = "INSERT INTO offline_article_seen(id, stamp, as_of) VALUES(1, ?1, ?2)"
		     " ON CONFLICT(id) DO UPDATE SET stamp = ?1, as_of = ?2",
	[BY_LABEL] = "SELECT " COLUMNS " FROM offline_article WHERE label_folded = ?1 LIMIT 2",
	[BY_CODE] = "SELECT " COLUMNS " FROM offline_article WHERE code = ?1",
	[BY_EAN] = "SELECT " COLUMNS " FROM offline_article WHERE ean = ?1 LIMIT 2",
	[LIST] = "SELECT " COLUMNS " FROM offline_article WHERE code > ?1"
		 " AND (?2 IS NULL OR category = ?2) ORDER BY code LIMIT ?3",
};

/* A fetch under way; outlives who began it. */
struct fetching {
	struct tb_offline_articles *articles; /* NULL once they are gone */
	int64_t stamp;                        /* that it will bring about */
	size_t n;
};

struct tb_offline_articles {
	struct tb_offline *offline;
	sqlite3_stmt *statements[STATEMENTS];
	int64_t stamp, as_of; /* 0: never fetched */
	struct fetching *fetching;
};

/* ---- fetching ----------------------------------------------------------------------------- */

static int
keep_article(struct tb_offline_articles *articles, const json_t *article, int64_t fetch)
{
	_cleanup_statement_ sqlite3_stmt *stmt = articles->statements[ADD];
	const char *code = tb_offline_text(article, "code"),
		   *label = tb_offline_text(article, "label");
	_cleanup_free_ char *folded = tb_text_fold(label ? label : "");

	if (!code)
		return 0;
	if (!folded)
		return -ENOMEM;
	tb_bind_text(stmt, 1, code);
	tb_bind_text(stmt, 2, label ? label : code);
	tb_bind_text(stmt, 3, folded);
	tb_bind_text(stmt, 4, tb_offline_text(article, "ean"));
	tb_bind_text(stmt, 5, tb_offline_text(article, "category"));
	sqlite3_bind_int64(stmt, 6, tb_offline_int(article, "points"));
	sqlite3_bind_int64(stmt, 7, tb_offline_int(article, "points_price"));
	sqlite3_bind_int64(stmt, 8, fetch);
	return tb_state_run(articles->offline->bridge->state, stmt);
}

static int
finish(struct tb_offline_articles *articles, int64_t stamp)
{
	_cleanup_statement_ sqlite3_stmt *drop = articles->statements[DROP_OTHERS];
	_cleanup_statement_ sqlite3_stmt *seen = articles->statements[SET_SEEN];
	int64_t now = tb_loop_wall_us(articles->offline->bridge->loop);
	int r;

	sqlite3_bind_int64(drop, 1, stamp);
	r = tb_state_run(articles->offline->bridge->state, drop);
	if (r < 0)
		return r;
	sqlite3_bind_int64(seen, 1, stamp);
	sqlite3_bind_int64(seen, 2, now);
	r = tb_state_run(articles->offline->bridge->state, seen);
	if (r < 0)
		return r;
	articles->stamp = stamp;
	articles->as_of = now;
	return 0;
}

static void ask_page(struct fetching *fetching, const char *cursor);

static void
give_up(struct fetching *fetching)
{
	if (fetching->articles)
		fetching->articles->fetching = NULL;
	free(fetching);
}

/* 1 when there is another page to ask for. */
static int
keep_page(struct fetching *fetching, const json_t *result)
{
	struct tb_offline_articles *articles = fetching->articles;
	const json_t *list = json_object_get(result, "articles"), *article;
	size_t i;
	int r = 0;

	json_array_foreach(list, i, article)
		if (r == 0)
			r = keep_article(articles, article, fetching->stamp);
	fetching->n += json_array_size(list);
	if (r < 0)
		return r;
	if (tb_offline_text(result, "cursor") && fetching->n < ARTICLES_MAX)
		return 1;
	return finish(articles, fetching->stamp);
}

static void
on_page(const struct tb_answer *answer, void *userdata)
{
	struct fetching *fetching = userdata;
	json_t *result = NULL;
	int r = 0;

	/* What was fetched so far stays; the stamp does not, so it is begun again. */
	if (fetching->articles && answer->error == TB_OK) {
		result = json_loadb(answer->json, answer->len, 0, NULL);
		r = result ? keep_page(fetching, result) : -EBADMSG;
		if (r < 0)
			tb_log_warning("offline: the articles are not kept: %s", strerror(-r));
	}
	if (r > 0)
		ask_page(fetching, tb_offline_text(result, "cursor"));
	else
		give_up(fetching);
	json_decref(result);
}

static void
ask_page(struct fetching *fetching, const char *cursor)
{
	struct tb_loyalty *loyalty = fetching->articles->offline->bridge->loyalty;
	json_t *params = json_pack("{s:i, s:s*}", "limit", PAGE_MAX, "cursor", cursor);

	if (!params || !loyalty)
		give_up(fetching);
	else
		tb_loyalty_call(loyalty, TB_OP_ARTICLE_LIST, params, on_page, fetching);
	json_decref(params);
}

void
tb_offline_articles_stamp(struct tb_offline_articles *articles, int64_t stamp)
{
	struct fetching *fetching;

	/* A server without any says 0: that there are none is known once it was asked. */
	if ((stamp == articles->stamp && articles->as_of) || articles->fetching)
		return;
	fetching = calloc(1, sizeof(*fetching));
	if (!fetching)
		return;
	*fetching = (struct fetching){.articles = articles, .stamp = stamp};
	articles->fetching = fetching;
	ask_page(fetching, NULL);
}

/* ---- finding ------------------------------------------------------------------------------ */

/* The article of the row, its strings borrowed until the next. */
static struct tb_article
read_row(sqlite3_stmt *stmt)
{
	return (struct tb_article){
		.code = (const char *)sqlite3_column_text(stmt, 0),
		.label = (const char *)sqlite3_column_text(stmt, 1),
		.ean = (const char *)sqlite3_column_text(stmt, 2),
		.category = (const char *)sqlite3_column_text(stmt, 3),
		.points = sqlite3_column_int64(stmt, 4),
		.points_price = sqlite3_column_int64(stmt, 5),
	};
}

static int
find_by(enum tb_reference by, const char *name, struct tb_article **ret, void *userdata)
{
	static const enum statement statement[] = {
		[TB_REFERENCE_CODE] = BY_CODE,
		[TB_REFERENCE_EAN] = BY_EAN,
		[TB_REFERENCE_LABEL] = BY_LABEL,
	};
	struct tb_offline_articles *articles = userdata;
	_cleanup_statement_ sqlite3_stmt *stmt = articles->statements[statement[by]];
	_cleanup_(tb_article_freep) struct tb_article *found = NULL;
	struct tb_article row;
	int rc;

	tb_bind_text(stmt, 1, name);
	rc = sqlite3_step(stmt);
	if (rc != SQLITE_ROW)
		return tb_sqlite_errno(rc);
	row = read_row(stmt);
	found = tb_article_copy(&row);
	if (!found)
		return -ENOMEM;
	rc = sqlite3_step(stmt);
	if (rc == SQLITE_DONE)
		*ret = TAKE_PTR(found);
	return tb_sqlite_errno(rc);
}

int
tb_offline_articles_find(struct tb_offline_articles *articles, struct tb_line *lines,
	size_t n_lines, struct tb_basket_articles *ret)
{
	enum tb_reference first = TB_REFERENCE_LABEL;

	(void)tb_reference_from_word(articles->offline->bridge->conf->product_reference, &first);
	return tb_basket_articles_find(lines, n_lines, first, find_by, articles, ret);
}

/* ---- article.list ------------------------------------------------------------------------- */

/* In order of their codes; the cursor is the last code of the page. */
void
tb_offline_article_list(struct tb_offline *offline, const struct tb_call *call)
{
	struct tb_offline_articles *articles = offline->articles;
	_cleanup_statement_ sqlite3_stmt *stmt = articles->statements[LIST];
	_cleanup_buf_ struct tb_buf out = TB_BUF_INIT(0);
	_cleanup_free_ char *last = NULL;
	const char *cursor = tb_offline_text(call->params, "cursor");
	struct tb_jsonw w = TB_JSONW(&out);
	int64_t limit = tb_offline_int(call->params, "limit"), n = 0;
	int rc;

	if (!articles->as_of) {
		tb_offline_refuse(call, TB_ERROR_SERVER_UNREACHABLE, NULL);
		return;
	}
	limit = limit ? TB_MIN(limit, (int64_t)PAGE_MAX) : PAGE_DEFAULT;
	tb_bind_text(stmt, 1, cursor ? cursor : "");
	tb_bind_text(stmt, 2, tb_offline_text(call->params, "category"));
	sqlite3_bind_int64(stmt, 3, limit + 1);
	tb_jsonw_object(&w, NULL);
	tb_jsonw_array(&w, "articles");
	while ((rc = sqlite3_step(stmt)) == SQLITE_ROW && n < limit) {
		struct tb_article article = read_row(stmt);

		tb_article_write(&w, &article);
		if (++n == limit)
			last = strdup(article.code);
	}
	tb_jsonw_end_array(&w);
	if (rc == SQLITE_ROW)
		tb_jsonw_string(&w, "cursor", last);
	tb_offline_write_stale(offline, &w, articles->as_of);
	tb_jsonw_end_object(&w);
	tb_offline_give(call, &out);
}

/* ---- start and stop ----------------------------------------------------------------------- */

static int
load_seen(struct tb_offline_articles *articles)
{
	_cleanup_statement_ sqlite3_stmt *stmt = articles->statements[SEEN];
	int rc = sqlite3_step(stmt);

	if (rc == SQLITE_ROW) {
		articles->stamp = sqlite3_column_int64(stmt, 0);
		articles->as_of = sqlite3_column_int64(stmt, 1);
	}
	return tb_sqlite_errno(rc);
}

int
tb_offline_articles_new(struct tb_offline *offline, struct tb_offline_articles **ret)
{
	struct tb_offline_articles *articles = calloc(1, sizeof(*articles));
	int r;

	if (!articles)
		return -ENOMEM;
	articles->offline = offline;
	r = tb_state_make_tables(offline->bridge->state, schema);
	if (r == 0)
		r = tb_state_prepare(
			offline->bridge->state, texts, articles->statements, STATEMENTS);
	if (r == 0)
		r = load_seen(articles);
	if (r < 0) {
		tb_offline_articles_free(articles);
		return r;
	}
	*ret = articles;
	return 0;
}

void
tb_offline_articles_free(struct tb_offline_articles *articles)
{
	if (!articles)
		return;
	if (articles->fetching)
		articles->fetching->articles = NULL;
	for (size_t i = 0; i < STATEMENTS; i++)
		sqlite3_finalize(articles->statements[i]);
	free(articles);
}
