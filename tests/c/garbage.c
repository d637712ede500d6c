/*
 * Says everything to the host that the plugin ABI forbids, and answers callbacks as it forbids.
 *
 * A message is one order: `calls` makes every host call with arguments out of their range and gives
 * back what the host answered; the others answer on_message with a status of their own making. The
 * query of a request is such an order as well. The tests build it with the system's compiler.
 */

#include <stdio.h>
#include <string.h>

#include "host_only.h"

#define BYTES(text, length) ((detent_bytes){ (const uint8_t *)(text), (length) })
#define TEXT(literal) BYTES(literal, sizeof(literal) - 1)

static const char zeros[70000];

/* Text that is not UTF-8: a lone continuation byte, a cut sequence, a surrogate, an overlong one. */
static const detent_bytes not_utf8[] = {
    { (const uint8_t *)"a\x80", 2 },
    { (const uint8_t *)"\xe2\x82", 2 },
    { (const uint8_t *)"\xed\xa0\x80", 3 },
    { (const uint8_t *)"\xc0\xaf", 2 },
};

/* One line `NAME: STATUS` of a report. */
static void note(char *report, size_t size, const char *name, int status)
{
    const size_t used = strlen(report);
    snprintf(report + used, size - used, "%s: %d\n", name, status);
}

#define NOTE(name, call) note(report, size, name, (int)(call))

static void garbage_to_clients(const detent_host *host, detent_client_id client, char *report,
                               size_t size)
{
    static const uint32_t codes[] = { 0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 66536, UINT32_MAX };
    static const uint32_t kinds[] = { 0, 3, 8, 9, 257, UINT32_MAX };
    for (size_t i = 0; i < sizeof(not_utf8) / sizeof(*not_utf8); i++) {
        NOTE("send invalid", host->send(host, client, DETENT_TEXT, not_utf8[i]));
        NOTE("broadcast invalid", host->broadcast(host, DETENT_TEXT, not_utf8[i], DETENT_NO_CLIENT));
        NOTE("publish invalid", host->publish(host, TEXT("t"), DETENT_TEXT, not_utf8[i], 0));
        NOTE("publish invalid", host->publish(host, not_utf8[i], DETENT_TEXT, TEXT("x"), 0));
        NOTE("close invalid", host->close(host, client, 1000, not_utf8[i]));
        NOTE("join invalid", host->join(host, client, not_utf8[i]));
    }
    for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
        NOTE("send invalid", host->send(host, client, kinds[i], TEXT("kind")));
        NOTE("broadcast invalid", host->broadcast(host, kinds[i], TEXT("kind"), DETENT_NO_CLIENT));
    }
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        NOTE("close invalid", host->close(host, client, codes[i], TEXT("code")));
    NOTE("close invalid", host->close(host, client, 1000, BYTES(zeros, 124)));
    NOTE("close invalid", host->close(host, client, 1000, BYTES(zeros, sizeof(zeros))));
}

static void garbage_about_others(const detent_host *host, char *report, size_t size)
{
    static const detent_client_id nobody[] = { 0, 4242, (uint64_t)1 << 32, UINT64_MAX };
    for (size_t i = 0; i < sizeof(nobody) / sizeof(*nobody); i++) {
        NOTE("send gone", host->send(host, nobody[i], DETENT_TEXT, TEXT("who")));
        NOTE("flush gone", host->flush(host, nobody[i]));
        NOTE("close gone", host->close(host, nobody[i], 1000, TEXT("who")));
        NOTE("join gone", host->join(host, nobody[i], TEXT("t")));
        NOTE("leave gone", host->leave(host, nobody[i], TEXT("t")));
        NOTE("cancel_timer gone", host->cancel_timer(host, nobody[i]));
        /* Nobody to leave out is nobody left out; the topic has no members. */
        NOTE("publish ok", host->publish(host, TEXT("empty"), DETENT_TEXT, TEXT("x"), nobody[i]));
    }
}

static void garbage_about_topics(const detent_host *host, detent_client_id client, char *report,
                                 size_t size)
{
    static const size_t lengths[] = { 0, 256, sizeof(zeros) };
    uint64_t count = 0;
    detent_timer_id timer = 0;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(*lengths); i++) {
        const detent_bytes topic = BYTES(zeros, lengths[i]);
        NOTE("join invalid", host->join(host, client, topic));
        NOTE("leave invalid", host->leave(host, client, topic));
        NOTE("publish invalid", host->publish(host, topic, DETENT_TEXT, TEXT("x"), 0));
        NOTE("member_count invalid", host->member_count(host, topic, &count));
    }
    NOTE("member_count invalid", host->member_count(host, TEXT("t"), NULL));
    NOTE("client_count invalid", host->client_count(host, NULL));
    NOTE("set_timer invalid", host->set_timer(host, UINT64_MAX, 0, &timer));
    NOTE("set_timer invalid", host->set_timer(host, 0, UINT64_MAX, &timer));
    NOTE("set_timer invalid", host->set_timer(host, 0, 0, NULL));
    NOTE("route_path ok", host->route_path(host, NULL));
    NOTE("get_extension ok", host->get_extension(host, BYTES(NULL, 0)) != NULL);
    const detent_client_view *view = host->get_extension(host, TEXT(DETENT_CLIENT_VIEW));
    NOTE("buffered invalid", view->buffered(host, client, NULL));
    NOTE("request invalid", view->request(host, client, NULL));
}

