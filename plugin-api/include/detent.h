/*
 * detent.h - the plugin ABI of Detent, version 1.1, in C99
 *
 * A plugin is a shared library that exports one constant, `detent_plugin`. The server reads its
 * first integers from the file before it opens the library, then calls the functions that it
 * points to. This header says the same as plugin-api/src/abi.rs and needs nothing but itself.
 *
 * A plugin that sends every message back, as a whole:
 *
 *     #include "detent.h"
 *
 *     static detent_status create(const detent_host *host, detent_bytes config,
 *                                 const detent_bytes *old_state, void **route,
 *                                 const detent_sink *error)
 *     {
 *         (void)config, (void)old_state, (void)error;
 *         *route = (void *)host;
 *         return DETENT_OK;
 *     }
 *
 *     static detent_status on_message(void *route, void *session, detent_client_id client,
 *                                     uint32_t kind, detent_bytes payload,
 *                                     const detent_sink *error)
 *     {
 *         const detent_host *host = route;
 *         (void)session, (void)error;
 *         return host->send(host, client, kind, payload);
 *     }
 *
 *     static const detent_functions functions = {
 *         .size = sizeof(detent_functions),
 *         .create = create,
 *         .on_message = on_message,
 *     };
 *
 *     static const detent_descriptor descriptor = {
 *         .size = sizeof(detent_descriptor),
 *         .name = DETENT_LITERAL("parrot"),
 *         .version = DETENT_LITERAL("1.0.0"),
 *         .default_path = DETENT_LITERAL("/parrot"),
 *         .functions = &functions,
 *     };
 *
 *     DETENT_EXPORT const detent_entry detent_plugin = {
 *         DETENT_ENTRY_HEAD,
 *         .built_with = DETENT_LITERAL("C"),
 *         .descriptor = &descriptor,
 *     };
 *
 *     cc -std=c99 -shared -fPIC -fvisibility=hidden -o plugins/libparrot.so parrot.c
 *
 * RULES
 *
 * Structs      A struct that is passed by pointer begins with its `size` in bytes as its author
 *              compiled it. It grows only at the tail; a field is read only where `size` covers it
 *              (DETENT_COVERS). A released struct, function or value never changes its meaning.
 * Memory       A pointer is borrowed until the call returns; who keeps the bytes copies them.
 *              Output of unknown length goes through a sink. Nothing is freed across the line.
 * Threads      Every function carries its thread:
 *                [main]        the server's main thread
 *                [connection]  the thread of that client, one a client
 *                [timers]      the thread that runs this plugin's timers
 *                [callback]    the thread of the callback that got the pointer, until it returns
 *                [any]         any thread, at any time, also while a callback runs
 *              Callbacks of one client never overlap; those of different clients do. A callback may
 *              block: it holds up its own client and nobody else.
 * Text         is UTF-8 without a terminating zero.
 */

#ifndef DETENT_H
#define DETENT_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ------------------------------------------------------------------------------------ versions */

/* First field of the entry: "DETENT" and two bytes that no text holds, lowest byte first. */
#define DETENT_MAGIC UINT64_C(0x8100544E45544544)

/* Plugins of another major version are refused. */
#define DETENT_ABI_MAJOR 1

/*
 * A plugin whose `minor_required` is above the host's minor version is refused. What a later version
 * added says so; a plugin that can do without it leaves `minor_required` at 0 and asks DETENT_COVERS.
 */
#define DETENT_ABI_MINOR 1

/* Name of the one exported data symbol, a detent_entry. */
#define DETENT_ENTRY_SYMBOL "detent_plugin"

/* -------------------------------------------------------------------------------------- values */

/* Result of a call across the line, in both directions: zero and above is no error. */
typedef int32_t detent_status;

/* Done. */
#define DETENT_OK 0
/* The client, timer or route that the call is about has gone. Not an error. */
#define DETENT_GONE 1
/* What was asked for is not there (a header, a query). Not an error. */
#define DETENT_ABSENT 2
/* Not now: the host has to ask a disk first, and nobody waits for one inside a callback. In `on_request` the
 * callback may return this, or anything: the host calls it again when it knows. Not an error. */
#define DETENT_LATER 3
/* An argument is outside its range; nothing was done. */
#define DETENT_INVALID (-1)
/* A callback failed; its error text went to the error sink. */
#define DETENT_FAILED (-2)
/* A callback panicked (an exception, in C++) and that was caught on the plugin's side. */
#define DETENT_PANICKED (-3)
/* This side does not implement the call. */
#define DETENT_UNSUPPORTED (-4)
/* A limit of the host is reached (timers, topics); nothing was done. */
#define DETENT_EXHAUSTED (-5)
/* It was said to who listens, and is not known to be on the disk, as was asked for. */
#define DETENT_NOT_STORED (-6)

/* A text message (RFC 6455 section 5.6); the payload is UTF-8. */
#define DETENT_TEXT 1
/* A binary message (RFC 6455 section 5.6). */
#define DETENT_BINARY 2

/* Number of a client, from 1, never used twice in one run of the server. */
typedef uint64_t detent_client_id;
/* Stands for "no client", such as nobody to leave out of a broadcast. */
#define DETENT_NO_CLIENT 0

/* Number of a timer, from 1, never used twice by one route. */
typedef uint64_t detent_timer_id;

/* Who ended a connection: the peer closed or vanished. */
#define DETENT_BY_PEER 1
/* The plugin closed it through the host. */
#define DETENT_BY_PLUGIN 2
/* The server closed it: a limit, a fault, the stop. */
#define DETENT_BY_SERVER 3

/* What went wrong: a callback of the plugin answered with an error. */
#define DETENT_FAULT_FAILED 1
/* A callback of the plugin panicked. */
#define DETENT_FAULT_PANICKED 2
/* The connection failed: a protocol error, a limit, a reset. It ends in any case. */
#define DETENT_FAULT_TRANSPORT 3

/* Levels of the log: 0 off, 1 error, 2 warn, 3 info, 4 debug, 5 trace. */
#define DETENT_LOG_LEVEL_MAX 5

/* Field of a request: the method, such as GET. */
#define DETENT_FIELD_METHOD 1
/* The path without the query, percent-encoding as it came. */
#define DETENT_FIELD_PATH 2
/* What stands behind `?`; DETENT_ABSENT where there is no `?`. */
#define DETENT_FIELD_QUERY 3
/* The body; empty for a handshake. */
#define DETENT_FIELD_BODY 4
/* `address:port` of the socket's other end, `unix:pid=812,uid=33,gid=33` of a unix socket's. */
#define DETENT_FIELD_PEER 5
/* The client's IP address; behind a trusted proxy the one that it tells, else the peer's. */
#define DETENT_FIELD_CLIENT_ADDRESS 6
/* What its client is, or asks to become: "websocket", "event-stream", or "poll" of one that waits for
 * the first message, which its request is answered with; DETENT_ABSENT for plain HTTP. An older host answers
 * DETENT_INVALID. Since 1.1. */
#define DETENT_FIELD_KIND 7
/* Whose page a browser has sent it from, as far as its headers tell: "own" for one of the host that it asks
 * for, "other" for any other; DETENT_ABSENT where no page is named. An older host answers DETENT_INVALID.
 * Since 1.1. */
#define DETENT_FIELD_PAGE 8
/* The subject of the certificate that the client has shown by TLS and the server has checked, such as
 * "CN=ann, O=Example"; DETENT_ABSENT where it has shown none. An older host answers DETENT_INVALID. Since 1.1. */
