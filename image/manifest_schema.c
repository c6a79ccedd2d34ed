/*
 * image/manifest_schema.c - every key that mayfly.yaml may have. All scalars are
 * read as text; manifest.c says what the text must be. man/mayfly.yaml.5 explains
 * each key, and a test holds the two together.
 */
#include "image/manifest_raw.h"

#define OPTIONAL (CYAML_FLAG_POINTER | CYAML_FLAG_OPTIONAL)
#define TEXT(key, type, member, flags)                                                             \
	CYAML_FIELD_STRING_PTR(                                                                    \
		key, CYAML_FLAG_POINTER | (flags), type, member, 1, MANIFEST_TEXT_MAX)
#define LIST(key, member)                                                                          \
	CYAML_FIELD_SEQUENCE(                                                                      \
		key, OPTIONAL, struct raw_manifest, member, &text, 0, MANIFEST_LIST_MAX)
#define RAW(key, member)  TEXT(key, struct raw_manifest, member, CYAML_FLAG_OPTIONAL)
#define MUST(key, member) TEXT(key, struct raw_manifest, member, 0)

static const cyaml_schema_value_t text = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 1, MANIFEST_TEXT_MAX)};

#define PART(key, part, fields)                                                                    \
	CYAML_FIELD_MAPPING(key, CYAML_FLAG_OPTIONAL, struct raw_manifest, part, fields)
#define MEMBER(key, part, member) TEXT(key, struct raw_##part, member, CYAML_FLAG_OPTIONAL)

static const cyaml_schema_field_t memory[] = {
	MEMBER("window", memory, window),
	MEMBER("event", memory, event),
	MEMBER("effects", memory, effects),
	MEMBER("stack", memory, stack),
	MEMBER("init", memory, init),
	MEMBER("input", memory, input),
	MEMBER("output", memory, output),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t limits[] = {
	MEMBER("cpu", limits, cpu),
	MEMBER("deadline", limits, deadline),
	MEMBER("init", limits, init),
	MEMBER("queue", limits, queue),
	MEMBER("parallel", limits, parallel),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t retry[] = {
	MEMBER("times", retry, times),
	MEMBER("wait", retry, wait),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t quantity_fields[] = {
	TEXT("path", struct raw_quantity, path, 0),
	TEXT("quantity", struct raw_quantity, quantity, 0),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t quantity = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_quantity, quantity_fields)};

static const cyaml_schema_field_t price[] = {
	MEMBER("unit", price, unit),
	MEMBER("per_unit", price, per_unit),
	MEMBER("minimum", price, minimum),
	MEMBER("quantity", price, quantity),
	CYAML_FIELD_SEQUENCE("quantities", OPTIONAL, struct raw_price, quantities, &quantity, 0,
		MANIFEST_LIST_MAX),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t trigger_fields[] = {
	TEXT("type", struct raw_trigger, type, 0),
	MEMBER("method", trigger, method),
	MEMBER("path", trigger, path),
	MEMBER("host", trigger, host),
	MEMBER("topic", trigger, topic),
	MEMBER("qos", trigger, qos),
	MEMBER("every", trigger, every),
	MEMBER("cron", trigger, cron),
	MEMBER("missed", trigger, missed),
	MEMBER("framing", trigger, framing),
	MEMBER("name", trigger, name),
	MEMBER("protocol", trigger, protocol),
	MEMBER("example", trigger, example),
	CYAML_FIELD_SEQUENCE(
		"headers", OPTIONAL, struct raw_trigger, headers, &text, 0, MANIFEST_LIST_MAX),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t trigger = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct raw_trigger, trigger_fields)};

static const cyaml_schema_field_t pair_fields[] = {
	TEXT("name", struct manifest_pair, name, 0),
	TEXT("value", struct manifest_pair, value, CYAML_FLAG_OPTIONAL),
	CYAML_FIELD_END,
};
static const cyaml_schema_value_t pair = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct manifest_pair, pair_fields)};

static const cyaml_schema_field_t fields[] = {
	MUST("mayfly", mayfly),
	MUST("name", name),
	RAW("version", version),
	RAW("counter", counter),
	LIST("modules", modules),
	LIST("variants", variants),
	PART("memory", memory, memory),
	PART("limits", limits, limits),
	PART("retry", retry, retry),
	RAW("budget", budget),
	CYAML_FIELD_SEQUENCE("triggers", OPTIONAL, struct raw_manifest, triggers, &trigger, 0,
		MANIFEST_LIST_MAX),
	RAW("key", key),
	RAW("durability", durability),
	LIST("reads", reads),
	LIST("writes", writes),
	LIST("emits", emits),
	LIST("calls", calls),
	LIST("upstream", upstream),
	RAW("life", life),
	RAW("birth", birth),
	PART("price", price, price),
	LIST("data", data),
	CYAML_FIELD_SEQUENCE(
		"config", OPTIONAL, struct raw_manifest, config, &pair, 0, MANIFEST_LIST_MAX),
	CYAML_FIELD_END,
};

const cyaml_schema_value_t manifest_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct raw_manifest, fields)};
