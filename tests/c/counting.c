/*
 * A plugin in C that counts what it is told: its messages by kind, the last number that was said, and how long they
 * are. Old hosts, which have no metrics, it serves all the same.
 */

#include <stdlib.h>
#include <string.h>

#include "detent.h"

typedef struct counting {
    const detent_host *host;
    const detent_metrics *metrics;
    uint64_t texts, binaries, level, sizes;
} counting;

static uint64_t declare(const counting *of, uint32_t kind, const char *name, const char *label,
                        const double *bounds, size_t bound_count, const detent_sink *error)
{
    const detent_bytes labels = { (const uint8_t *)label, strlen(label) };
    const detent_metric_declaration declaration = {
        .size = sizeof(declaration),
        .kind = kind,
        .name = { (const uint8_t *)name, strlen(name) },
        .help = DETENT_LITERAL("Counted in C"),
        .labels = &labels,
        .label_count = labels.len > 0,
        .bounds = bounds,
        .bound_count = bound_count,
    };
    uint64_t metric = 0;
    of->metrics->declare(of->host, &declaration, &metric, error);
    return metric;
}

static uint64_t series(const counting *of, uint64_t metric, const char *value)
{
    const detent_bytes values = { (const uint8_t *)value, strlen(value) };
    uint64_t series = 0;
    of->metrics->series(of->host, metric, &values, values.len > 0, &series);
    return series;
}

static detent_status create(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route, const detent_sink *error)
{
    static const double bounds[] = { 2, 4 };
    const detent_bytes id = DETENT_LITERAL(DETENT_METRICS);
    counting *of = calloc(1, sizeof(*of));
    (void)config, (void)old_state;
    if (!of)
        return DETENT_FAILED;
    of->host = host;
    of->metrics = host->get_extension(host, id);
    if (of->metrics && DETENT_COVERS(of->metrics, detent_metrics, observe)) {
        uint64_t said = declare(of, DETENT_COUNTER, "said", "kind", NULL, 0, error);
        of->texts = series(of, said, "text");
        of->binaries = series(of, said, "binary");
        of->level = series(of, declare(of, DETENT_GAUGE, "level", "", NULL, 0, error), "");
        of->sizes = series(of, declare(of, DETENT_HISTOGRAM, "sizes", "", bounds, 2, error), "");
    }
    *route = of;
    return DETENT_OK;
}

static void destroy(void *route)
{
    free(route);
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind,
                                detent_bytes payload, const detent_sink *error)
{
    const counting *of = route;
    (void)session, (void)error;
    if (of->metrics) {
        of->metrics->add(of->host, kind == DETENT_TEXT ? of->texts : of->binaries, 1);
        of->metrics->set(of->host, of->level, (double)payload.len);
        of->metrics->observe(of->host, of->sizes, (double)payload.len);
    }
    return of->host->send(of->host, client, kind, payload);
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .destroy = destroy,
    .on_message = on_message,
};

DETENT_PLUGIN("counting", "1.0.0", "/counting", functions);
