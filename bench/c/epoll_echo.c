/* epoll by hand, level-triggered. */
#include "echo.h"
#include <sys/epoll.h>

struct client {
    int socket;
    struct unsent unsent;
};

static void admit(int epoll, int listener)
{
    int socket = accept_one(listener);
    if (socket < 0)
        return;
    struct client *client = allocate(1, sizeof *client);
    client->socket = socket;
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = client };
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, socket, &event) < 0)
        fail("epoll_ctl");
}

static void ready(int epoll, struct client *client)
{
    int was_writing = client->unsent.length > 0;
    enum next next = serve(client->socket, &client->unsent);
    if (next == NEXT_CLOSE) {
        close(client->socket);
        free(client->unsent.bytes);
        free(client);
    } else if ((next == NEXT_WRITE) != was_writing) {
        struct epoll_event event = { .events = next == NEXT_WRITE ? EPOLLOUT : EPOLLIN, .data.ptr = client };
        if (epoll_ctl(epoll, EPOLL_CTL_MOD, client->socket, &event) < 0)
            fail("epoll_ctl");
    }
}

int main(void)
{
    static struct epoll_event events[1024];
    int listener = listen_somewhere();
    int epoll = epoll_create1(EPOLL_CLOEXEC);
    /* The listener is the one without a client. */
    struct epoll_event event = { .events = EPOLLIN, .data.ptr = NULL };
    if (epoll < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event) < 0)
        fail("epoll");
    for (;;) {
        int count = epoll_wait(epoll, events, 1024, -1);
        for (int i = 0; i < count; i++) {
            if (events[i].data.ptr)
                ready(epoll, events[i].data.ptr);
            else
                admit(epoll, listener);
        }
    }
}
