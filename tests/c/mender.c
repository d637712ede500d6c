/*
 * A plugin in C that is told where something is missing of what all hosts have said: `told` answers what it was told last. Whoever keeps
 * what is said would mend it there.
 */

#include <stdio.h>
#include <string.h>

#include "host_only.h"

/* What it was told. It is told by one thread and asked by others: this is taken for as long as it is read or written. */
static char told[96] = "nothing";
static char taken;

static void take(void)
{
    while (__atomic_test_and_set(&taken, __ATOMIC_ACQUIRE))
        ;
}

static void give_back(void)
{
    __atomic_clear(&taken, __ATOMIC_RELEASE);
}

static detent_status on_gap(void *route, const detent_gap *gap, const detent_sink *error)
{
    (void)route, (void)error;
    take();
    snprintf(told, sizeof told, "%s %.*s %.*s", gap->cause == DETENT_GAP_MISSED ? "missed" : "lost",
             DETENT_POSITION_BYTES, (const char *)gap->from, DETENT_POSITION_BYTES, (const char *)gap->to);
    give_back();
    return DETENT_OK;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes answer = { (const uint8_t *)told, 0 };
    detent_status status;
    (void)session, (void)error;
    if (payload.len != 4 || memcmp(payload.data, "told", 4) != 0)
        return host->broadcast(host, kind, payload, DETENT_NO_CLIENT);
    take();
    answer.len = strlen(told);
    status = host->send(host, client, DETENT_TEXT, answer);
    give_back();
    return status;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

static const void *get_extension(detent_bytes id)
{
    static const detent_gaps gaps = { .size = sizeof(detent_gaps), .on_gap = on_gap };
    const size_t len = sizeof(DETENT_GAPS) - 1;
    return id.len == len && memcmp(id.data, DETENT_GAPS, len) == 0 ? &gaps : 0;
}

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("mender"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/mender"),
    .functions = &functions,
    .get_extension = get_extension,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("C"),
    .descriptor = &descriptor,
};
