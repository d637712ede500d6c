/*
 * A plugin in C that keeps what is said, by the extension detent.journal/2: who comes is given what it has missed behind
 * the position in `?since=`, or the last two entries, and each entry begins with its own position. `POST` writes an entry
 * that is answered when the disk has it; `GET` reads what is kept. With the option `everyone` an entry is said to everyone
 * on the route, and else on a topic.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detent.h"

/* What a position is written over. */
#define PLACE "------------------------"
#define TOPIC "diary"

typedef struct diary {
    const detent_host *host;
    const detent_journal *journal;
    /* Empty for everyone. */
    detent_bytes topic;
    uint32_t everyone;
} diary;

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    diary *of = calloc(1, sizeof(*of));
    detent_status status;
    (void)old_state;
    if (!of)
        return detent_fail(error, "no memory");
    of->host = host;
    of->journal = host->get_extension(host, detent_text(DETENT_JOURNAL_EVERYONE));
    if (!of->journal) {
        free(of);
        return detent_fail(error, "this server keeps nothing");
    }
    status = host->config_boolean(config, detent_text("everyone"), &of->everyone, error);
    if (status < DETENT_OK) {
        free(of);
        return status;
    }
    of->topic = detent_text(of->everyone ? "" : TOPIC);
    *route = of;
    return DETENT_OK;
}

static void destroy(void *route)
{
    free(route);
}

static detent_journal_notice notice(char *text)
{
    detent_journal_notice notice = {.kind = DETENT_TEXT};
    notice.payload = detent_text(text);
    notice.position_at = (uint64_t)(strstr(text, PLACE) - text);
    return notice;
}

/* Who is to hear everyone from somewhere in the past on must not hear them before that. */
static detent_status on_upgrade(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    const diary *of = route;
    (void)request, (void)error;
    return of->everyone ? of->journal->apart(response) : DETENT_OK;
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const diary *of = route;
    char since[64];
    char fresh[] = "fresh " PLACE, recovered[] = "recovered " PLACE, gap[] = "gap " PLACE;
    detent_journal_join join = {.size = sizeof(join), .since = DETENT_SINCE_LAST, .client = client, .last = 2};
    detent_journal_joined joined = {.size = sizeof(joined)};
    (void)session;
    if (resumed)
        return DETENT_OK;
    if (detent_query(of->host, request, "since", since, sizeof(since)) == DETENT_OK) {
        join.since = DETENT_SINCE_AFTER;
        join.position = detent_text(since);
    }
    join.topic = of->topic;
    join.fresh = notice(fresh);
    join.recovered = notice(recovered);
    join.gap = notice(gap);
    if (of->journal->join_from(of->host, &join, &joined) != DETENT_OK)
        return detent_fail(error, "not joined");
    return DETENT_OK;
}

static detent_status write_entry(const diary *of, detent_bytes text, uint32_t flags, detent_journal_published *published)
{
    char *entry = malloc(sizeof(PLACE) + text.len + 1);
    detent_journal_publish publish = {.size = sizeof(publish), .kind = DETENT_TEXT, .except = DETENT_NO_CLIENT};
    detent_status status = DETENT_FAILED;
    if (!entry)
        return status;
    memcpy(entry, PLACE " ", sizeof(PLACE));
    if (text.len)
        memcpy(entry + sizeof(PLACE), text.data, text.len);
    publish.topic = of->topic;
    publish.payload.data = (const uint8_t *)entry;
    publish.payload.len = sizeof(PLACE) + text.len;
    publish.position_at = 0;
    publish.flags = flags;
    status = of->journal->publish(of->host, &publish, published);
    free(entry);
    return status;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    (void)session, (void)client, (void)kind;
    if (write_entry(route, payload, 0, 0) != DETENT_OK)
        return detent_fail(error, "not kept");
    return DETENT_OK;
}

/* Appends an entry and a line end to the body of a response. */
typedef struct body {
    const detent_host *host;
    detent_response *response;
} body;

static void take(void *context, detent_bytes position, uint32_t kind, detent_bytes payload)
{
    const body *of = context;
    (void)position, (void)kind;
    of->host->response_body(of->response, payload);
    of->host->response_body(of->response, detent_text("\n"));
}

static detent_status read_entries(const diary *of, detent_response *response, const detent_sink *error)
{
    body body = {of->host, response};
    detent_journal_messages messages = {.size = sizeof(messages), .context = &body, .write = take};
    detent_journal_kept kept = {.size = sizeof(kept)};
    detent_journal_read read = {.size = sizeof(read), .since = DETENT_SINCE_LAST, .last = UINT64_MAX};
    detent_status status;
    read.topic = of->topic;
    read.messages_max = 100;
    read.bytes_max = 1 << 16;
    status = of->journal->read(of->host, &read, &messages, &kept);
    /* A disk has to be asked first: the callback is called again then. */
    if (status == DETENT_LATER)
        return status;
    if (status != DETENT_OK || kept.has_more)
        return detent_fail(error, "not read");
    return DETENT_OK;
}

static detent_status on_request(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    const diary *of = route;
    const detent_host *host = of->host;
    detent_journal_published published = {.size = sizeof(published)};
    detent_bytes method, text, position;
    detent_status status;
    if (host->request_field(request, DETENT_FIELD_METHOD, &method) != DETENT_OK ||
        host->request_field(request, DETENT_FIELD_BODY, &text) != DETENT_OK)
        return detent_fail(error, "no request");
    if (method.len != 4 || memcmp(method.data, "POST", 4) != 0)
        return read_entries(of, response, error);
    status = write_entry(of, text, DETENT_JOURNAL_DURABLE, &published);
    if (status == DETENT_UNSUPPORTED)
        return host->response_status(response, 501);
    if (status != DETENT_OK)
        return detent_fail(error, "not kept");
    position.data = published.position;
    position.len = DETENT_POSITION_BYTES;
    return host->response_body(response, position);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .destroy = destroy,
    .on_upgrade = on_upgrade,
    .on_open = on_open,
    .on_message = on_message,
    .on_request = on_request,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("diary"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/diary"),
    .functions = &functions,
};

DETENT_EXPORT const detent_entry detent_plugin = {
    .magic = DETENT_MAGIC,
    .size = sizeof(detent_entry),
    .abi_major = DETENT_ABI_MAJOR,
    .abi_minor = DETENT_ABI_MINOR,
    .minor_required = 1,
    .built_with = DETENT_LITERAL("C"),
    .descriptor = &descriptor,
};
