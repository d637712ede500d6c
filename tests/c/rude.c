/*
 * Hands what it was sent back to the server as text, as a topic and as a reason, whatever bytes they are, and
 * answers with what each call gave. The Rust face cannot do this: its strings are UTF-8.
 */

#include <stdio.h>

#include "host_only.h"

/* Client 1 is the other one. */
static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const detent_host *host = route;
    const detent_bytes all = DETENT_LITERAL("all");
    (void)session, (void)error, (void)kind;
    detent_status sent = host->send(host, client, DETENT_TEXT, payload);
    detent_status sent_on = host->send(host, 1, DETENT_TEXT, payload);
    host->join(host, client, all);
    detent_status published = host->publish(host, all, DETENT_TEXT, payload, DETENT_NO_CLIENT);
    detent_status broadcast = host->broadcast(host, DETENT_TEXT, payload, DETENT_NO_CLIENT);
    detent_status joined = host->join(host, client, payload);
    /* A reason that is refused closes nobody. */
    detent_status closed = sent < 0 ? host->close(host, client, 4000, payload) : 0;
    char text[100];
    int length = snprintf(text, sizeof text, "%d %d %d %d %d %d", (int)sent, (int)sent_on,
                          (int)published, (int)broadcast, (int)joined, (int)closed);
    const detent_bytes answer = { (const uint8_t *)text, (size_t)length };
    return host->send(host, client, DETENT_BINARY, answer);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

DETENT_PLUGIN("rude", "1.0.0", "/rude", functions);
