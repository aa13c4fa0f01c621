/* libev: a watcher for each place. */
#include "ring.h"
#include <ev.h>

static struct ev_loop *loop;

static void ready(struct ev_loop *l, ev_io *watcher, int what)
{
    (void)l;
    (void)what;
    pass((int)(size_t)watcher->data);
}

static void turn(void)
{
    ev_run(loop, EVRUN_ONCE);
}

int main(int argc, char **argv)
{
    open_ring(argc, argv);
    loop = ev_default_loop(0);
    ev_io *watchers = allocate(places, sizeof *watchers);
    double begin = processor_time();
    for (int place = 0; place < places; place++) {
        ev_io_init(&watchers[place], ready, readers[place], EV_READ);
        watchers[place].data = (void *)(size_t)place;
        ev_io_start(loop, &watchers[place]);
    }
    /* They are handed to the system when it is next waited for. */
    ev_run(loop, EVRUN_NOWAIT);
    measure(processor_time() - begin, turn);
}
