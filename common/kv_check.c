/* kv_check - walks the pages of an LMDB file and believes nothing in it. Knows LMDB's layout (0.9,
 * lib/mdb.c: MDB_page, MDB_meta, MDB_db, MDB_node), neither its functions nor our records. */
#include <errno.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "kv_check.h"
#include "span.h"

#define MAGIC      UINT32_C(0xBEEFC0DE)
#define VERSION    1
#define NO_PAGE    SIZE_MAX /* root of an empty tree */
#define DEPTH_MAX  32       /* LMDB's own bound */
#define INTEGERKEY 0x08     /* flag of the tree of free pages: keys are numbers */

enum { PAGE_BRANCH = 0x01, PAGE_LEAF = 0x02, PAGE_OVERFLOW = 0x04, PAGE_META = 0x08 };
enum { NODE_BIG = 0x01, NODE_TREE = 0x02 }; /* 0x04: several values to a key, never ours */

struct page {
	size_t number;
	uint16_t pad, flags;
	union {
		struct {
			uint16_t lower, upper;
		};
		uint32_t pages; /* of an overflow page: its length */
	};
};

struct tree {
	uint32_t pad; /* of the tree of free pages: the page size */
	uint16_t flags, depth;
	size_t branch_pages, leaf_pages, overflow_pages, entries, root;
};

struct meta {
	uint32_t magic, version;
	void *address;
	size_t map_octets;
	struct tree free, main;
	size_t last_page, transaction;
};

struct node {
	uint16_t low, high; /* halves of a length (leaf) or page number (branch) */
	uint16_t flags;     /* branch: bits 32.. of the page number */
	uint16_t key_size;
};

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "struct node is in this order");

/* What a tree is for decides what may be in it. */
enum kind { FREE_TREE, MAIN_TREE, NAMED_TREE };

struct walk {
	const char *map;
	size_t octets;    /* of the file */
	size_t page_size; /* octets */
	size_t last_page;
	uint8_t *seen; /* a bit for each page */
	const char *wrong;
	size_t where; /* page that is wrong */
	enum err e;
};

struct count {
	enum kind kind;
	size_t branch_pages, leaf_pages, overflow_pages, entries;
};

static bool wrong(struct walk *w, size_t page, const char *what)
{
	w->wrong = what;
	w->where = page;
	w->e = ERR_CORRUPT;
	return false;
}

/* Takes count pages as used from now on. */
static bool claim(struct walk *w, size_t page, size_t count)
{
	size_t pages_in_file = w->octets / w->page_size;

	if (page < 2 || count == 0 || page > w->last_page || count > w->last_page - page + 1)
		return wrong(w, page, "page number out of range");
	if (page >= pages_in_file || count > pages_in_file - page)
		return wrong(w, page, "page behind the end of the file (file cut short?)");
	for (size_t i = page; i < page + count; i++) {
		if ((w->seen[i / 8] >> (i % 8) & 1) != 0)
			return wrong(w, i, "page used twice");
		w->seen[i / 8] |= (uint8_t)(1 << (i % 8));
	}
	return true;
}

static const char *page_at(const struct walk *w, size_t page, struct page *header_r)
{
	const char *p = w->map + page * w->page_size;

	memcpy(header_r, p, sizeof *header_r);
	return p;
}

/* Free pages need not be in the file: LMDB does not write what it does not need. */
static bool check_free_list(struct walk *w, size_t page, struct span list)
{
	size_t count, number, before = SIZE_MAX;

	if (list.n < sizeof count)
		return wrong(w, page, "list of free pages cut short");
	memcpy(&count, list.p, sizeof count);
	if (count > list.n / sizeof count - 1)
		return wrong(w, page, "list of free pages cut short");
	for (size_t i = 1; i <= count; i++) {
		memcpy(&number, list.p + i * sizeof number, sizeof number);
		if (number < 2 || number > w->last_page || number >= before)
			return wrong(w, page, "list of free pages out of order");
		if ((w->seen[number / 8] >> (number % 8) & 1) != 0)
			return wrong(w, number, "page is in use and free");
		w->seen[number / 8] |= (uint8_t)(1 << (number % 8));
		before = number;
	}
	return true;
}

static bool check_tree(struct walk *w, const struct tree *tree, enum kind kind);

static bool check_value(
    struct walk *w, struct count *c, size_t page, const struct node *node, struct span rest)
{
	size_t n = (size_t)node->high << 16 | node->low;
	struct span value = span_head(rest, n);
	struct tree tree;
	struct page header;
	size_t big, pages;

