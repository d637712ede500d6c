/*
 * A plugin in C that answers with a part of a file: /download?file=/etc/hostname&offset=2&length=3. The host has a descriptor
 * of its own, so that this one closes its file before it returns.
 */

/* For O_CLOEXEC, which C99 alone does not have. */
#define _POSIX_C_SOURCE 200809L

#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "host_only.h"

static uint64_t number(const detent_host *host, const detent_request *request, const char *name)
{
    char text[32];
    if (detent_query(host, request, name, text, sizeof(text)) != DETENT_OK)
        return 0;
    return strtoull(text, NULL, 10);
}

static detent_status on_request(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    static const detent_bytes id = DETENT_LITERAL(DETENT_BODY_FILE);
    const detent_host *host = route;
    const detent_body_file *body_file = host->get_extension(host, id);
    detent_status status;
    char name[256];
    int file;
    if (!body_file || !DETENT_COVERS(body_file, detent_body_file, set))
        return detent_fail(error, "the server is older than detent.body_file/1");
    if (detent_query(host, request, "file", name, sizeof(name)) != DETENT_OK)
        return detent_fail(error, "no file is named");
    file = open(name, O_RDONLY | O_CLOEXEC);
    status = body_file->set(response, file, number(host, request, "offset"), number(host, request, "length"));
    if (file >= 0)
        close(file);
    if (status != DETENT_OK)
        return detent_fail(error, "the host does not take it");
    return DETENT_OK;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .on_request = on_request,
};

DETENT_PLUGIN("download", "1.0.0", "/download", functions);
