/* libevent: a persistent event for each place. */
#include "ring.h"
#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *base;

static void ready(evutil_socket_t reader, short what, void *place)
{
    (void)reader;
    (void)what;
    pass((int)(size_t)place);
}

static void turn(void)
{
    event_base_loop(base, EVLOOP_ONCE);
}

int main(int argc, char **argv)
{
    open_ring(argc, argv);
    base = event_base_new();
    struct event *all = allocate(places, sizeof *all);
    double begin = processor_time();
    for (int place = 0; place < places; place++) {
        event_assign(&all[place], base, readers[place], EV_READ | EV_PERSIST, ready, (void *)(size_t)place);
        event_add(&all[place], NULL);
    }
    measure(processor_time() - begin, turn);
}