#define DETENT_FIELD_CERTIFICATE_SUBJECT 9
/* The other names in that certificate, of the kinds DNS, e-mail, URI and IP address, one a line. Since 1.1. */
#define DETENT_FIELD_CERTIFICATE_NAMES 10
/* The SHA-256 of that certificate, 64 hexadecimal digits. Since 1.1. */
#define DETENT_FIELD_CERTIFICATE_FINGERPRINT 11

/* In the flags of a descriptor: its routes take clients of event streams too (GET with Accept:
 * text/event-stream) and those that wait for one message (Accept: application/json and ?wait=), unless the
 * settings of a route say otherwise. They are clients like any other:
 * on_upgrade, on_open, what is sent to them, on_close; on_message never comes. Since 1.1. */
#define DETENT_FLAG_EVENT_STREAM 1
/* In the flags of a detent_descriptor: it was built for whoever looks for faults in it, and is slow; the
 * server says so where it loads it. Since 1.1. */
#define DETENT_FLAG_DEBUG_BUILD 2

/* --------------------------------------------------------------------------------- small pieces */

/* Borrowed bytes. Passed by value, so it has no size field and never grows. */
typedef struct detent_bytes {
    /* First byte; null only where `len` is 0. */
    const uint8_t *data;
    /* Number of bytes. */
    size_t len;
} detent_bytes;

/*
 * Takes bytes that the other side copies before `write` returns. Each `write` appends. A sink is
 * used by one thread at a time and only during the call it came with.
 */
typedef struct detent_sink {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `write`. */
    void *context;
    /* Appends `bytes`. [the thread of the call] */
    void (*write)(void *context, detent_bytes bytes);
} detent_sink;

/* A handshake or plain HTTP request: opaque, read through the host. */
typedef struct detent_request detent_request;

/* An HTTP response under construction: opaque, written through the host. */
typedef struct detent_response detent_response;

/* Given to on_open where the client was already connected: its route's plugin was replaced. */
typedef struct detent_resumed {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* What save_session wrote; `data` is null where it wrote nothing of this client. */
    detent_bytes session;
} detent_resumed;

/* Why a connection ended. */
typedef struct detent_cause {
    /* Bytes of this struct. */
    uint32_t size;
    /* Who ended it: a DETENT_BY_ value. */
    uint32_t initiator;
    /* Close code (RFC 6455 section 7.4.1); 1005 where the peer gave none, 1006 where the connection
     * ended without a Close frame. */
    uint32_t code;
    /* Zero. */
    uint32_t reserved;
    /* Reason: at most 123 bytes from a peer; for 1006, what happened. */
    detent_bytes reason;
} detent_cause;

/* What went wrong for one client. */
typedef struct detent_fault {
    /* Bytes of this struct. */
    uint32_t size;
    /* A DETENT_FAULT_ value. */
    uint32_t kind;
    /* The error's text. */
    detent_bytes what;
} detent_fault;

/* The server's log, given to a library once and valid for ever. */
typedef struct detent_log {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `write`. */
    void *context;
    /* One line under `target` ("plugin::" and the plugin's name), at `level` 1 to 5. Never
     * waits. [any] */
    void (*write)(void *context, uint32_t level, detent_bytes target, detent_bytes message);
} detent_log;

/* ---------------------------------------------------------------------- what the plugin can call */

/*
 * The host as one route sees it. Valid for ever; none of its calls waits for a client, none calls
 * back into the plugin.
 *
 * A call about a client that is gone, or of a route that is gone, answers DETENT_GONE. A client of
 * another route is gone as well as far as this one is concerned.
 *
 * What one thread does through the host, each client sees in that order: publish, broadcast, send,
 * flush, close; within a callback and from one to the next. Between threads nothing is promised. What is
 * sent to a client that is given what it has missed (`join_from` of detent_journal) waits for that; what is
 * said meanwhile on other topics that it is a member of already does not wait, and may come before it.
 * `send` to another client than the callback's, `close`, `join`, `leave`, `publish`, `broadcast` and
 * `member_count` wait while more than the host can pass on waits on this route, first come, first
 * served.
 */
typedef struct detent_host detent_host;
struct detent_host {
    /* Bytes of this struct. */
    uint32_t size;
    /* ABI minor version of the host. */
    uint32_t abi_minor;

    /* Sends one message to one client. DETENT_INVALID: text that is not UTF-8, or an unknown
     * kind. [any] */
    detent_status (*send)(const detent_host *host, detent_client_id client, uint32_t kind,
                          detent_bytes payload);

    /* Sends what is queued for `client` now instead of when its callback returns: for a callback
     * that goes on working after it answered. [any] */
    detent_status (*flush)(const detent_host *host, detent_client_id client);

    /* Closes, behind all that this thread has said before, and at once for what comes in: nothing
     * that the client says is taken any more, and calls about it answer DETENT_GONE. With a code
     * that may be sent (RFC 6455 section 7.4: 1000 to 1003, 1007 to 1014, 3000 to 4999) and a UTF-8 reason of at most 123 bytes, else DETENT_INVALID. [any] */
    detent_status (*close)(const detent_host *host, detent_client_id client, uint32_t code,
                           detent_bytes reason);

    /* Makes `client` a member of `topic` (1 to 255 bytes; each route has its own topics). [any] */
    detent_status (*join)(const detent_host *host, detent_client_id client, detent_bytes topic);

    /* Ends a membership; DETENT_OK also where there was none. [any] */
    detent_status (*leave)(const detent_host *host, detent_client_id client, detent_bytes topic);

    /* Sends one message to all members of `topic` but `except` (or DETENT_NO_CLIENT). [any] */
    detent_status (*publish)(const detent_host *host, detent_bytes topic, uint32_t kind,
                             detent_bytes payload, detent_client_id except);

    /* Sends one message to all clients of the route but `except` (or DETENT_NO_CLIENT). [any] */
    detent_status (*broadcast)(const detent_host *host, uint32_t kind, detent_bytes payload,
                               detent_client_id except);

    /* Number of clients on the route now. [any] */
    detent_status (*client_count)(const detent_host *host, uint64_t *count);

    /* Number of members of `topic`, after all that this thread asked for before; joins of an
     * instance that has not taken over yet do not count. [any] */
    detent_status (*member_count)(const detent_host *host, detent_bytes topic, uint64_t *count);

    /* Calls on_timer after `delay_ms` and then every `period_ms` (0: once). Up to 1,024 timers a
     * route, else DETENT_EXHAUSTED. A period that is overrun is skipped, not made up for. [any] */
    detent_status (*set_timer)(const detent_host *host, uint64_t delay_ms, uint64_t period_ms,
                               detent_timer_id *timer);

    /* Ends a timer. An on_timer that runs now still finishes. [any] */
    detent_status (*cancel_timer)(const detent_host *host, detent_timer_id timer);

    /* Path of the route, without query. [any] */
    detent_status (*route_path)(const detent_host *host, const detent_sink *out);

    /* The route's table as JSON text, as of now. [any] */
    detent_status (*config)(const detent_host *host, const detent_sink *out);

    /* A DETENT_FIELD_ of a request; DETENT_ABSENT where it has none. Valid until the callback
     * returns. [callback] */
    detent_status (*request_field)(const detent_request *request, uint32_t field,
                                   detent_bytes *value);

