/*
 * What a plugin of the tests begins with that needs nothing but the way back to the server: the host's table is its route.
 */

#ifndef HOST_ONLY_H
#define HOST_ONLY_H

#include "detent.h"

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    (void)config, (void)old_state, (void)error;
    *route = (void *)host;
    return DETENT_OK;
}

#endif
