/*
 * Answers every message in one callback: broadcast 1, send 2, broadcast 3, send 4, close. The tests see in which
 * order that arrives.
 */

#include "host_only.h"

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

DETENT_PLUGIN("order", "1.0.0", "/order", functions);
