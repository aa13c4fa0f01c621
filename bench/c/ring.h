/* What the rings in C have in common: see src/program/ring.rs. */
#include "common.h"
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

enum { ROUNDS = 3, READ_MAX = 16 };

static int places, tokens, events;
static int *readers, *writers;
/* How many tokens may still be passed on, and how many were read. */
static int left, seen;

static inline void pass_to(int place)
{
    if (write(writers[place], "*", 1) != 1)
        fail("write");
}

/* Reads once what has come to a place, and passes it on. */
static inline void pass(int place)
{
    char buf[READ_MAX];
    ssize_t got = read(readers[place], buf, sizeof buf);
    if (got < 0 && errno == EAGAIN)
        return;
    if (got <= 0)
        fail("read");
    seen += got;
    int next = place + 1 == places ? 0 : place + 1;
    for (; got > 0 && left > 0; got--, left--)
        pass_to(next);
}

static inline int is_over(void)
{
    return seen == tokens + events;
}

static inline void connect_pair(int listener, int *reader, int *writer)
{
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    struct linger at_once = { .l_onoff = 1, .l_linger = 0 };
    int one = 1;
    if (getsockname(listener, (struct sockaddr *)&address, &length) < 0)
        fail("getsockname");
    *writer = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (*writer < 0 || connect(*writer, (struct sockaddr *)&address, length) < 0)
        fail("connect");
    *reader = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (*reader < 0)
        fail("accept4");
    setsockopt(*writer, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    setsockopt(*writer, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    setsockopt(*reader, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fcntl(*writer, F_SETFL, O_NONBLOCK);
}

/* Takes the arguments: KIND PLACES TOKENS EVENTS. */
static inline void open_ring(int argc, char **argv)
{
    if (argc != 5) {
        fprintf(stderr, "usage: %s KIND PLACES TOKENS EVENTS\n", argv[0]);
        exit(2);
    }
    places = atoi(argv[2]);
    tokens = atoi(argv[3]);
    events = atoi(argv[4]);
    readers = allocate(places, sizeof *readers);
    writers = allocate(places, sizeof *writers);
    int tcp = strcmp(argv[1], "tcp") == 0;
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 16) < 0)
        fail("listen");
    for (int place = 0; place < places; place++) {
        int ends[2];
        if (tcp)
            connect_pair(listener, &readers[place], &writers[place]);
        else if (pipe2(ends, O_NONBLOCK | O_CLOEXEC) < 0)
            fail("pipe2");
        else
            readers[place] = ends[0], writers[place] = ends[1];
    }
    close(listener);
}

static inline int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Prints what it takes to see all tokens. */
static inline void measure(double registering, void (*turn)(void))
{
    double per_event[ROUNDS];
    for (int round = 0; round < ROUNDS; round++) {
        left = events;
        seen = 0;
        for (int token = 0; token < tokens; token++)
            pass_to(token * (places / tokens));
        double begin = processor_time();
        while (!is_over())
            turn();
        per_event[round] = (processor_time() - begin) / (tokens + events);
    }
    qsort(per_event, ROUNDS, sizeof *per_event, compare);
    printf("ns per event = %f\nns per registration = %f\n", per_event[ROUNDS / 2], registering / places);
}
