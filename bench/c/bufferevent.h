/* A server on libevent's bufferevent, which answers what has come in. */
#include "echo.h"
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>

/* Nothing is read as long as more than this is to go out. */
enum { OUTPUT_MAX = 64 * 1024 };

/* What each of the servers does in its own way. */
static void answer(struct evbuffer *input, struct evbuffer *output);

static void on_read(struct bufferevent *client, void *arg)
{
    struct evbuffer *output = bufferevent_get_output(client);
    (void)arg;
    answer(bufferevent_get_input(client), output);
    if (evbuffer_get_length(output) > OUTPUT_MAX)
        bufferevent_disable(client, EV_READ);
}

static void on_written(struct bufferevent *client, void *arg)
{
    (void)arg;
    if (!(bufferevent_get_enabled(client) & EV_READ))
        bufferevent_enable(client, EV_READ);
}

static void on_end(struct bufferevent *client, short what, void *arg)
{
    (void)arg;
    if (what & (BEV_EVENT_EOF | BEV_EVENT_ERROR))
        bufferevent_free(client);
}

static void admit(evutil_socket_t listener, short what, void *base)
{
    int socket = accept_one(listener);
    (void)what;
    if (socket < 0)
        return;
    struct bufferevent *client = bufferevent_socket_new(base, socket, BEV_OPT_CLOSE_ON_FREE);
    bufferevent_setcb(client, on_read, on_written, on_end, NULL);
    bufferevent_enable(client, EV_READ);
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct event *listener = event_new(base, listen_somewhere(), EV_READ | EV_PERSIST, admit, base);
    event_add(listener, NULL);
    return event_base_dispatch(base);
}
