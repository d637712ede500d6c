/* The benchmark's server on libwebsockets: /echo, /chat, /rooms?room=NAME, /slow. As in the library's own examples a
 * message is held once for all of its room, each client has a queue of references to such, and what is at its
 * head leaves when the loop says that the client is writeable. */
#define _GNU_SOURCE
#include <libwebsockets.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* Of the name of a room, with the zeros behind it. */
#define NAME_BYTES 128
/* Messages that may wait for one client; past that it is closed. */
#define WAITING_MAX 65536

struct message {
	size_t references, length;
	enum lws_write_protocol kind;
	unsigned char bytes[]; /* LWS_PRE of them for the header */
};

struct client {
	struct client *next, **link; /* of its room */
	struct room *room;
	struct lws *wsi;
	unsigned number, delay_us;
	struct message **waiting; /* a ring */
	size_t first, count, size;
	unsigned char *input;
	size_t filled, room_for_input;
};

struct room {
	struct room *next;
	struct client *clients;
	char name[NAME_BYTES];
};

static struct room *rooms;
static unsigned last_number;
static volatile sig_atomic_t has_ended;

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static struct message *message(enum lws_write_protocol kind, size_t length)
{
	struct message *made = must(malloc(sizeof(*made) + LWS_PRE + length));
	made->references = 0;
	made->length = length;
	made->kind = kind;
	return made;
}

static void release(struct message *message)
{
	if (--message->references == 0)
		free(message);
}

/* Puts it at the end of the client's queue; -1 where that is full. */
static int queue(struct client *client, struct message *message)
{
	if (client->count == client->size) {
		size_t size = client->size ? 2 * client->size : 4;
		if (size > WAITING_MAX)
			return -1;
		struct message **ring = must(malloc(size * sizeof(*ring)));
		for (size_t at = 0; at < client->count; at++)
			ring[at] = client->waiting[(client->first + at) % client->size];
		free(client->waiting);
		client->waiting = ring;
		client->first = 0;
		client->size = size;
	}
	client->waiting[(client->first + client->count++) % client->size] = message;
	message->references++;
	lws_callback_on_writable(client->wsi);
	return 0;
}

static void enter(struct client *client, const char name[NAME_BYTES])
{
	struct room *room = rooms;
	while (room && strcmp(room->name, name) != 0)
		room = room->next;
	if (!room) {
		room = must(calloc(1, sizeof(*room)));
		memcpy(room->name, name, sizeof(room->name));
		room->next = rooms;
		rooms = room;
	}
	client->room = room;
	client->next = room->clients;
	client->link = &room->clients;
	if (client->next)
		client->next->link = &client->next;
	room->clients = client;
}

static void open_client(struct client *client, struct lws *wsi)
{
	char path[NAME_BYTES / 2 - 1] = "", query[NAME_BYTES / 2] = "", name[NAME_BYTES] = "";
	lws_hdr_copy(wsi, path, sizeof(path), WSI_TOKEN_GET_URI);
	lws_hdr_copy(wsi, query, sizeof(query), WSI_TOKEN_HTTP_URI_ARGS);
	memset(client, 0, sizeof(*client));
	client->wsi = wsi;
	client->number = ++last_number;
	if (strcmp(path, "/slow") == 0)
		client->delay_us = 10000;
	snprintf(name, sizeof(name), "%s?%s", path, query);
	if (strcmp(path, "/chat") == 0 || strcmp(path, "/rooms") == 0)
		enter(client, name);
}

static void close_client(struct client *client)
{
	if (client->link) {
		*client->link = client->next;
		if (client->next)
			client->next->link = client->link;
	}
	while (client->count > 0) {
		release(client->waiting[client->first]);
		client->first = (client->first + 1) % client->size;
		client->count--;
	}
	free(client->waiting);
	free(client->input);
}

