/* image/key.c - see key.h */
#include "image/key.h"

#include <string.h>

/* Items: these, or from ITEM_PART on a part of the subject, from 0. */
enum { ITEM_SUBJECT, ITEM_PEER, ITEM_ALL, ITEM_PART };

static const struct {
	const char *word;
	unsigned char item;
} words[] = {
	{"path", ITEM_SUBJECT},
	{"topic", ITEM_SUBJECT},
	{"peer", ITEM_PEER},
	{"all", ITEM_ALL},
};

/* The item of a word, or -1. */
static int item_of(struct mf_str word)
{
	static const char *const prefixes[] = {"path/", "topic/"};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (mf_str_is(word, words[i].word))
			return words[i].item;
	for (size_t i = 0; i < 2; i++) {
		size_t n = strlen(prefixes[i]);

		if (word.n == n + 1 && memcmp(word.p, prefixes[i], n) == 0 && word.p[n] >= '1' &&
			word.p[n] <= '0' + (int)KEY_PARTS_MAX)
			return ITEM_PART + word.p[n] - '1';
	}
	return -1;
}

const char *key_parse(struct key *key, const char *text)
{
	*key = (struct key){.given = text != NULL};
	if (!text || strcmp(text, "none") == 0)
		return NULL;
	while (*(text += strspn(text, " "))) {
		size_t n = strcspn(text, " ");
		int item = item_of(mf_str_of(text, n));

		if (item < 0)
			return "is neither 'none' nor words of path, topic, path/1 to path/9, "
			       "peer, all";
		if (key->count == KEY_ITEMS_MAX)
			return "has more than 8 words";
		key->item[key->count++] = (unsigned char)item;
		text += n;
	}
	return key->count > 0 ? NULL : "says nothing";
}

/* Paths begin with a slash, topics with their first part. */
static struct mf_str part_of(struct mf_str subject, unsigned part)
{
	const uint8_t *p = subject.p, *end = p + subject.n, *start;

	if (p < end && *p == '/')
		p++;
	for (;; p++) {
		start = p;
		while (p < end && *p != '/')
			p++;
		if (part-- == 0)
			return mf_str_of(start, (size_t)(p - start));
		if (p == end)
			return mf_str_of(end, 0);
	}
}

struct mf_str key_item(const struct key *key, unsigned i, const struct key_event *event)
{
	switch (key->item[i]) {
	case ITEM_SUBJECT: return event->subject;
	case ITEM_PEER: return event->peer;
	case ITEM_ALL: return mf_str_of("", 0);
	default: return part_of(event->subject, key->item[i] - (unsigned)ITEM_PART);
	}
}