	if (node->flags != 0 && node->flags != NODE_BIG && node->flags != NODE_TREE)
		return wrong(w, page, "record of an unknown kind");
	if (node->flags == NODE_BIG) {
		if (rest.n < sizeof big)
			return wrong(w, page, "record behind the end of its page");
		memcpy(&big, rest.p, sizeof big);
		pages = (sizeof header - 1 + n) / w->page_size + 1;
		if (!claim(w, big, pages))
			return false;
		value = span_make(page_at(w, big, &header) + sizeof header, n);
		if (header.number != big || header.flags != PAGE_OVERFLOW ||
		    header.pages < pages)
			return wrong(w, big, "not the start of a large value");
		/* A value that shrank in place keeps its pages. */
		if (header.pages > pages && !claim(w, big + pages, header.pages - pages))
			return false;
		c->overflow_pages += header.pages;
	} else if (rest.n < n) {
		return wrong(w, page, "record behind the end of its page");
	}
	if (c->kind == FREE_TREE && node->flags != NODE_TREE)
		return check_free_list(w, page, value);
	if (node->flags != NODE_TREE)
		return true;
	if (c->kind != MAIN_TREE || value.n != sizeof tree)
		return wrong(w, page, "misplaced root of a database");
	memcpy(&tree, value.p, sizeof tree);
	return check_tree(w, &tree, NAMED_TREE);
}

static bool key_less(enum kind kind, struct span a, struct span b)
{
	size_t n = a.n < b.n ? a.n : b.n, x, y;
	int order;

	if (kind == FREE_TREE && n >= sizeof x) {
		memcpy(&x, a.p, sizeof x);
		memcpy(&y, b.p, sizeof y);
		return x < y;
	}
	order = n > 0 ? memcmp(a.p, b.p, n) : 0;
	return order != 0 ? order < 0 : a.n < b.n;
}

/* Cuts the record out that a page's slot leads to; false when it is not inside the page. */
static bool node_at(const struct walk *w, const char *p, const struct page *header, size_t slot,
    struct node *node_r, struct span *key_r, struct span *rest_r)
{
	uint16_t at;

	memcpy(&at, p + sizeof *header + slot * sizeof at, sizeof at);
	if (at < header->upper || at % 2 != 0 || at > w->page_size - sizeof *node_r)
		return false;
	memcpy(node_r, p + at, sizeof *node_r);
	*rest_r = span_make(p + at + sizeof *node_r, w->page_size - at - sizeof *node_r);
	if (node_r->key_size > rest_r->n)
		return false;
	*key_r = span_head(*rest_r, node_r->key_size);
	*rest_r = span_from(*rest_r, node_r->key_size);
	return true;
}

static size_t node_child(const struct node *node)
{
	uint64_t page = (uint64_t)node->high << 16 | node->low;

	if (sizeof(size_t) > 4)
		page |= (uint64_t)node->flags << 32;
	return (size_t)page;
}

/* Header of a branch or leaf page; *count_r is the number of its records. */
static bool check_header(struct walk *w, const struct count *c, size_t number,
    const struct page *h, bool leaf, size_t *count_r)
{
	/* Only the tree of free pages may be seen with fewer (LMDB rebalances it lazily). */
	size_t least = c->kind == FREE_TREE ? (leaf ? 0 : 1) : (leaf ? 1 : 2);

	if (h->number != number || h->flags != (leaf ? PAGE_LEAF : PAGE_BRANCH))
		return wrong(w, number, "page of another kind or number");
	if (h->lower < sizeof *h || h->lower % 2 != 0 || h->upper < h->lower ||
	    h->upper > w->page_size)
		return wrong(w, number, "page with impossible bounds");
	*count_r = (h->lower - sizeof *h) / sizeof(uint16_t);
	if (*count_r < least)
		return wrong(w, number, "page with too few records");
	return true;
}

/* A page and all below it. Keys must lie in [low, high); a NULL p is no bound. levels: how many
 * there are from here down to the leaves; the recursion ends there. */
static bool check_page(struct walk *w, struct count *c, size_t number, unsigned levels,
    struct span low, struct span high)
{
	struct span key = low, next, rest;
	bool leaf = levels == 1;
	struct page header;
	struct node node;
	size_t count, child = 0, least_greater = leaf ? 0 : 1;
	const char *p;

