/* A plugin that calls a function which exists nowhere: it must be refused when it is opened, not end
 * the process when it is called. */
#include "detent.h"

extern void exists_nowhere(void);

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    (void)host;
    (void)config;
    (void)old_state;
    (void)error;
    exists_nowhere();
    *route = 0;
    return DETENT_OK;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
};

DETENT_PLUGIN("unresolved", "1.0.0", "/unresolved", functions);
