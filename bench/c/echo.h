/* What the servers in C have in common: a server that sends back what it is sent. For each client
 * it does one read of up to READ_MAX bytes into a buffer that all share, then a write. What a write
 * leaves over is kept, and nothing more is read until it is out. */
#include "common.h"
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/socket.h>

enum { READ_MAX = 4096 };

/* Says on which port we listen, and as which process. */
static inline void announce(int listener)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("getsockname");
    printf("%d %d\n", ntohs(address.sin_port), (int)getpid());
    fflush(stdout);
}

/* A listener that does not block, on a port that the system chooses. */
static inline int listen_somewhere(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (listener < 0)
        fail("socket");
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0)
        fail("bind");
    if (listen(listener, 1024) < 0)
        fail("listen");
    signal(SIGPIPE, SIG_IGN);
    announce(listener);
    return listener;
}

/* The next connection, or -1. */
static inline int accept_one(int listener)
{
    int one = 1;
    int client = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (client < 0) {
        if (errno != EAGAIN && errno != EINTR)
            fail("accept4");
        return -1;
    }
    setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return client;
}

/* What the socket did not take yet. */
struct unsent {
    char *bytes;
    size_t length;
};

enum next { NEXT_READ, NEXT_WRITE, NEXT_CLOSE };

static inline int is_not_now(void)
{
    return errno == EAGAIN || errno == EINTR;
}

static inline enum next send_rest(int client, struct unsent *unsent)
{
    ssize_t sent = write(client, unsent->bytes, unsent->length);
    if (sent < 0) {
        if (!is_not_now())
            return NEXT_CLOSE;
        sent = 0;
    }
    unsent->length -= sent;
    if (unsent->length > 0) {
        memmove(unsent->bytes, unsent->bytes + sent, unsent->length);
        return NEXT_WRITE;
    }
    free(unsent->bytes);
    unsent->bytes = NULL;
    return NEXT_READ;
}

/* Does what there is to do for a client that is ready. */
static inline enum next serve(int client, struct unsent *unsent)
{
    static char buf[READ_MAX];
    if (unsent->length > 0)
        return send_rest(client, unsent);
    ssize_t got = read(client, buf, sizeof buf);
    if (got <= 0)
        return got < 0 && is_not_now() ? NEXT_READ : NEXT_CLOSE;
    ssize_t sent = write(client, buf, got);
    if (sent < 0) {
        if (!is_not_now())
            return NEXT_CLOSE;
        sent = 0;
    }
    if (sent == got)
        return NEXT_READ;
    unsent->length = got - sent;
    unsent->bytes = malloc(unsent->length);
    if (!unsent->bytes)
        fail("malloc");
    memcpy(unsent->bytes, buf + sent, unsent->length);
    return NEXT_WRITE;
}