    /* Value of the `index`-th header called `name` (any case); DETENT_ABSENT past the
     * last. [callback] */
    detent_status (*request_header)(const detent_request *request, detent_bytes name,
                                    size_t index, detent_bytes *value);

    /* The `index`-th header of all, in the order they came; DETENT_ABSENT past the
     * last. [callback] */
    detent_status (*request_header_at)(const detent_request *request, size_t index,
                                       detent_bytes *name, detent_bytes *value);

    /* What the path has at the place of {name} in the route's path, percent-decoded, UTF-8;
     * DETENT_ABSENT where the route's path has no such place. [callback] */
    detent_status (*request_param)(const detent_request *request, detent_bytes name,
                                   detent_bytes *value);

    /* 1 where the client is inside, else 0, as the server's settings say it: by its listener, its network
     * or a token; where they say nothing, by a guess: it has come from this machine and left no trace of
     * a proxy. [callback] */
    uint32_t (*request_is_inside)(const detent_request *request);

    /* Sets the status: 200 to 599 (400 to 599 in on_upgrade). [callback] */
    detent_status (*response_status)(detent_response *response, uint32_t status);

    /* Adds a header; DETENT_INVALID for a name or value that HTTP does not allow, and for those
     * that the host writes (Connection, Upgrade, Content-Length, Transfer-Encoding,
     * Sec-WebSocket-*). [callback] */
    detent_status (*response_header)(detent_response *response, detent_bytes name,
                                     detent_bytes value);

    /* Appends to the body. [callback] */
    detent_status (*response_body)(detent_response *response, detent_bytes body);

    /* Chooses the subprotocol in on_upgrade; DETENT_INVALID where the client did not offer
     * it. [callback] */
    detent_status (*response_subprotocol)(detent_response *response, detent_bytes subprotocol);

    /* Extensions of the host by id; null for an unknown one. [any] */
    const void *(*get_extension)(const detent_host *host, detent_bytes id);

    /* The folder at which relative paths in the options begin: that of the configuration file, or the
     * one that the server was started in where it has none. Absolute. Since 1.1. [any] */
    detent_status (*config_folder)(const detent_host *host, const detent_sink *out);

    /* A folder for what the plugin keeps from one run to the next, its own and there: the plugin's
     * name under the server's `state_dir`. DETENT_ABSENT where the server has none; DETENT_FAILED
     * where it cannot be made, with why in `error`. All routes of a plugin share it. Blocks on the
     * disk. Since 1.1. [any] */
    detent_status (*state_folder)(const detent_host *host, const detent_sink *out,
                                  const detent_sink *error);

    /* Writes the `index`-th value of `name` in the query, decoded, as UTF-8; DETENT_ABSENT past the
     * last. detent_query() puts it into an array. Since 1.1. [callback] */
    detent_status (*request_query)(const detent_request *request, detent_bytes name, size_t index,
                                   const detent_sink *out);

    /* Value of the first cookie called `name`, as it came but for quotes around it; DETENT_ABSENT where
     * there is none. detent_cookie() puts it into an array. Since 1.1. [callback] */
    detent_status (*request_cookie)(const detent_request *request, detent_bytes name,
                                    detent_bytes *value);

    /* Writes the option `key` of `config`, a text. `config` is what create, reconfigure, check or the call
     * `config` gave; a key may lead into others: list[2].name. DETENT_ABSENT: it is not set.
     * DETENT_INVALID: it is no text, or `config` is no JSON; the words to fail with are in `error`.
     * detent_option_string() puts it into an array. Since 1.1. [any] */
    detent_status (*config_string)(detent_bytes config, detent_bytes key, const detent_sink *out,
                                   const detent_sink *error);

    /* As config_string, a whole number of 64 bits. Since 1.1. [any] */
    detent_status (*config_integer)(detent_bytes config, detent_bytes key, int64_t *value,
                                    const detent_sink *error);

    /* As config_string, 1 for true and 0 for false. Since 1.1. [any] */
    detent_status (*config_boolean)(detent_bytes config, detent_bytes key, uint32_t *value,
                                    const detent_sink *error);

    /* Sees to it that nothing is set in `config` but these `key_count` options; else DETENT_INVALID, with
     * the words to fail with in `error`. Since 1.1. [any] */
    detent_status (*config_only)(detent_bytes config, const detent_bytes *keys, size_t key_count,
                                 const detent_sink *error);

    /* Version of what the instance before this one has written, whose state create and whose sessions
     * on_open get: `state_format` of its descriptor. DETENT_ABSENT where there was none before. Since
     * 1.1. [any] */
    detent_status (*old_state_format)(const detent_host *host, uint32_t *format);
};

/* Id of the host's extension detent_metrics. */
#define DETENT_METRICS "detent.metrics/1"

/* A number that only grows. */
#define DETENT_COUNTER 1
/* A number that goes up and down. */
#define DETENT_GAUGE 2
/* Numbers by bounds. */
#define DETENT_HISTOGRAM 3

/* A metric as a plugin declares it. */
typedef struct detent_metric_declaration {
    /* Bytes of this struct. */
    uint32_t size;
    /* DETENT_COUNTER, DETENT_GAUGE or DETENT_HISTOGRAM. */
    uint32_t kind;
    /* Name: a letter a-z, then a-z, 0-9 and `_`; 64 bytes at most. The server puts `detent_plugin_` and
     * the plugin's name before it, and behind that of a counter `_total`. */
    detent_bytes name;
    /* What it means, for people: 1 to 256 bytes. */
    detent_bytes help;
    /* First of `label_count` names of labels, as `name`; may be null. Not `route`, `plugin` or `le`. */
    const detent_bytes *labels;
    /* Number of labels, 8 at most. */
    size_t label_count;
    /* First of `bound_count` upper bounds of a histogram, finite and ascending; null for the others. */
    const double *bounds;
    /* Number of bounds, 1 to 32 for a histogram. */
    size_t bound_count;
} detent_metric_declaration;

/*
 * Extension DETENT_METRICS of the host: what a plugin counts for itself, shown with the server's own
 * metrics. Of each route there are 64 metrics and 1,000 series at most; they go on when the library is
 * replaced. Since 1.1.
 */
typedef struct detent_metrics {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Declares a metric and writes its number to `metric`: that of one that was declared in the same way
     * before, by the library before this one too. One of the same name that was declared otherwise is
     * forgotten. DETENT_INVALID with what is wrong in `error`; DETENT_EXHAUSTED: the route has as many as
     * it may. [any] */
    detent_status (*declare)(const detent_host *host, const detent_metric_declaration *declaration,
                             uint64_t *metric, const detent_sink *error);
    /* Writes the number of the series of `metric` with these `value_count` values of its labels, 128
     * bytes each at most. DETENT_INVALID: no such metric, another number of values, no UTF-8, or too long;
     * DETENT_EXHAUSTED. [any] */
    detent_status (*series)(const detent_host *host, uint64_t metric, const detent_bytes *values,
                            size_t value_count, uint64_t *series);
    /* Adds to a counter (nothing negative) or a gauge. DETENT_INVALID: it is neither, or `more` is not
     * finite. [any] */
    detent_status (*add)(const detent_host *host, uint64_t series, double more);
    /* Sets a gauge. DETENT_INVALID as in add. [any] */
    detent_status (*set)(const detent_host *host, uint64_t series, double number);
    /* Counts one of this size in a histogram. DETENT_INVALID as in add. [any] */
    detent_status (*observe)(const detent_host *host, uint64_t series, double number);
} detent_metrics;