/* A status that an order asks for: known ones out of place, and unknown ones. */
static detent_status status_of(detent_bytes order, const detent_sink *error)
{
    static const struct {
        const char *order;
        detent_status status;
    } statuses[] = {
        { "positive", 12345 },           { "negative", -77 },
        { "least", INT32_MIN },          { "most", INT32_MAX },
        { "unsupported", DETENT_UNSUPPORTED }, { "panicked", DETENT_PANICKED },
        { "silent", DETENT_FAILED },     { "words", DETENT_FAILED },
    };
    for (size_t i = 0; i < sizeof(statuses) / sizeof(*statuses); i++) {
        if (order.len != strlen(statuses[i].order)
            || memcmp(order.data, statuses[i].order, order.len) != 0)
            continue;
        if (strcmp(statuses[i].order, "words") == 0) {
            error->write(error->context, TEXT("line\nbreak \x1b[31m \xff "));
            for (int more = 0; more < 100; more++)
                error->write(error->context, BYTES(zeros, sizeof(zeros)));
        }
        return statuses[i].status;
    }
    return DETENT_OK;
}

/* The session stays null. */
static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes query = { NULL, 0 };
    (void)client, (void)resumed, (void)session;
    host->request_field(request, DETENT_FIELD_QUERY, &query);
    return status_of(query, error);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    static const char calls[] = "calls";
    const detent_host *host = route;
    char report[8192] = "";
    (void)kind;
    if (session != NULL)
        return DETENT_PANICKED;
    if (payload.len != strlen(calls) || memcmp(payload.data, calls, payload.len) != 0) {
        const detent_status status = status_of(payload, error);
        return status == DETENT_OK ? host->send(host, client, DETENT_TEXT, TEXT("fine")) : status;
    }
    garbage_to_clients(host, client, report, sizeof(report));
    garbage_about_others(host, report, sizeof(report));
    garbage_about_topics(host, client, report, sizeof(report));
    return host->send(host, client, DETENT_TEXT, BYTES(report, strlen(report)));
}

/* Neither admits nor refuses: `?welcome` says 200 to a handshake. */
static detent_status on_upgrade(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error)
{
    const detent_host *host = route;
    detent_bytes query = { NULL, 0 };
    (void)error;
    host->request_field(request, DETENT_FIELD_QUERY, &query);
    if (query.len == strlen("welcome") && memcmp(query.data, "welcome", query.len) == 0)
        return host->response_status(response, 200);
    return DETENT_OK;
}

/* Answers with what the host said to each impossible part of an answer. */
static detent_status on_request(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error)
{
    static const uint32_t impossible[] = { 0, 99, 100, 101, 199, 600, 65736, UINT32_MAX };
    static const char *const names[] = { "", "a b", "a:b", "a\r\nb", "\xc3\xa9",
                                         "Content-Length", "connection", "SEC-WEBSOCKET-ACCEPT" };
    static const char *const values[] = { "a\r\nSet-Cookie: b", "a\nb", "a\rb", "\x01" };
    const detent_host *host = route;
    char report[4096] = "";
    const size_t size = sizeof(report);
    detent_bytes value = { NULL, 0 };
    if (host->request_field(request, DETENT_FIELD_QUERY, &value) == DETENT_OK && value.len > 0)
        return status_of(value, error);
    for (size_t i = 0; i < sizeof(impossible) / sizeof(*impossible); i++)
        NOTE("response_status invalid", host->response_status(response, impossible[i]));
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
        NOTE("response_header invalid",
             host->response_header(response, BYTES(names[i], strlen(names[i])), TEXT("v")));
    for (size_t i = 0; i < sizeof(values) / sizeof(*values); i++)
        NOTE("response_header invalid",
             host->response_header(response, TEXT("X-A"), BYTES(values[i], strlen(values[i]))));
    NOTE("response_header invalid", host->response_header(response, TEXT("X-A"), BYTES(zeros, 1)));
    NOTE("response_subprotocol invalid", host->response_subprotocol(response, TEXT("mine")));
    NOTE("request_field invalid", host->request_field(request, 99, &value));
    NOTE("request_field invalid", host->request_field(request, DETENT_FIELD_PATH, NULL));
    NOTE("request_header absent", host->request_header(request, TEXT("x"), SIZE_MAX, &value));
    NOTE("request_header invalid", host->request_header(request, not_utf8[0], 0, &value));
    NOTE("request_header_at invalid", host->request_header_at(request, 0, NULL, NULL));
    return host->response_body(response, BYTES(report, strlen(report)));
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_upgrade = on_upgrade,
    .on_open = on_open,
    .on_message = on_message,
    .on_request = on_request,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("garbage"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/garbage"),
    .functions = &functions,
};

static detent_status init(const detent_log *log, uint32_t level)
{
    (void)level;
    log->write(log->context, 0, TEXT("plugin::garbage"), TEXT("a level that is none"));
    log->write(log->context, 99, TEXT("plugin::garbage"), TEXT("a level that is none"));
    log->write(log->context, 2, BYTES(NULL, 0), BYTES(NULL, 0));
    log->write(log->context, 2, not_utf8[0], BYTES("two\nlines \xff", 11));
    return DETENT_OK;
}

DETENT_EXPORT const detent_entry detent_plugin = {
    DETENT_ENTRY_HEAD,
    .built_with = DETENT_LITERAL("detent.h (C99)"),
    .init = init,
    .descriptor = &descriptor,
};
