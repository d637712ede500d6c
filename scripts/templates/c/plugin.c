/*
 * {{name}}: greets who comes and counts what each client says. detent.h beside this file says what else there is.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detent.h"

/* One value of this serves the route: what its clients share, which needs a lock where callbacks change it. */
typedef struct {{ident}} {
    const detent_host *host;
    char greeting[64];
} {{ident}};

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    const detent_bytes known[] = {DETENT_LITERAL("greeting")};
    {{ident}} *of = calloc(1, sizeof(*of));
    (void)old_state;
    if (!of)
        return detent_fail(error, "no memory");
    of->host = host;
    strcpy(of->greeting, "hello");
    if (host->config_only(config, known, sizeof(known) / sizeof(*known), error) < DETENT_OK ||
        detent_option_string(host, config, "greeting", of->greeting, sizeof(of->greeting), error) < DETENT_OK) {
        free(of);
        return DETENT_FAILED;
    }
    *route = of;
    return DETENT_OK;
}

static void destroy(void *route)
{
    free(route);
}

/* What belongs to one client goes into its session, which needs no lock. */
static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const {{ident}} *of = route;
    char name[64], line[160];
    uint64_t *count = calloc(1, sizeof(*count));
    if (!count)
        return detent_fail(error, "no memory");
    *session = count;
    /* The code was replaced, and the client has been greeted. */
    if (resumed)
        return DETENT_OK;
    if (detent_query(of->host, request, "name", name, sizeof(name)) != DETENT_OK)
        strcpy(name, "stranger");
    snprintf(line, sizeof(line), "%s %s", of->greeting, name);
    of->host->send(of->host, client, DETENT_TEXT, detent_text(line));
    return DETENT_OK;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const {{ident}} *of = route;
    uint64_t *count = session;
    char line[64];
    (void)kind, (void)payload, (void)error;
    *count += 1;
    snprintf(line, sizeof(line), "your message %llu", (unsigned long long)*count);
    of->host->send(of->host, client, DETENT_TEXT, detent_text(line));
    return DETENT_OK;
}

static detent_status on_close(void *route, void *session, detent_client_id client, const detent_cause *cause,
                              const detent_sink *error)
{
    (void)route, (void)client, (void)cause, (void)error;
    free(session);
    return DETENT_OK;
}

static void drop_session(void *route, void *session)
{
    (void)route;
    free(session);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .destroy = destroy,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .drop_session = drop_session,
};

DETENT_PLUGIN("{{name}}", "0.1.0", "/{{name}}", functions);
