/* Reads serialised p4.v1.WriteRequests of plain updates: table entries with an action of their own and nothing
 * that needs a second thought. What is not plain, not canonical or not valid is not read at all: whoever
 * called parses the request as a whole then, and says what is wrong. Called from one thread at a time;
 * knows no state of tables. */
#ifndef P4_PLAIN_WRITES_H
#define P4_PLAIN_WRITES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* --- a pipeline, as softswitch/server/plain_reader.py lays it out; what refers to other lists fits them --- */

enum { MOST_FIELDS = 64, MOST_FIELD_WORDS = 16 }; /* of a table; of a match field. As many parameters as fields. */

enum match_kind { /* p4.v1.FieldMatch's field numbers */
    MATCH_EXACT = 2,
    MATCH_TERNARY = 3,
    MATCH_LPM = 4,
    MATCH_RANGE = 6,
    MATCH_OPTIONAL = 7,
};

struct field {
    uint32_t id, kind, width;
    uint32_t word, shift; /* in the key's words, or of the range's ends */
    uint32_t key_at;      /* in the key's bytes */
};

struct parameter {
    uint32_t id, width, word;
};

struct action {
    uint32_t id, index;
    uint32_t first_parameter, parameter_count;
};

struct table {
    uint32_t id, index;
    uint32_t first_field, field_count, first_action, action_count;
    uint32_t key_words, range_words, data_words; /* of the engine's entries */
    uint32_t key_size;                           /* bytes of the server's keys, with the priority */
    uint32_t has_priority;
};

struct schema {
    const struct table *tables; /* by rising id */
    const struct field *fields;
    const struct action *actions;
    const struct parameter *parameters;
    uint64_t table_count;
};

/* --- what was read --- */

struct update {
    uint32_t table;            /* its place in the schema */
    uint32_t change;           /* p4.v1.Update.Type */
    uint32_t key_at, key_end;  /* in `keys` */
    uint32_t wire_at, wire_end; /* the TableEntry in the request */
};

struct batch { /* owns its lists; they grow as needed and are used again */
    uint64_t *words; /* operations, as the engine takes them (engine/runtime/batch.h) */
    uint8_t *keys;
    struct update *updates;
    uint64_t word_count, key_count, update_count;
    uint64_t word_room, key_room, update_room; /* elements */
};

#endif