/* Id of the host's extension detent_label. */
#define DETENT_LABEL "detent.label/1"

/* Extension DETENT_LABEL of the host: what a client is called, for whoever runs the server. Since 1.1. */
typedef struct detent_label {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Says what a client is called in the list of the server's admin listener, in place of what was said
     * before: 64 bytes of UTF-8 at most, without control characters, separators of lines and what turns the
     * direction of text around. Empty takes it away. It stays when the plugin's code is replaced, and ends
     * with the connection; other clients may have the same. DETENT_INVALID: it cannot stand so, and nothing
     * was done. DETENT_GONE. Waits while the route's queue to the server is full. [any] */
    detent_status (*set)(const detent_host *host, detent_client_id client, detent_bytes label);
} detent_label;

/* Id of the host's extension detent_body_file. */
#define DETENT_BODY_FILE "detent.body_file/1"

/* Extension DETENT_BODY_FILE of the host: a body that is sent from a file instead of from memory. Since 1.1. */
typedef struct detent_body_file {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Lets `length` bytes of a regular file, from `offset` on, follow what `response_body` gave. The host takes
     * a descriptor of its own (as dup does): the plugin keeps `file`, closes it itself, at once if it likes,
     * and its position is left alone. It is read piece by piece as the client takes it, behind the callback,
     * also when the plugin's code has been replaced meanwhile. A file that has become shorter by then breaks
     * the connection off, so that the client does not take what it has for the whole. DETENT_INVALID: it is no
     * regular file that is open for reading, it is shorter, or the response has one already.
     * DETENT_EXHAUSTED: the server has no descriptor left. Nothing was done then. [connection] */
    detent_status (*set)(detent_response *response, int file, uint64_t offset, uint64_t length);
} detent_body_file;

/* Id of the host's extension detent_members. */
#define DETENT_MEMBERS "detent.members/1"

/* Takes the clients of a list, one after the other, by the thread that asks and before its call returns. */
typedef struct detent_member_sink {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `member`. */
    void *context;
    /* One client, with what the plugin says that it is called: empty where it says nothing. [the thread of
     * the call] */
    void (*member)(void *context, detent_client_id client, detent_bytes label);
} detent_member_sink;

/* What is said to a topic; of kind 0 nothing is. */
typedef struct detent_word {
    /* DETENT_TEXT, DETENT_BINARY, or 0 for nothing. */
    uint32_t kind;
    /* Zero. */
    uint32_t reserved;
    /* 1,024 bytes at most. */
    detent_bytes payload;
} detent_word;

/* Extension DETENT_MEMBERS of the host: who is here, and who comes and goes. Since 1.1. */
typedef struct detent_members {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;

    /* Gives `sink` the members of `topic`, or of an empty one the clients of the route: 10,000 at most, in
     * no order, as they are after all that this thread has asked for before; and writes to `count` (may be
     * null) how many there are. Waits until the host has come to it, as member_count does. [any] */
    detent_status (*list)(const detent_host *host, detent_bytes topic, const detent_member_sink *sink,
                          uint64_t *count);

    /* As join of the host, and the other members are told: at once with `joined`, unless it was a member
     * before, and with `left` when it is none any more, whether by leave or since its connection has
     * ended, in whatever way. Either may be null. A later call says other words for the end. They stay when
     * the plugin's code is replaced. Of each client the ends of 16 memberships are told. Nobody is told
     * when the server stops or the route goes. DETENT_INVALID: as of join and publish, or more than 1,024
     * bytes. [any] */
    detent_status (*join_told)(const detent_host *host, detent_client_id client, detent_bytes topic,
                               const detent_word *joined, const detent_word *left);
} detent_members;

/* Id of the host's extension detent_hosts. */
#define DETENT_HOSTS "detent.hosts/1"

/* A client of the route, on whichever host: one value that may be kept, and handed on to other hosts. Written as
 * text it is the host's number with 8 hexadecimal digits, "-", and the client's: "5f3a09c1-17". Passed by value, so
 * it has no size field and never grows. */
typedef struct detent_client_everywhere {
    /* Number of its host, from 1, below 2^32: drawn by chance whenever a server starts, so that none comes
     * twice. */
    uint64_t host;
    /* Its number there. */
    detent_client_id client;
} detent_client_everywhere;

/* Takes the clients of a list, one after the other, by the thread that asks and before its call returns. */
typedef struct detent_everywhere_sink {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `member`. */
    void *context;
    /* One client, with what the plugin says there that it is called: empty where it says nothing. [the
     * thread of the call] */
    void (*member)(void *context, detent_client_everywhere client, detent_bytes label);
} detent_everywhere_sink;

/* Extension DETENT_HOSTS of the host: the route on all hosts that share it. Where none does, all of it is about
 * this one. None of it waits for another host: what others have is known as it was a second or two ago, and while
 * their engine is away for 15 seconds at most. Since 1.1. */
typedef struct detent_hosts {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;

    /* Writes this host's number, and whether the route is shared with other hosts, 0 or 1; either may be
     * null. In create a route is not shared yet. [any] */
    detent_status (*this_host)(const detent_host *host, uint64_t *number, uint32_t *is_shared);

    /* Writes the number of clients of the route on all hosts. [any] */
    detent_status (*count)(const detent_host *host, uint64_t *count);

    /* Gives `sink` the clients of the route on all hosts that are called `label`, or all where that is empty:
     * 10,000 at most, in no order; of another host 10,000 are known at most. Writes to `count` (may be null)
     * how many there are. Waits until the host has come to it, as member_count does. [any] */
    detent_status (*list)(const detent_host *host, detent_bytes label,
                          const detent_everywhere_sink *sink, uint64_t *count);

    /* As send of the host. What goes to another host comes to the client behind what this thread has said to
     * all before, and DETENT_OK says no more than that it is on its way: a client that has gone there gets
     * nothing. DETENT_GONE: so has the client here, or its host, for 5 seconds, or there is no such host;
     * DETENT_EXHAUSTED: other hosts are away, or do not keep up; DETENT_LATER: it is for another host, and this
     * instance has not taken over yet. Waits as broadcast does, and where the host's number was never seen until
     * the list of hosts was read anew, half a second at most. [any] */
    detent_status (*send)(const detent_host *host, detent_client_everywhere client, uint32_t kind,
                          detent_bytes payload);

    /* As close of the host, in the same way. [any] */
    detent_status (*close)(const detent_host *host, detent_client_everywhere client, uint32_t code,
                           detent_bytes reason);
} detent_hosts;

/* Id of the host's extension detent_compression. */
#define DETENT_COMPRESSION "detent.compression/1"

/* Extension DETENT_COMPRESSION of the host: what is not worth compressing. Since 1.1. */
typedef struct detent_compression {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Says whether what this thread says from now on, by whatever call, is worth compressing for clients
     * that can inflate it: 0 for what is compressed already (images, archives), or what must not be (a
     * secret beside what a stranger has chosen). Gives what held before, 0 or 1; a thread begins with 1. Set it back
     * before the callback ends. A hint: what a client gets is the same. [any] */
    uint32_t (*set_worth)(const detent_host *host, uint32_t is_worth_it);
} detent_compression;

/* Id of the host's extension detent_client_view. */
#define DETENT_CLIENT_VIEW "detent.client/1"

