/*
 * Echo in C: sends every message back unchanged, as plugins/echo does in Rust.
 *
 * The tests build it with the system's compiler and hold it to what they hold the Rust echo to.
 * That proves that the plugin ABI is C and nothing more.
 */

#include "detent.h"

/* The route needs nothing but the way back to the server, so the host's table is the instance. */
static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    (void)old_state;
    if (config.len != sizeof("{}") - 1) {
        const detent_bytes text = DETENT_LITERAL("echo has no options");
        error->write(error->context, text);
        return DETENT_FAILED;
    }
    *route = (void *)host;
    return DETENT_OK;
}

/* A client that has gone answers DETENT_GONE, which is no error. */
static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const detent_host *host = route;
    (void)session, (void)error;
    return host->send(host, client, kind, payload);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

DETENT_PLUGIN("echo", "1.0.0", "/echo", functions);
