/* libevent: a persistent event for each client, assigned anew for another direction. */
#include "echo.h"
#include <event2/event.h>
#include <event2/event_struct.h>

struct client {
    struct event event;
    struct unsent unsent;
};

static void ready(evutil_socket_t socket, short what, void *arg)
{
    struct client *client = arg;
    int was_writing = client->unsent.length > 0;
    enum next next = serve(socket, &client->unsent);
    (void)what;
    if (next == NEXT_CLOSE) {
        event_del(&client->event);
        close(socket);
        free(client->unsent.bytes);
        free(client);
    } else if ((next == NEXT_WRITE) != was_writing) {
        struct event_base *base = event_get_base(&client->event);
        short direction = next == NEXT_WRITE ? EV_WRITE : EV_READ;
        event_del(&client->event);
        event_assign(&client->event, base, socket, direction | EV_PERSIST, ready, client);
        event_add(&client->event, NULL);
    }
}

static void admit(evutil_socket_t listener, short what, void *base)
{
    int socket = accept_one(listener);
    (void)what;
    if (socket < 0)
        return;
    struct client *client = allocate(1, sizeof *client);
    event_assign(&client->event, base, socket, EV_READ | EV_PERSIST, ready, client);
    event_add(&client->event, NULL);
}

int main(void)
{
    struct event_base *base = event_base_new();
    struct event *listener = event_new(base, listen_somewhere(), EV_READ | EV_PERSIST, admit, base);
    event_add(listener, NULL);
    return event_base_dispatch(base);
}