/* Extension DETENT_CLIENT_VIEW of the host: what it knows of a client that is here. Since 1.1. */
typedef struct detent_client_view {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Writes how many bytes wait for the client's socket, which takes no more now: 0 where it keeps up. What is
     * published and not yet given to its members does not count. DETENT_GONE. [any] */
    detent_status (*buffered)(const detent_host *host, detent_client_id client, uint64_t *bytes);
    /* Writes the request of the client's handshake, for request_field and its like: valid until the callback
     * returns. In a callback of this very client from on_open on, such as on_message, on_close, on_error and a
     * task on its turn; DETENT_ABSENT anywhere else. It costs a look: the host keeps each handshake for the
     * instances that come after. [callback] */
    detent_status (*request)(const detent_host *host, detent_client_id client,
                             const detent_request **request);
    /* Whether the client is there still: DETENT_OK, or DETENT_GONE once its connection is ended, by whichever side;
     * also while a callback of it runs and what it has said before is not read. For a callback that waits for
     * something else, so that it need not wait for nobody. One that vanishes without a word is there until a deadline
     * says otherwise. It costs a system call. [any] */
    detent_status (*connected)(const detent_host *host, detent_client_id client);
} detent_client_view;

/* Id of the host's extension detent_turns. */
#define DETENT_TURNS "detent.session/1"

/* What is to run on a client's turn. */
typedef struct detent_task {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `run` and `end`. */
    void *data;
    /* A callback of the client like on_message: no other callback of it runs meanwhile, a failure ends in
     * on_error. [connection] or [timers], and before the plugin's code is replaced [main] */
    detent_status (*run)(void *route, void *session, detent_client_id client, void *data,
                         const detent_sink *error);
    /* Frees `data`: once, when run does not come any more, whether it came or not. Null: there is nothing
     * to free. [any] */
    void (*end)(void *data);
} detent_task;

/*
 * Extension DETENT_TURNS of the host: work with the session of a client that is not the callback's own. A
 * call that does not answer DETENT_OK has not taken the task: `end` does not come. Since 1.1.
 */
typedef struct detent_turns {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;

    /* Runs `task` once, as soon as no callback of the client runs: within 10 ms where none does. Never
     * inside of this call. Where the client ends before, or the code is replaced, it does not run.
     * DETENT_GONE; DETENT_EXHAUSTED: 64 wait for this client already; DETENT_LATER: this instance has not
     * taken over yet. [any] */
    detent_status (*call)(const detent_host *host, detent_client_id client, const detent_task *task);

    /* Runs `task` on the client's turn after `delay_ms` and then every `period_ms` (0: once). cancel_timer
     * of the host ends it, and so do the client's end and a replacement of the code. A turn that is
     * overrun is skipped. Up to 65,536 such timers a route, else DETENT_EXHAUSTED. [any] */
    detent_status (*set_timer)(const detent_host *host, detent_client_id client, uint64_t delay_ms,
                               uint64_t period_ms, const detent_task *task, detent_timer_id *timer);
} detent_turns;

/* Bytes of detent_host in version 1.0: what every host has. */
#define DETENT_HOST_SIZE_1_0 offsetof(detent_host, config_folder)

/* ---------------------------------------------------------------------- what the plugin implements */

/*
 * The callbacks of a plugin. Null means that it is not implemented.
 *
 * `route` is what create gave out, `session` what on_open gave out for this client. A callback that
 * answers DETENT_FAILED has written why to `error`. Where that is about an option, "option `NAME`: "
 * stands before it (for one inside others, "option `list[2].name`: "): the server then names its line
 * in the configuration. No exception and no longjmp crosses the line.
 */
typedef struct detent_functions {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;

    /* Makes one instance for one route. `config` is its table as JSON text. `host` may be kept for
     * ever, also after destroy: calls then answer DETENT_GONE. `old_state` is null, or what
     * save_state of the instance before wrote. Required. [main] */
    detent_status (*create)(const detent_host *host, detent_bytes config,
                            const detent_bytes *old_state, void **route,
                            const detent_sink *error);

    /* Ends the instance: no callback runs any more and none follows. Threads that it started are
     * told to end here. [main] */
    void (*destroy)(void *route);

    /* Before 101. The response starts at status 101; a status of 400 to 599 refuses the client with
     * the headers and body that were set. [connection] */
    detent_status (*on_upgrade)(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error);

    /* After 101, which leaves when it returns or flushes. Where it is not implemented, or fails,
     * there is no session; where it fails in a plugin that was built against 1.1 or later, and the
     * client is not one that is taken over, on_close follows all the same. `resumed` is null for a
     * new client. [connection], or [main] where resumed */
    detent_status (*on_open)(void *route, detent_client_id client, const detent_request *request,
                             const detent_resumed *resumed, void **session,
                             const detent_sink *error);

    /* One message: DETENT_TEXT or DETENT_BINARY. [connection] */
    detent_status (*on_message)(void *route, void *session, detent_client_id client,
                                uint32_t kind, detent_bytes payload, const detent_sink *error);

    /* Exactly once for each on_open that succeeded. Frees the session. Since 1.1 also once behind an
     * on_open that failed, with what that wrote as session, null where it wrote nothing, so that what
     * it had begun can be undone. [connection] */
    detent_status (*on_close)(void *route, void *session, detent_client_id client,
                              const detent_cause *cause, const detent_sink *error);

    /* A callback of this client failed or panicked, or its connection did. DETENT_OK: dealt with,
     * the client stays (where the connection still stands); anything else, or not implemented:
     * logged and closed with 1011. [connection] */
    detent_status (*on_error)(void *route, void *session, detent_client_id client,
                              const detent_fault *what, const detent_sink *error);

    /* Plain HTTP on the route's path. The response starts at status 200; not implemented:
     * 426. [connection] */
    detent_status (*on_request)(void *route, const detent_request *request,
                                detent_response *response, const detent_sink *error);

    /* A timer that was set through the host is due. [timers] */
    detent_status (*on_timer)(void *route, detent_timer_id timer, const detent_sink *error);

    /* The route's table changed; `config` as in create. Not implemented: a new instance takes over
     * as in a swap. [main] */
    detent_status (*reconfigure)(void *route, detent_bytes config, const detent_sink *error);

    /* Writes what the next instance needs. No callback of the route runs. [main] */
    detent_status (*save_state)(void *route, const detent_sink *out, const detent_sink *error);

    /* Writes what the next instance needs of one client. No callback of the route runs. [main] */
    detent_status (*save_session)(void *route, void *session, detent_client_id client,
                                  const detent_sink *out, const detent_sink *error);

    /* Frees a session whose client lives on in another instance: no on_close comes. [main] */
    void (*drop_session)(void *route, void *session);
} detent_functions;

/* Id of the plugin's extension detent_check. */
#define DETENT_CHECK "detent.check/1"

/*
 * Extension DETENT_CHECK of a plugin: says what is wrong with options without making an instance. Since
 * 1.1.
 */
typedef struct detent_check {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Looks at `config`, as create gets it, and touches nothing: no file, no device, no thread.
     * DETENT_FAILED with what is wrong in `error`; DETENT_UNSUPPORTED: it cannot tell without create,
     * which is then called with a host that does nothing. [main] */
    detent_status (*check)(detent_bytes config, const detent_sink *error);
} detent_check;

