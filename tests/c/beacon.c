/*
 * A plugin in C that reaches clients of all hosts that share its route: `id`, `count`, `who LABEL`, `to ID TEXT`, `end ID`.
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "host_only.h"

/* Who asks for a list. */
struct asker {
    const detent_host *host;
    detent_client_id client;
};

static detent_status tell(const detent_host *host, detent_client_id client, const char *text)
{
    const detent_bytes payload = { (const uint8_t *)text, strlen(text) };
    return host->send(host, client, DETENT_TEXT, payload);
}

static void tell_member(void *context, detent_client_everywhere member, detent_bytes label)
{
    const struct asker *asker = context;
    char text[128];
    snprintf(text, sizeof text, "%08" PRIx64 "-%" PRIu64 "=%.*s", member.host, member.client, (int)label.len,
             (const char *)label.data);
    tell(asker->host, asker->client, text);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    static const detent_bytes id = DETENT_LITERAL(DETENT_HOSTS);
    const detent_host *host = route;
    const detent_hosts *hosts = host->get_extension(host, id);
    detent_client_everywhere to = { 0, 0 };
    detent_status status;
    char text[128], word[8] = "";
    uint64_t number = 0, count = 0;
    uint32_t is_shared = 0;
    int rest = 0;
    (void)session, (void)kind, (void)error;
    if (!hosts || !DETENT_COVERS(hosts, detent_hosts, close) || payload.len >= sizeof text)
        return DETENT_FAILED;
    memcpy(text, payload.data, payload.len);
    text[payload.len] = 0;
    if (sscanf(text, "%7s %" SCNx64 "-%" SCNu64 " %n", word, &to.host, &to.client, &rest) == 3 && rest > 0) {
        const detent_bytes behind = { payload.data + rest, payload.len - (size_t)rest };
        if (strcmp(word, "to") == 0)
            status = hosts->send(host, to, DETENT_TEXT, behind);
        else
            status = hosts->close(host, to, 4001, behind);
        snprintf(text, sizeof text, "status %d", (int)status);
    } else if (strncmp(text, "who", 3) == 0) {
        struct asker asker = { host, client };
        const detent_everywhere_sink sink = { sizeof(detent_everywhere_sink), 0, &asker, tell_member };
        const size_t at = payload.len > 4 ? 4 : payload.len;
        const detent_bytes label = { payload.data + at, payload.len - at };
        status = hosts->list(host, label, &sink, &count);
        snprintf(text, sizeof text, "status %d, %" PRIu64, (int)status, count);
    } else if (strcmp(text, "count") == 0) {
        status = hosts->count(host, &count);
        snprintf(text, sizeof text, "status %d, %" PRIu64, (int)status, count);
    } else if (strcmp(text, "wrong") == 0) {
        /* No place, no sink, one that is too short. */
        const detent_everywhere_sink sink = { 4, 0, 0, tell_member };
        const detent_bytes none = { 0, 0 };
        snprintf(text, sizeof text, "%d %d %d", (int)hosts->count(host, 0), (int)hosts->list(host, none, 0, 0),
                 (int)hosts->list(host, none, &sink, 0));
    } else {
        status = hosts->this_host(host, &number, &is_shared);
        if (status != DETENT_OK || hosts->this_host(host, 0, 0) != DETENT_OK)
            return DETENT_FAILED;
        snprintf(text, sizeof text, "%08" PRIx64 "-%" PRIu64 " %u", number, client, (unsigned)is_shared);
    }
    return tell(host, client, text);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

DETENT_PLUGIN("beacon", "1.0.0", "/beacon", functions);
