#include "timers.h"
#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *base;
static struct event *timers;
static int fired;

static void fire(evutil_socket_t none, short what, void *arg)
{
    (void)none;
    (void)what;
    (void)arg;
    fired++;
}

static void open_loop(int count)
{
    base = event_base_new();
    timers = allocate(count, sizeof *timers);
}

static void start(int timer, double delay)
{
    struct timeval after = { delay / 1000, (long)(delay * 1000) % 1000000 };
    evtimer_assign(&timers[timer], base, fire, NULL);
    evtimer_add(&timers[timer], &after);
}

static void cancel(int timer)
{
    evtimer_del(&timers[timer]);
}

static void run(void)
{
    event_base_dispatch(base);
}

int main(int argc, char **argv)
{
    measure(argc, argv, (struct loop){ open_loop, start, cancel, run });
}
