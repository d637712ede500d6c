/*
 * A plugin in C with options that reads queries and cookies, and no line of a parser: who comes is greeted by name.
 * Built for version 1.0 it would not know how, so it says what it needs.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "detent.h"

typedef struct greeter {
    const detent_host *host;
    char greeting[16];
    int64_t times;
    uint32_t is_loud;
    char first_friend[16];
} greeter;

static detent_status read_options(greeter *of, detent_bytes config, const detent_sink *error)
{
    const detent_host *host = of->host;
    const detent_bytes known[] = {
        DETENT_LITERAL("greeting"), DETENT_LITERAL("times"), DETENT_LITERAL("loud"),
        DETENT_LITERAL("friends"),
    };
    strcpy(of->greeting, "hello");
    of->times = 1;
    if (host->config_only(config, known, sizeof(known) / sizeof(*known), error) < DETENT_OK ||
        detent_option_string(host, config, "greeting", of->greeting, sizeof(of->greeting), error) < DETENT_OK ||
        detent_option_integer(host, config, "times", &of->times, error) < DETENT_OK ||
        detent_option_boolean(host, config, "loud", &of->is_loud, error) < DETENT_OK ||
        detent_option_string(host, config, "friends[0].name", of->first_friend, sizeof(of->first_friend), error) <
            DETENT_OK)
        return DETENT_FAILED;
    return of->times < 1 ? detent_fail(error, "option `times`: at least 1") : DETENT_OK;
}

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    greeter *of = calloc(1, sizeof(*of));
    (void)old_state;
    if (!of)
        return detent_fail(error, "no memory");
    of->host = host;
    if (read_options(of, config, error) != DETENT_OK) {
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

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    const greeter *of = route;
    char nick[8], colour[8], line[128];
    int64_t time;
    (void)resumed, (void)session, (void)error;
    if (detent_query(of->host, request, "nick", nick, sizeof(nick)) != DETENT_OK)
        strcpy(nick, nick[0] ? "?" : "nobody");
    detent_cookie(of->host, request, "colour", colour, sizeof(colour));
    sprintf(line, "%s %s%s (%s) of %s", of->greeting, nick, of->is_loud ? "!" : "", colour, of->first_friend);
    for (time = 0; time < of->times; time++)
        of->host->send(of->host, client, DETENT_TEXT, detent_text(line));
    return DETENT_OK;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .destroy = destroy,
    .on_open = on_open,
};

static const detent_descriptor descriptor = {
    .size = sizeof(detent_descriptor),
    .name = DETENT_LITERAL("greeter"),
    .version = DETENT_LITERAL("1.0.0"),
    .default_path = DETENT_LITERAL("/greeter"),
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
