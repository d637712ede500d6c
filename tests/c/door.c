/*
 * A plugin in C that tells who comes and goes, by the extension detent.members/1: who joins is called by ?nick=, the others hear
 * it at once, and again when it is gone, in whatever way. `who` lists those who are here.
 */

#include <stdio.h>
#include <string.h>

#include "detent.h"

#define ROOM "room"

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    (void)config, (void)old_state;
    if (!host->get_extension(host, detent_text(DETENT_MEMBERS)))
        return detent_fail(error, "this server tells nobody");
    *route = (void *)host;
    return DETENT_OK;
}

static detent_word word(const char *text)
{
    detent_word word = {.kind = DETENT_TEXT};
    word.payload = detent_text(text);
    return word;
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const detent_host *host = route;
    const detent_members *members = host->get_extension(host, detent_text(DETENT_MEMBERS));
    const detent_label *label = host->get_extension(host, detent_text(DETENT_LABEL));
    char nick[32], come[64], gone[64];
    detent_word joined, left;
    (void)session;
    /* The code was replaced: it is a member already, and the words for its end stay. */
    if (resumed)
        return DETENT_OK;
    if (detent_query(host, request, "nick", nick, sizeof(nick)) != DETENT_OK)
        return detent_fail(error, "no nick that fits");
    snprintf(come, sizeof(come), "%s has come", nick);
    snprintf(gone, sizeof(gone), "%s has gone", nick);
    if (label)
        label->set(host, client, detent_text(nick));
    joined = word(come);
    left = word(gone);
    return members->join_told(host, client, detent_text(ROOM), &joined, &left);
}

static void add(void *context, detent_client_id client, detent_bytes label)
{
    char *line = context;
    (void)client;
    strncat(line, " ", 511 - strlen(line));
    strncat(line, (const char *)label.data, label.len < 511 - strlen(line) ? label.len : 511 - strlen(line));
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind, detent_bytes payload,
                                const detent_sink *error)
{
    const detent_host *host = route;
    const detent_members *members = host->get_extension(host, detent_text(DETENT_MEMBERS));
    char line[512] = "here:";
    const detent_member_sink sink = {.size = sizeof(sink), .context = line, .member = add};
    uint64_t count;
    (void)session, (void)kind, (void)payload, (void)error;
    members->list(host, detent_text(ROOM), &sink, &count);
    return host->send(host, client, DETENT_TEXT, detent_text(line));
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_open = on_open,
    .on_message = on_message,
};

DETENT_PLUGIN("door", "1.0.0", "/door", functions);
