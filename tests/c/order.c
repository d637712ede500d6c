/*
 * Answers every message in one callback: broadcast 1, send 2, broadcast 3, send 4, close. The tests see in which
 * order that arrives.
 */

#include "detent.h"

/* The route needs nothing but the way back to the server, so the host's table is the instance. */
static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    (void)config, (void)old_state, (void)error;
    *route = (void *)host;
    return DETENT_OK;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const detent_host *host = route;
    const detent_bytes one = DETENT_LITERAL("1"), two = DETENT_LITERAL("2");
    const detent_bytes three = DETENT_LITERAL("3"), four = DETENT_LITERAL("4");
    const detent_bytes done = DETENT_LITERAL("done");
    (void)session, (void)kind, (void)payload, (void)error;
    host->broadcast(host, DETENT_TEXT, one, DETENT_NO_CLIENT);
    host->send(host, client, DETENT_TEXT, two);
    host->broadcast(host, DETENT_TEXT, three, DETENT_NO_CLIENT);
    host->send(host, client, DETENT_TEXT, four);
    host->close(host, client, 3001, done);
    return DETENT_OK;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("order"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/order"),
    .functions = &functions,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("detent.h (C99)"),
    .descriptor = &descriptor,
};