/* What a plugin is called and what it can do: constant data. */
typedef struct detent_descriptor {
    /* Bytes of this struct. */
    uint32_t size;
    /* Version of what save_state and save_session write; a new library takes over from an old one
     * only where both are equal, or where it says in `reads_state_formats` that it reads the old
     * one's. */
    uint32_t state_format;
    /* Name: 1 to 64 of a-z, 0-9, `-`, `_`. */
    detent_bytes name;
    /* Version, for people. */
    detent_bytes version;
    /* Path that it serves where no configuration says otherwise: begins with `/`. */
    detent_bytes default_path;
    /* First of `subprotocol_count` subprotocols (RFC 6455 section 1.9), best first; may be null. */
    const detent_bytes *subprotocols;
    /* Number of subprotocols. */
    size_t subprotocol_count;
    /* The callbacks; not null. */
    const detent_functions *functions;
    /* Extensions of the plugin by id, such as "detent.example/1"; null for an unknown id.
     * Optional. [main] */
    const void *(*get_extension)(detent_bytes id);
    /* First of `more_path_count` further paths that the one instance on the default path serves too,
     * such as "/push/{topic}"; may be null. Since 1.1. */
    const detent_bytes *more_paths;
    /* Number of further paths. Since 1.1. */
    size_t more_path_count;
    /* DETENT_FLAG_EVENT_STREAM, DETENT_FLAG_DEBUG_BUILD, both or zero. Since 1.1. */
    uint64_t flags;
    /* First of `reads_state_format_count` versions beside `state_format` that create and on_open take
     * over from an older library; may be null. Which it is, old_state_format of the host tells.
     * Since 1.1. */
    const uint32_t *reads_state_formats;
    /* Number of those versions. Since 1.1. */
    size_t reads_state_format_count;
} detent_descriptor;

/*
 * What a library exports as `detent_plugin`: constant data. The integers in front are read from the
 * file before the library is opened.
 */
typedef struct detent_entry {
    /* DETENT_MAGIC. */
    uint64_t magic;
    /* Bytes of this struct. */
    uint32_t size;
    /* ABI major version that the plugin was built against. */
    uint32_t abi_major;
    /* ABI minor version that the plugin was built against. */
    uint32_t abi_minor;
    /* Lowest ABI minor version that the plugin can run with. */
    uint32_t minor_required;
    /* What built it, for people: "parrot 1.0.0 (C, gcc)". */
    detent_bytes built_with;
    /* Receives the log once per loaded library, before anything else is called. Optional. [main] */
    detent_status (*init)(const detent_log *log, uint32_t level);
    /* The server's log level changed. Optional. [main] */
    void (*set_log_level)(uint32_t level);
    /* What the library offers; not null. */
    const detent_descriptor *descriptor;
} detent_entry;

/* ------------------------------------------------------------------------------------- journals */

/*
 * Extension DETENT_JOURNAL of the host, since 1.1: what is said on a topic is kept for who comes back. The
 * host owns the journals: they live on when a plugin's code is replaced. All calls may be made by any
 * thread at any time. `publish` with a place for the answer, `join_from` and `read` wait until the host has
 * come to them, as `member_count` does; none waits for a client, nor in a callback for a disk.
 */
#define DETENT_JOURNAL "detent.journal/1"
/* The same, and an empty topic stands for everyone on the route: what is kept of it is what `broadcast` says
 * from the first message on that was published here. */
#define DETENT_JOURNAL_EVERYONE "detent.journal/2"

/* Bytes of a position: opaque text of a-z, 0-9 and -. */
#define DETENT_POSITION_BYTES 24
/* Stands for "nowhere" where a place in a payload is asked for. */
#define DETENT_NO_PLACE UINT64_MAX

/* Of a publish in `on_request`: the response is sent when the store has the message on its disk; where it
 * cannot have it, the client is answered 507 instead. With DETENT_JOURNAL_EVERYONE a thread of the plugin's own
 * waits for that, up to 30 s, and gets DETENT_NOT_STORED instead. Elsewhere it changes nothing. Where the
 * journal is in memory it is refused with DETENT_UNSUPPORTED. */
#define DETENT_JOURNAL_DURABLE 1

/* Join or read from now on, from the last few messages on, from behind a position on. */
#define DETENT_SINCE_NOW 1
#define DETENT_SINCE_LAST 2
#define DETENT_SINCE_AFTER 3

/* Nobody knows yet: the instance has not taken over yet, and the client joins when it does. */
#define DETENT_JOINED_LATER 0
/* It asked for nothing that it has missed. */
#define DETENT_JOINED_FRESH 1
/* It gets all that came behind its position; or it is a member already, and nothing was done. */
#define DETENT_JOINED_RECOVERED 2
/* Gap: something behind its position is kept no more. */
#define DETENT_JOINED_GAP_TOO_OLD 3
/* Gap: its position is of a counting that is over, or none. */
#define DETENT_JOINED_GAP_OTHER_EPOCH 4
/* Gap: something behind its position was lost by the end of a server or by a full disk. */
#define DETENT_JOINED_GAP_HOLE 5

/* A message that is kept. */
typedef struct detent_journal_publish {
    /* Bytes of this struct. */
    uint32_t size;
    /* DETENT_TEXT or DETENT_BINARY. */
    uint32_t kind;
    /* 1 to 255 bytes of UTF-8. */
    detent_bytes topic;
    /* What is said. */
    detent_bytes payload;
    /* Who does not get it, or DETENT_NO_CLIENT. */
    detent_client_id except;
    /* Where in the payload DETENT_POSITION_BYTES ASCII characters stand over which the message's position
     * is written, or DETENT_NO_PLACE. */
    uint64_t position_at;
    /* DETENT_JOURNAL_DURABLE or 0. */
    uint32_t flags;
    /* Zero. */
    uint32_t reserved;
} detent_journal_publish;

/* Where a message stands that is kept. The plugin sets `size`, the host the rest. */
typedef struct detent_journal_published {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Its position; zeros where the instance has not taken over yet, so that nobody knows it. */
    uint8_t position[DETENT_POSITION_BYTES];
    /* Members of the topic that it went to. */
    uint64_t members;
} detent_journal_published;

/* Something to be said to who joins, before anything of the topic. */
typedef struct detent_journal_notice {
    /* DETENT_TEXT, DETENT_BINARY, or 0 for nothing. */
    uint32_t kind;
    /* Zero. */
    uint32_t reserved;
    /* What is said. */
    detent_bytes payload;
    /* Where the position is to be written behind which the client gets everything, as in
     * detent_journal_publish. */
    uint64_t position_at;
} detent_journal_notice;

/* Who joins what, and from where on. */
typedef struct detent_journal_join {
    /* Bytes of this struct. */
    uint32_t size;
    /* A DETENT_SINCE_. */
    uint32_t since;
    /* Who. */
    detent_client_id client;
    /* 1 to 255 bytes of UTF-8. */
    detent_bytes topic;
    /* With DETENT_SINCE_AFTER: the position. Any bytes; those that are none are of another epoch. */
    detent_bytes position;
    /* So many of the last messages at most: with DETENT_SINCE_LAST, and with DETENT_SINCE_AFTER where there
     * is a gap, of those that the client cannot have. */
    uint64_t last;
    /* Said where it asked for nothing that it has missed. */
    detent_journal_notice fresh;
    /* Said where it gets all that it has missed. */
    detent_journal_notice recovered;
    /* Said where there is a gap. */
    detent_journal_notice gap;
} detent_journal_join;

