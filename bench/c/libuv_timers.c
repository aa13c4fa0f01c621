#include "timers.h"
#include <uv.h>

static uv_loop_t *loop;
static uv_timer_t *timers;
static int fired;

static void fire(uv_timer_t *timer)
{
    (void)timer;
    fired++;
}

static void open_loop(int count)
{
    loop = uv_default_loop();
    timers = allocate(count, sizeof *timers);
}

static void start(int timer, double delay)
{
    uv_timer_init(loop, &timers[timer]);
    uv_timer_start(&timers[timer], fire, delay, 0);
}

static void cancel(int timer)
{
    uv_timer_stop(&timers[timer]);
}

static void run(void)
{
    uv_run(loop, UV_RUN_DEFAULT);
}

int main(int argc, char **argv)
{
    measure(argc, argv, (struct loop){ open_loop, start, cancel, run });
}
