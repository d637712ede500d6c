/*
 * A plugin in C whose on_open counts a client before it fails, where the query says so. Compiled against the header of
 * 1.0 it keeps a ghost; against that of 1.1 on_close follows, with the session that it has written, and undoes it.
 * It stands alone and spells out its entry: the header of 1.0 has no macro for that.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detent.h"

static int here;

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    (void)config, (void)old_state, (void)error;
    *route = (void *)host;
    return DETENT_OK;
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session,
                             const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes query;
    (void)client, (void)resumed, (void)error;
    __atomic_add_fetch(&here, 1, __ATOMIC_SEQ_CST);
    *session = malloc(1);
    return host->request_field(request, DETENT_FIELD_QUERY, &query) == DETENT_OK ? DETENT_FAILED
                                                                                 : DETENT_OK;
}

static detent_status on_close(void *route, void *session, detent_client_id client,
                              const detent_cause *cause, const detent_sink *error)
{
    (void)route, (void)client, (void)error;
    if (cause->code == 1011 && cause->initiator != DETENT_BY_SERVER)
        return DETENT_FAILED;
    free(session);
    __atomic_sub_fetch(&here, 1, __ATOMIC_SEQ_CST);
    return DETENT_OK;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const detent_host *host = route;
    char text[32];
    detent_bytes answer;
    (void)session, (void)kind, (void)payload, (void)error;
    snprintf(text, sizeof text, "%d here", __atomic_load_n(&here, __ATOMIC_SEQ_CST));
    answer.data = (const uint8_t *)text;
    answer.len = strlen(text);
    return host->send(host, client, DETENT_TEXT, answer);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_open = on_open,
    .on_close = on_close,
    .on_message = on_message,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("ghost"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/ghost"),
    .functions = &functions,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("C"),
    .descriptor = &descriptor,
};