/* How joining went. The plugin sets `size`, the host the rest. */
typedef struct detent_journal_joined {
    /* Bytes of this struct. */
    uint32_t size;
    /* A DETENT_JOINED_. */
    uint32_t outcome;
    /* The client gets everything behind it; zeros with DETENT_JOINED_LATER, and where the last few are to be
     * looked for in a file first. */
    uint8_t position[DETENT_POSITION_BYTES];
} detent_journal_joined;

/* What is to be read, and from where on. */
typedef struct detent_journal_read {
    /* Bytes of this struct. */
    uint32_t size;
    /* A DETENT_SINCE_. */
    uint32_t since;
    /* 1 to 255 bytes of UTF-8. */
    detent_bytes topic;
    /* As in detent_journal_join. */
    detent_bytes position;
    /* As in detent_journal_join. */
    uint64_t last;
    /* So many messages at most. */
    uint64_t messages_max;
    /* So many bytes of payloads at most, but for the first message. */
    uint64_t bytes_max;
} detent_journal_read;

/* Takes messages that are kept, the oldest first. */
typedef struct detent_journal_messages {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Handed back to `write`. */
    void *context;
    /* One message: its position, its kind, its payload. [the thread of the call] */
    void (*write)(void *context, detent_bytes position, uint32_t kind, detent_bytes payload);
} detent_journal_messages;

/* How reading went. The plugin sets `size`, the host the rest. */
typedef struct detent_journal_kept {
    /* Bytes of this struct. */
    uint32_t size;
    /* A DETENT_JOINED_, without DETENT_JOINED_LATER. */
    uint32_t outcome;
    /* From where on to read next. */
    uint8_t next[DETENT_POSITION_BYTES];
    /* 1 where more is kept behind that, else 0. */
    uint32_t has_more;
    /* Zero. */
    uint32_t reserved;
} detent_journal_kept;

/* What `get_extension` of the host gives for DETENT_JOURNAL and DETENT_JOURNAL_EVERYONE. */
typedef struct detent_journal {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Sends one message to all members of a topic and keeps it; whatever else is published on the topic is
     * kept from then on too. `published` may be null, and nothing is waited for then. DETENT_INVALID: as of
     * `publish` of the host, or a place that is not inside the payload or not ASCII; DETENT_UNSUPPORTED:
     * durable, and the route's journal is not in a file. [any] */
    detent_status (*publish)(const detent_host *host, const detent_journal_publish *publish,
                             detent_journal_published *published);
    /* Makes a client a member of a topic from some place in its past on: it gets what is kept behind that,
     * in order and nothing twice, and then what is said. `joined` may be null. DETENT_UNSUPPORTED: for
     * everyone, of a client that was not admitted `apart` and so hears everyone already. DETENT_EXHAUSTED: the
     * client is a member of 1,024 topics, as many as it may be. [any] */
    detent_status (*join_from)(const detent_host *host, const detent_journal_join *join,
                               detent_journal_joined *joined);
    /* Reads what is kept: each message goes to `messages` before this returns. DETENT_LATER: it is in a
     * file, which is not waited for in a callback; an `on_request` is called again then, and a thread of the
     * plugin's own waits and never gets this. [any] */
    detent_status (*read)(const detent_host *host, const detent_journal_read *read,
                          const detent_journal_messages *messages, detent_journal_kept *kept);
    /* Of an admitted client's response in `on_upgrade`: where it is a WebSocket, it gets each message in an
     * envelope, a text of JSON: {"id":POSITION,"topic":TOPIC,"data":TEXT}, or "base64" instead of "data"; the
     * first two may be null. Joining from somewhere it gets {"id":POSITION,"topic":TOPIC,"gap":null} first,
     * or why there is a gap. Only where `size` covers it. [connection] */
    detent_status (*envelope)(detent_response *response);
    /* Of an admitted client's response in `on_upgrade`: the client does not hear what is said to everyone
     * before `join_from` has made it hear that, from wherever it says. Only where `size` covers it, as with
     * DETENT_JOURNAL_EVERYONE. [connection] */
    detent_status (*apart)(detent_response *response);
} detent_journal;

/* Id of the plugin's extension detent_gaps. */
#define DETENT_GAPS "detent.gaps/1"

/* Why something is missing: other hosts have said it, and this one will not hear it: it was cut off for longer than
 * the stream holds. */
#define DETENT_GAP_MISSED 1
/* What hosts have heard is lost, by a failover or a restart of what stands between them: what was heard here before
 * the gap may be known to no other host, and the other way round. */
#define DETENT_GAP_LOST 2

/* What is missing of a route that hosts share. It is about the whole route: what is not there does not say on which
 * topics it was. Positions are those of detent_journal. */
typedef struct detent_gap {
    /* Bytes of this struct. */
    uint32_t size;
    /* DETENT_GAP_MISSED or DETENT_GAP_LOST. */
    uint32_t cause;
    /* The position of the last that was heard here before it. */
    uint8_t from[DETENT_POSITION_BYTES];
    /* The position behind which everything is heard again. */
    uint8_t to[DETENT_POSITION_BYTES];
} detent_gap;

/*
 * Extension DETENT_GAPS of a plugin, given out by get_extension of its descriptor: it is told where something that
 * hosts have said on its route is missing. Since 1.1.
 */
typedef struct detent_gaps {
    /* Bytes of this struct. */
    uint32_t size;
    /* Zero. */
    uint32_t reserved;
    /* Something is missing. All clients of the route have been closed before, with 1013, so that they come
     * back and are told by their positions: none of those hears what is said here. Never while another on_gap
     * or an on_timer of the route runs. What is found while one runs, or while the route is out of service, is
     * told as one gap. Not of what was said before this host began. Where the plugin's code is replaced, the new
     * one is told what the old one was not. Optional. [timers] */
    detent_status (*on_gap)(void *route, const detent_gap *gap, const detent_sink *error);
} detent_gaps;

/* ---------------------------------------------------------------------------------- conveniences */

/* The bytes of a string literal, as an initialiser of a detent_bytes. */
#define DETENT_LITERAL(literal) { (const uint8_t *)("" literal), sizeof(literal) - 1 }

/*
 * The fields of a detent_entry up to `minor_required`, for a plugin that can do with version 1.0. C++ before
 * C++20 names no fields: there they stand in their order, and DETENT_PLUGIN writes the whole entry.
 */
#if defined(__cplusplus) && __cplusplus < 202002L
#define DETENT_ENTRY_HEAD DETENT_MAGIC, sizeof(detent_entry), DETENT_ABI_MAJOR, DETENT_ABI_MINOR, 0
#else
#define DETENT_ENTRY_HEAD                                                                          \
    .magic = DETENT_MAGIC, .size = sizeof(detent_entry), .abi_major = DETENT_ABI_MAJOR,            \
    .abi_minor = DETENT_ABI_MINOR, .minor_required = 0
#endif

/*
 * All that a plugin exports, where it needs no more than these: three literals, and its detent_functions, a
 * constant or one that is filled before anything of the library is called. In C and in C++ from C++11 on.
 */
