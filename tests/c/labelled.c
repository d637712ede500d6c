/*
 * A plugin in C that calls each client what it says of itself. Old hosts, which know no labels, it serves all the same.
 */

#include <stddef.h>

#include "detent.h"

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
    static const detent_bytes done = DETENT_LITERAL("labelled");
    static const detent_bytes refused = DETENT_LITERAL("refused");
    static const detent_bytes id = DETENT_LITERAL(DETENT_LABEL);
    const detent_host *host = route;
    const detent_label *label = host->get_extension(host, id);
    detent_status status = DETENT_UNSUPPORTED;
    (void)session, (void)kind, (void)error;
    if (label && DETENT_COVERS(label, detent_label, set))
        status = label->set(host, client, payload);
    return host->send(host, client, DETENT_TEXT, status == DETENT_OK ? done : refused);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("labelled"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/labelled"),
    .functions = &functions,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("detent.h (C99)"),
    .descriptor = &descriptor,
};