/* Of a whole message. */
static int hear(struct client *client, const unsigned char *bytes, size_t length, int is_binary)
{
	enum lws_write_protocol kind = is_binary ? LWS_WRITE_BINARY : LWS_WRITE_TEXT;
	if (client->delay_us)
		usleep(client->delay_us);
	if (!client->room) {
		struct message *answer = message(kind, length);
		memcpy(answer->bytes + LWS_PRE, bytes, length);
		return queue(client, answer);
	}
	char name[32];
	int name_length = snprintf(name, sizeof(name), "Client %u: ", client->number);
	struct message *said = message(LWS_WRITE_TEXT, (size_t)name_length + length);
	memcpy(said->bytes + LWS_PRE, name, (size_t)name_length);
	memcpy(said->bytes + LWS_PRE + name_length, bytes, length);
	said->references++;
	for (struct client *other = client->room->clients; other; other = other->next)
		if (queue(other, said) != 0)
			lws_set_timeout(other->wsi, PENDING_TIMEOUT_USER_OK, LWS_TO_KILL_ASYNC);
	release(said);
	return 0;
}

/* A piece of a message; most are the whole of one. */
static int receive(struct client *client, struct lws *wsi, const unsigned char *bytes, size_t length)
{
	int is_last = lws_is_final_fragment(wsi) && lws_remaining_packet_payload(wsi) == 0;
	if (is_last && client->filled == 0)
		return hear(client, bytes, length, lws_frame_is_binary(wsi));
	if (client->filled + length > client->room_for_input) {
		client->room_for_input = client->filled + length + lws_remaining_packet_payload(wsi);
		client->input = must(realloc(client->input, client->room_for_input));
	}
	memcpy(client->input + client->filled, bytes, length);
	client->filled += length;
	if (!is_last)
		return 0;
	length = client->filled;
	client->filled = 0;
	return hear(client, client->input, length, lws_frame_is_binary(wsi));
}

static int write_next(struct client *client, struct lws *wsi)
{
	if (client->count == 0)
		return 0;
	struct message *next = client->waiting[client->first];
	client->first = (client->first + 1) % client->size;
	client->count--;
	int written = lws_write(wsi, next->bytes + LWS_PRE, next->length, next->kind);
	release(next);
	if (written < 0)
		return -1;
	if (client->count > 0)
		lws_callback_on_writable(wsi);
	return 0;
}

static int on_event(struct lws *wsi, enum lws_callback_reasons reason, void *user, void *in, size_t length)
{
	switch (reason) {
	case LWS_CALLBACK_ESTABLISHED:
		open_client(user, wsi);
		return 0;
	case LWS_CALLBACK_RECEIVE:
		return receive(user, wsi, in, length);
	case LWS_CALLBACK_SERVER_WRITEABLE:
		return write_next(user, wsi);
	case LWS_CALLBACK_CLOSED:
		close_client(user);
		return 0;
	default:
		return lws_callback_http_dummy(wsi, reason, user, in, length);
	}
}

static void end(int signal)
{
	(void)signal;
	has_ended = 1;
}

int main(int count, char **words)
{
	if (count > 1 && strcmp(words[1], "--version") == 0) {
		printf("%s\n", lws_get_library_version());
		return 0;
	}
	static const struct lws_protocols protocols[] = {
		{ .name = "bench", .callback = on_event, .per_session_data_size = sizeof(struct client), .rx_buffer_size = 4096 },
		{ 0 },
	};
	struct rlimit files;
	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	struct lws_context_creation_info info = { 0 };
	info.port = 0;
	info.iface = "127.0.0.1";
	info.protocols = protocols;
	info.gid = -1;
	info.uid = -1;
	info.pt_serv_buf_size = 256 * 1024;
	lws_set_log_level(LLL_ERR, NULL);
	signal(SIGTERM, end);
	signal(SIGINT, end);
	struct lws_context *context = lws_create_context(&info);
	if (!context)
		return 1;
	int port = lws_get_vhost_listen_port(lws_get_vhost_by_name(context, "default"));
	printf("listening on 127.0.0.1:%d\n", port);
	fflush(stdout);
	while (!has_ended && lws_service(context, 0) >= 0)
		;
	lws_context_destroy(context);
	return 0;
}
