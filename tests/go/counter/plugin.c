/* What the server reads of the plugin, and the way from its functions to those of Go. */

#include "_cgo_export.h"

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    if (host->config_only(config, NULL, 0, error) < DETENT_OK)
        return DETENT_FAILED;
    (void)old_state;
    *route = (void *)host;
    return DETENT_OK;
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    (void)request, (void)resumed;
    return goOnOpen(route, client, (uintptr_t *)session, (detent_sink *)error);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    (void)kind;
    return goOnMessage(route, (uintptr_t)session, client, payload, (detent_sink *)error);
}

static detent_status on_close(void *route, void *session, detent_client_id client, const detent_cause *cause,
                              const detent_sink *error)
{
    (void)route, (void)client, (void)cause, (void)error;
    if (session)
        goDrop((uintptr_t)session);
    return DETENT_OK;
}

static void drop_session(void *route, void *session)
{
    (void)route;
    if (session)
        goDrop((uintptr_t)session);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .drop_session = drop_session,
};

DETENT_PLUGIN("counter", "1.0.0", "/counter", functions);
