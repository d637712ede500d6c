/*
 * A plugin in C that ends the process where and how it is told: `overflow`, `segv`, `bus`, `fpe`, `ill`, `abort`, `thread`
 * for a thread of its own, or `overflow-of-thread`. By `?upgrade=`, `?open=` and `?request=`, by a message, by `close WAY`, `error WAY` and `timer WAY`
 * for a callback that comes later, and by the options `create`, `destroy`, `reconfigure` and `save`. Compiled with -DAT_LOAD it
 * does so while it is loaded.
 */
#define _GNU_SOURCE

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "detent.h"

#define WAY_BYTES 32

typedef struct crash {
    const detent_host *host;
    char destroy[WAY_BYTES], reconfigure[WAY_BYTES], save[WAY_BYTES], timer[WAY_BYTES];
} crash;

typedef struct visit {
    char close[WAY_BYTES], error[WAY_BYTES];
} visit;

/* Never null, but the compiler must not know. */
static volatile int one = 1;

static int fall(volatile char *above)
{
    volatile char room[512];
    room[0] = *above;
    room[511] = (char)one;
    return one ? fall(room) + room[511] : 0;
}

static const detent_host *the_host;

static void *on_a_thread(void *unused)
{
    pthread_setname_np(pthread_self(), "of-its-own");
    *(volatile int *)(uintptr_t)(one + 7) = 1;
    return unused;
}

/* One that has called the host: from then on it has a second stack, and an overflow of the first is told. */
static void *on_a_thread_that_is_known(void *host)
{
    volatile char top = 0;
    uint64_t count;
    pthread_setname_np(pthread_self(), "of-its-own");
    if (((const detent_host *)host)->client_count(host, &count) == DETENT_OK)
        fall(&top);
    return host;
}

static void on_another(void *(*run)(void *), void *argument)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, run, argument) == 0)
        pthread_join(thread, NULL);
}

static void end_by(const char *way)
{
    volatile char top = 0;
    if (strcmp(way, "overflow") == 0)
        fall(&top);
    if (strcmp(way, "segv") == 0)
        *(volatile int *)(uintptr_t)(one + 7) = 1;
    if (strcmp(way, "bus") == 0) {
        /* A page of a file that has none. */
        FILE *file = tmpfile();
        char *page = file ? mmap(NULL, 4096, PROT_READ, MAP_SHARED, fileno(file), 0) : MAP_FAILED;
        if (page != MAP_FAILED)
            top = *(volatile char *)page;
    }
    if (strcmp(way, "fpe") == 0)
        raise(SIGFPE);
    if (strcmp(way, "ill") == 0)
        __builtin_trap();
    if (strcmp(way, "abort") == 0)
        abort();
    if (strcmp(way, "thread") == 0)
        on_another(on_a_thread, NULL);
    if (strcmp(way, "overflow-of-thread") == 0)
        on_another(on_a_thread_that_is_known, (void *)the_host);
}

#ifdef AT_LOAD
__attribute__((constructor)) static void at_load(void)
{
    end_by("segv");
}
#endif

/* A payload as a C string, cut where it is too long. */
static void copy(char *to, detent_bytes from)
{
    size_t length = from.len < WAY_BYTES ? from.len : WAY_BYTES - 1;
    if (length)
        memcpy(to, from.data, length);
    to[length] = 0;
}

static void end_as_asked(const crash *of, const detent_request *request, const char *name)
{
    char way[WAY_BYTES];
    if (detent_query(of->host, request, name, way, sizeof(way)) == DETENT_OK)
        end_by(way);
}

static detent_status create(const detent_host *host, detent_bytes config, const detent_bytes *old_state, void **route,
                            const detent_sink *error)
{
    static crash of;
    char way[WAY_BYTES];
    (void)old_state, (void)error;
    of.host = host;
    the_host = host;
    if (detent_option_string(host, config, "create", way, sizeof(way), NULL) == DETENT_OK)
        end_by(way);
    detent_option_string(host, config, "destroy", of.destroy, sizeof(of.destroy), NULL);
    detent_option_string(host, config, "reconfigure", of.reconfigure, sizeof(of.reconfigure), NULL);
    detent_option_string(host, config, "save", of.save, sizeof(of.save), NULL);
    *route = &of;
    return DETENT_OK;
}

static void destroy(void *route)
{
    end_by(((crash *)route)->destroy);
}

static detent_status on_upgrade(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    (void)response, (void)error;
    end_as_asked(route, request, "upgrade");
    return DETENT_OK;
}

static detent_status on_open(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session, const detent_sink *error)
{
    (void)client, (void)resumed, (void)error;
    end_as_asked(route, request, "open");
    *session = calloc(1, sizeof(visit));
    return *session ? DETENT_OK : DETENT_FAILED;
}

static detent_status on_message(void *route, void *session, detent_client_id client, uint32_t kind, detent_bytes payload,
                                const detent_sink *error)
{
    crash *of = route;
    visit *visit = session;
    char order[WAY_BYTES];
    copy(order, payload);
    if (strncmp(order, "close ", 6) == 0)
        memcpy(visit->close, order + 6, WAY_BYTES - 6);
    else if (strncmp(order, "error ", 6) == 0) {
        memcpy(visit->error, order + 6, WAY_BYTES - 6);
        return detent_fail(error, "as told");
    } else if (strncmp(order, "timer ", 6) == 0) {
        detent_timer_id timer;
        memcpy(of->timer, order + 6, WAY_BYTES - 6);
        of->host->set_timer(of->host, 1, 0, &timer);
    } else
        end_by(order);
    return of->host->send(of->host, client, kind, payload);
}

static detent_status on_close(void *route, void *session, detent_client_id client, const detent_cause *cause,
                              const detent_sink *error)
{
    visit *visit = session;
    (void)route, (void)client, (void)cause, (void)error;
    if (visit)
        end_by(visit->close);
    free(visit);
    return DETENT_OK;
}

static detent_status on_error(void *route, void *session, detent_client_id client, const detent_fault *what,
                              const detent_sink *error)
{
    visit *visit = session;
    (void)route, (void)client, (void)what, (void)error;
    end_by(visit->error);
    return DETENT_OK;
}

static detent_status on_request(void *route, const detent_request *request, detent_response *response,
                                const detent_sink *error)
{
    (void)response, (void)error;
    end_as_asked(route, request, "request");
    return DETENT_OK;
}

static detent_status on_timer(void *route, detent_timer_id timer, const detent_sink *error)
{
    (void)timer, (void)error;
    end_by(((crash *)route)->timer);
    return DETENT_OK;
}

static detent_status reconfigure(void *route, detent_bytes config, const detent_sink *error)
{
    (void)config, (void)error;
    end_by(((crash *)route)->reconfigure);
    return DETENT_UNSUPPORTED;
}

static detent_status save_state(void *route, const detent_sink *out, const detent_sink *error)
{
    (void)out, (void)error;
    end_by(((crash *)route)->save);
    return DETENT_OK;
}

static const detent_functions functions = {
    .size = sizeof(detent_functions),
    .create = create,
    .destroy = destroy,
    .on_upgrade = on_upgrade,
    .on_open = on_open,
    .on_message = on_message,
    .on_close = on_close,
    .on_error = on_error,
    .on_request = on_request,
    .on_timer = on_timer,
    .reconfigure = reconfigure,
    .save_state = save_state,
};

DETENT_PLUGIN("crash", "1.0.0", "/crash", functions);
