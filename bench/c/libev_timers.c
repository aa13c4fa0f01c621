#include "timers.h"
#include <ev.h>

static struct ev_loop *loop;
static ev_timer *timers;
static int fired;

static void fire(struct ev_loop *l, ev_timer *timer, int what)
{
    (void)l;
    (void)timer;
    (void)what;
    fired++;
}

static void open_loop(int count)
{
    loop = ev_default_loop(0);
    timers = allocate(count, sizeof *timers);
}

static void start(int timer, double delay)
{
    ev_timer_init(&timers[timer], fire, delay / 1000, 0);
    ev_timer_start(loop, &timers[timer]);
}

static void cancel(int timer)
{
    ev_timer_stop(loop, &timers[timer]);
}

static void run(void)
{
    ev_run(loop, 0);
}

int main(int argc, char **argv)
{
    measure(argc, argv, (struct loop){ open_loop, start, cancel, run });
}
