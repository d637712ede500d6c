/*
 * A plugin in C that gives everything back twice: first as it is, then compressed for clients that can inflate.
 */

#include <stddef.h>

#include "host_only.h"

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    static const detent_bytes id = DETENT_LITERAL(DETENT_COMPRESSION);
    const detent_host *host = route;
    const detent_compression *compression = host->get_extension(host, id);
    uint32_t before = 1;
    (void)session, (void)error;
    if (compression && DETENT_COVERS(compression, detent_compression, set_worth))
        before = compression->set_worth(host, 0);
    host->send(host, client, kind, payload);
    if (compression && DETENT_COVERS(compression, detent_compression, set_worth))
        compression->set_worth(host, before);
    return host->send(host, client, kind, payload);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

DETENT_PLUGIN("uncompressed", "1.0.0", "/uncompressed", functions);