	if (!claim(w, number, 1))
		return false;
	p = page_at(w, number, &header);
	if (!check_header(w, c, number, &header, leaf, &count))
		return false;
	*(leaf ? &c->leaf_pages : &c->branch_pages) += 1;
	for (size_t i = 0; i < count; i++) {
		if (!node_at(w, p, &header, i, &node, &next, &rest))
			return wrong(w, number, "record behind the end of its page");
		/* The first key of a branch means nothing: it is the page's own lower bound. */
		if (leaf || i > 0) {
			if (next.n == 0 || (c->kind == FREE_TREE && next.n != sizeof(size_t)))
				return wrong(w, number, "key of impossible length");
			/* The lower bound itself may be the first key; others ascend. */
			if (key.p != NULL &&
			    (key_less(c->kind, next, key) ||
				(i > least_greater && !key_less(c->kind, key, next))))
				return wrong(w, number, "keys out of order");
			if (high.p != NULL && !key_less(c->kind, next, high))
				return wrong(w, number, "key that belongs to another page");
		} else {
			next = low;
		}
		if (!leaf && i > 0 && !check_page(w, c, child, levels - 1, key, next))
			return false;
		if (leaf && (c->entries++, !check_value(w, c, number, &node, rest)))
			return false;
		child = node_child(&node);
		key = next;
	}
	return leaf || count == 0 || check_page(w, c, child, levels - 1, key, high);
}

static bool check_tree(struct walk *w, const struct tree *tree, enum kind kind)
{
	struct span none = { NULL, 0 };
	struct count c = { .kind = kind };

	/* Of the environment's flags, which share those of the tree of free pages, none is ours. */
	if (tree->flags != (kind == FREE_TREE ? INTEGERKEY : 0)) {
		wrong(w, 0, "database with options that are not ours");
		w->e = ERR_VERSION;
		return false;
	}
	if (tree->depth > DEPTH_MAX || (tree->depth == 0) != (tree->root == NO_PAGE))
		return wrong(w, 0, "database of impossible depth");
	if (tree->depth > 0 && !check_page(w, &c, tree->root, tree->depth, none, none))
		return false;
	if (c.branch_pages != tree->branch_pages || c.leaf_pages != tree->leaf_pages ||
	    c.overflow_pages != tree->overflow_pages || c.entries != tree->entries)
		return wrong(w, 0, "database with a wrong count of pages or records");
	return true;
}

static bool read_meta(struct walk *w, size_t number, size_t offset, struct meta *meta_r)
{
	struct page header;

	if (w->octets < sizeof header + sizeof *meta_r ||
	    offset > w->octets - sizeof header - sizeof *meta_r)
		return wrong(w, number, "file too short");
	memcpy(&header, w->map + offset, sizeof header);
	memcpy(meta_r, w->map + offset + sizeof header, sizeof *meta_r);
	if ((header.flags & PAGE_META) == 0 || meta_r->magic != MAGIC)
		return wrong(w, number, "not an LMDB file");
	if (meta_r->version != VERSION) {
		wrong(w, number, "LMDB file of another format version");
		w->e = ERR_VERSION;
		return false;
	}
	return true;
}

static bool check_all(struct walk *w)
{
	struct meta first, meta;
	size_t limit;

	if (!read_meta(w, 0, 0, &first))
		return false;
	w->page_size = first.free.pad;
	if (w->page_size < 512 || w->page_size > 65536 ||
	    (w->page_size & (w->page_size - 1)) != 0)
		return wrong(w, 0, "impossible page size");
	if (!read_meta(w, 1, w->page_size, &meta))
		return false;
	if (meta.free.pad != first.free.pad)
		return wrong(w, 1, "two page sizes");
	if (first.transaction >= meta.transaction)
		meta = first;
	limit = meta.map_octets > w->octets ? meta.map_octets : w->octets;
	w->last_page = meta.last_page;
	if (w->last_page < 1 || w->last_page >= limit / w->page_size)
		return wrong(w, 0, "last page out of range");
	/* Bits for pages that may lie behind the end of the file, if free. */
	w->seen = calloc(w->last_page / 8 + 1, 1);
	if (w->seen == NULL) {
		wrong(w, 0, "out of memory");
		w->e = ERR_NOMEM;
		return false;
	}
	/* In this order: the lists of free pages come last and must not name what is in use. */
	return check_tree(w, &meta.main, MAIN_TREE) && check_tree(w, &meta.free, FREE_TREE);
}

enum err kv_check_file(int fd, char *reason, size_t size)
{
	struct walk w = { .e = ERR_OK };
	struct stat st;
	void *map;

	if (fstat(fd, &st) != 0) {
		snprintf(reason, size, "stat: %m");
		return err_from_errno(errno);
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(reason, size, "not a regular file");
		return ERR_CORRUPT;
	}
	if (st.st_size == 0) {
		snprintf(reason, size, "empty file");
		return ERR_NOTFOUND;
	}
	w.octets = (size_t)st.st_size;
	map = mmap(NULL, w.octets, PROT_READ, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED) {
		snprintf(reason, size, "map: %m");
		return err_from_errno(errno);
	}
	w.map = map;
	if (!check_all(&w))
		snprintf(reason, size, "page %zu: %s", w.where, w.wrong);
	free(w.seen);
	munmap(map, w.octets);
	return w.e;
}