#define DETENT_PLUGIN(name, version, path, functions)                                              \
    static const detent_descriptor detent_plugin_descriptor = {                                    \
        sizeof(detent_descriptor), 0, DETENT_LITERAL(name), DETENT_LITERAL(version),               \
        DETENT_LITERAL(path), 0, 0, &(functions), 0, 0, 0, 0, 0, 0,                                \
    };                                                                                             \
    DETENT_EXPORT const detent_entry detent_plugin = {                                             \
        DETENT_MAGIC, sizeof(detent_entry), DETENT_ABI_MAJOR, DETENT_ABI_MINOR, 0,                 \
        DETENT_LITERAL("detent.h"), 0, 0, &detent_plugin_descriptor,                               \
    }

/* Whether the struct that `pointer` points to, from the other side, is long enough to hold `field`. */
#define DETENT_COVERS(pointer, type, field)                                                        \
    ((pointer)->size >= offsetof(type, field) + sizeof((pointer)->field))

/* Stands before a symbol that the library gives out: visible, also with -fvisibility=hidden. */
#if defined(__GNUC__) && defined(__cplusplus)
#define DETENT_EXPORT extern "C" __attribute__((visibility("default")))
#elif defined(__GNUC__)
#define DETENT_EXPORT __attribute__((visibility("default")))
#elif defined(__cplusplus)
#define DETENT_EXPORT extern "C"
#else
#define DETENT_EXPORT
#endif

/* The one symbol that a plugin defines. */
#ifdef __cplusplus
DETENT_EXPORT const detent_entry detent_plugin;
#else
extern DETENT_EXPORT const detent_entry detent_plugin;
#endif

/* The bytes of a text that ends with a zero. */
static inline detent_bytes detent_text(const char *text)
{
    detent_bytes bytes;
    bytes.data = (const uint8_t *)text;
    bytes.len = 0;
    while (text[bytes.len])
        bytes.len++;
    return bytes;
}

/* Says why a callback fails: `return detent_fail(error, "no such room");`. */
static inline detent_status detent_fail(const detent_sink *error, const char *why)
{
    if (error)
        error->write(error->context, detent_text(why));
    return DETENT_FAILED;
}

/* An array that a sink fills, and always room for a zero behind. `len` grows past it where it is too small. */
typedef struct detent_array {
    char *data;
    size_t capacity;
    size_t len;
} detent_array;

/* What a sink for a detent_array has as `write`. */
static inline void detent_array_write(void *context, detent_bytes bytes)
{
    detent_array *array = (detent_array *)context;
    size_t index;
    for (index = 0; index < bytes.len; index++) {
        if (array->len + 1 < array->capacity)
            array->data[array->len] = (char)bytes.data[index];
        array->len++;
    }
}

/* A sink that fills `array`, which is empty then: `capacity` bytes at `data`, at least one. */
static inline detent_sink detent_array_sink(detent_array *array, char *data, size_t capacity)
{
    detent_sink sink;
    array->data = data;
    array->capacity = capacity;
    array->len = 0;
    sink.size = sizeof(sink);
    sink.reserved = 0;
    sink.context = array;
    sink.write = detent_array_write;
    return sink;
}

/* Ends the text in `array` with a zero. DETENT_EXHAUSTED, and an empty text, where it did not fit. */
static inline detent_status detent_array_end(detent_array *array, detent_status status)
{
    int fits = array->len < array->capacity;
    if (array->capacity)
        array->data[status == DETENT_OK && fits ? array->len : 0] = 0;
    return status == DETENT_OK && !fits ? DETENT_EXHAUSTED : status;
}

/*
 * The first value of `name` in the query, decoded, with a zero behind it, in `text` of `capacity` bytes:
 *
 *     char nick[32];
 *     if (detent_query(host, request, "nick", nick, sizeof(nick)) != DETENT_OK)
 *         strcpy(nick, "stranger");
 *
 * DETENT_ABSENT: it has none. DETENT_EXHAUSTED: it is longer. `text` is empty then. DETENT_UNSUPPORTED: the
 * server is older than 1.1.
 */
static inline detent_status detent_query(const detent_host *host, const detent_request *request,
                                         const char *name, char *text, size_t capacity)
{
    detent_array array;
    detent_sink sink = detent_array_sink(&array, text, capacity);
    detent_status status = DETENT_UNSUPPORTED;
    if (DETENT_COVERS(host, detent_host, request_query))
        status = host->request_query(request, detent_text(name), 0, &sink);
    return detent_array_end(&array, status);
}

/* The value of the cookie `name`, in the same way. */
static inline detent_status detent_cookie(const detent_host *host, const detent_request *request,
                                          const char *name, char *text, size_t capacity)
{
    detent_array array;
    detent_sink sink = detent_array_sink(&array, text, capacity);
    detent_bytes value;
    detent_status status = DETENT_UNSUPPORTED;
    if (DETENT_COVERS(host, detent_host, request_cookie))
        status = host->request_cookie(request, detent_text(name), &value);
    if (status == DETENT_OK)
        sink.write(sink.context, value);
    return detent_array_end(&array, status);
}

/*
 * The option `key` of `config`, in the same way. `text` stays as it is where it is not set (DETENT_ABSENT), so
 * that it may hold what is true then:
 *
 *     strcpy(of->greeting, "hello");
 *     status = detent_option_string(host, config, "greeting", of->greeting, sizeof(of->greeting), error);
 *     if (status < DETENT_OK)
 *         return DETENT_FAILED;
 *
 * Below DETENT_OK it is of another type, longer, or no JSON, and `error` has the words for whoever wrote it.
 */
static inline detent_status detent_option_string(const detent_host *host, detent_bytes config,
                                                 const char *key, char *text, size_t capacity,
                                                 const detent_sink *error)
{
    detent_array array;
    detent_sink sink;
    detent_array probe;
    detent_sink count;
    detent_status status;
    if (!DETENT_COVERS(host, detent_host, config_string)) {
        detent_fail(error, "the server is older than plugin ABI 1.1, which reads options: update it");
        return DETENT_UNSUPPORTED;
    }
    count = detent_array_sink(&probe, 0, 0);
    status = host->config_string(config, detent_text(key), &count, error);
    if (status != DETENT_OK)
        return status;
    if (probe.len >= capacity) {
        detent_fail(error, "option `");
        detent_fail(error, key);
        detent_fail(error, "`: it is too long");
        return DETENT_EXHAUSTED;
    }
    sink = detent_array_sink(&array, text, capacity);
    status = host->config_string(config, detent_text(key), &sink, error);
    return detent_array_end(&array, status);
}

/* The option `key`, a whole number; `value` stays as it is where it is not set. */
static inline detent_status detent_option_integer(const detent_host *host, detent_bytes config,
                                                  const char *key, int64_t *value,
                                                  const detent_sink *error)
{
    if (!DETENT_COVERS(host, detent_host, config_integer)) {
        detent_fail(error, "the server is older than plugin ABI 1.1, which reads options: update it");
        return DETENT_UNSUPPORTED;
    }
    return host->config_integer(config, detent_text(key), value, error);
}

/* The option `key`, 1 for true and 0 for false; `value` stays as it is where it is not set. */
static inline detent_status detent_option_boolean(const detent_host *host, detent_bytes config,
                                                  const char *key, uint32_t *value,
                                                  const detent_sink *error)
{
    if (!DETENT_COVERS(host, detent_host, config_boolean)) {
        detent_fail(error, "the server is older than plugin ABI 1.1, which reads options: update it");
        return DETENT_UNSUPPORTED;
    }
    return host->config_boolean(config, detent_text(key), value, error);
}

#ifdef __cplusplus
}
#endif

#endif
