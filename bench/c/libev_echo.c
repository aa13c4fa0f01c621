/* libev: a watcher for each client, stopped and started again for another direction. */
#include "echo.h"
#include <ev.h>

struct client {
    ev_io watcher;
    struct unsent unsent;
};

static void ready(struct ev_loop *loop, ev_io *watcher, int events)
{
    struct client *client = (struct client *)watcher;
    int was_writing = client->unsent.length > 0;
    enum next next = serve(watcher->fd, &client->unsent);
    (void)events;
    if (next == NEXT_CLOSE) {
        ev_io_stop(loop, watcher);
        close(watcher->fd);
        free(client->unsent.bytes);
        free(client);
    } else if ((next == NEXT_WRITE) != was_writing) {
        ev_io_stop(loop, watcher);
        ev_io_set(watcher, watcher->fd, next == NEXT_WRITE ? EV_WRITE : EV_READ);
        ev_io_start(loop, watcher);
    }
}

static void admit(struct ev_loop *loop, ev_io *listener, int events)
{
    int socket = accept_one(listener->fd);
    (void)events;
    if (socket < 0)
        return;
    struct client *client = allocate(1, sizeof *client);
    ev_io_init(&client->watcher, ready, socket, EV_READ);
    ev_io_start(loop, &client->watcher);
}

int main(void)
{
    struct ev_loop *loop = ev_default_loop(0);
    ev_io listener;
    ev_io_init(&listener, admit, listen_somewhere(), EV_READ);
    ev_io_start(loop, &listener);
    return ev_run(loop, 0);
}
