/*
 * A plugin in C that calls each client what it says of itself. Old hosts, which know no labels, it serves all the same.
 */

#include <stddef.h>
#include <string.h>

#include "host_only.h"

/* Says what one of the clients is called to everybody. */
static void tell_member(void *context, detent_client_id client, detent_bytes label)
{
    const detent_host *host = context;
    (void)client;
    host->broadcast(host, DETENT_TEXT, label, DETENT_NO_CLIENT);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    static const detent_bytes who = DETENT_LITERAL(DETENT_MEMBERS);
    const detent_members *members;
    static const detent_bytes done = DETENT_LITERAL("labelled");
    static const detent_bytes refused = DETENT_LITERAL("refused");
    static const detent_bytes id = DETENT_LITERAL(DETENT_LABEL);
    const detent_host *host = route;
    const detent_label *label = host->get_extension(host, id);
    detent_status status = DETENT_UNSUPPORTED;
    (void)session, (void)kind, (void)error;
    if (payload.len == 3 && memcmp(payload.data, "who", 3) == 0) {
        const detent_member_sink sink = { sizeof(detent_member_sink), 0, route, tell_member };
        uint64_t count;
        members = host->get_extension(host, who);
        if (!members || !DETENT_COVERS(members, detent_members, list))
            return DETENT_FAILED;
        status = members->list(host, (detent_bytes){ 0, 0 }, &sink, &count);
        return status == DETENT_OK && count > 0 ? DETENT_OK : DETENT_FAILED;
    }
    if (label && DETENT_COVERS(label, detent_label, set))
        status = label->set(host, client, payload);
    return host->send(host, client, DETENT_TEXT, status == DETENT_OK ? done : refused);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_message = on_message,
};

DETENT_PLUGIN("labelled", "1.0.0", "/labelled", functions);
