/*
 * A plugin of ABI 1.0 that uses all of it, kept as it was when 1.0 was the newest: it has to load and to
 * work for ever. The tests compile it against the header beside it, and load the library that was built
 * from the two (libveteran-x86_64.so):
 *
 *     cc -std=c99 -Os -s -shared -fPIC -fvisibility=hidden -o libveteran-x86_64.so veteran.c
 */

#include "detent.h"

#include <stdlib.h>
#include <string.h>

struct route {
    const detent_host *host;
    detent_timer_id timer;
    uint64_t messages;
};

struct session {
    char name[16];
};

static const detent_bytes topic = DETENT_LITERAL("veterans");

static detent_bytes bytes(const char *text)
{
    detent_bytes bytes = { (const uint8_t *)text, strlen(text) };
    return bytes;
}

static int is(detent_bytes value, const char *text)
{
    return value.len == strlen(text) && memcmp(value.data, text, value.len) == 0;
}

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    struct route *made = calloc(1, sizeof *made);
    if (made == NULL || host->size < sizeof *host || error->size < sizeof *error || config.len < 2) {
        error->write(error->context, bytes("this host is none of ABI 1.0"));
        free(made);
        return DETENT_FAILED;
    }
    made->host = host;
    if (old_state != NULL && old_state->len == sizeof made->messages)
        memcpy(&made->messages, old_state->data, sizeof made->messages);
    *route = made;
    return DETENT_OK;
}

static void destroy(void *route) { free(route); }

static detent_status on_upgrade(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error)
{
    const detent_host *host = ((struct route *)route)->host;
    detent_bytes query;
    (void)error;
    if (host->request_field(request, DETENT_FIELD_QUERY, &query) == DETENT_OK && is(query, "no")) {
        host->response_body(response, bytes("not you"));
        return host->response_status(response, 403);
    }
    return host->response_header(response, bytes("X-Veteran"), bytes("1.0"));
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const detent_host *host = ((struct route *)route)->host;
    struct session *made = calloc(1, sizeof *made);
    (void)request, (void)error;
    if (made == NULL)
        return DETENT_FAILED;
    strcpy(made->name, resumed == NULL ? "new" : "resumed");
    *session = made;
    return host->join(host, client, topic);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    struct route *own = route;
    const detent_host *host = own->host;
    uint64_t members = 0, clients = 0;
    char answer[] = "new: 0 members, 0 clients, 0 messages";
    own->messages++;
    if (is(payload, "close"))
        return host->close(host, client, 4000, bytes("as you wish"));
    if (is(payload, "timer"))
        return host->set_timer(host, 1, 0, &own->timer);
    if (is(payload, "fail")) {
        error->write(error->context, bytes("told to fail"));
        return DETENT_FAILED;
    }
    if (is(payload, "count")) {
        host->member_count(host, topic, &members);
        host->client_count(host, &clients);
        memcpy(answer, ((struct session *)session)->name, 3);
        answer[5] = (char)('0' + members);
        answer[16] = (char)('0' + clients);
        answer[27] = (char)('0' + own->messages);
        return host->send(host, client, DETENT_TEXT, bytes(answer));
    }
    return host->publish(host, topic, kind, payload, DETENT_NO_CLIENT);
}

static detent_status on_close(void *route, void *session, detent_client_id client,
                              const detent_cause *cause, const detent_sink *error)
{
    const detent_host *host = ((struct route *)route)->host;
    (void)client, (void)error;
    free(session);
    return host->broadcast(host, DETENT_TEXT, bytes(cause->code == 4000 ? "one was closed" : "one left"),
                           DETENT_NO_CLIENT);
}

static detent_status on_error(void *route, void *session, detent_client_id client,
                              const detent_fault *what, const detent_sink *error)
{
    const detent_host *host = ((struct route *)route)->host;
    (void)session, (void)error;
    return host->send(host, client, DETENT_TEXT, what->what);
}

static detent_status on_request(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error)
{
    const detent_host *host = ((struct route *)route)->host;
    detent_bytes method;
    (void)error;
    host->request_field(request, DETENT_FIELD_METHOD, &method);
    return host->response_body(response, method);
}

static detent_status on_timer(void *route, detent_timer_id timer, const detent_sink *error)
{
    const struct route *own = route;
    (void)error;
    return own->host->broadcast(own->host, DETENT_TEXT,
                                bytes(timer == own->timer ? "it is time" : "a foreign timer"),
                                DETENT_NO_CLIENT);
}

static detent_status save_state(void *route, const detent_sink *out, const detent_sink *error)
{
    const struct route *own = route;
    detent_bytes state = { (const uint8_t *)&own->messages, sizeof own->messages };
    (void)error;
    out->write(out->context, state);
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
    .on_upgrade = on_upgrade,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .on_error = on_error,
    .on_request = on_request,
    .on_timer = on_timer,
    .save_state = save_state,
    .drop_session = drop_session,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("veteran"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/veteran"),
    .functions = &functions,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("detent.h 1.0 (C99)"),
    .descriptor = &descriptor,
};
