/* libuv: a poll handle for each place. */
#include "ring.h"
#include <uv.h>

static uv_loop_t *loop;

static void ready(uv_poll_t *handle, int status, int what)
{
    (void)status;
    (void)what;
    pass((int)(size_t)handle->data);
}

static void turn(void)
{
    uv_run(loop, UV_RUN_ONCE);
}

int main(int argc, char **argv)
{
    open_ring(argc, argv);
    loop = uv_default_loop();
    uv_poll_t *handles = allocate(places, sizeof *handles);
    double begin = processor_time();
    for (int place = 0; place < places; place++) {
        uv_poll_init(loop, &handles[place], readers[place]);
        handles[place].data = (void *)(size_t)place;
        uv_poll_start(&handles[place], UV_READABLE, ready);
    }
    /* They are handed to the system when it is next waited for. */
    uv_run(loop, UV_RUN_NOWAIT);
    measure(processor_time() - begin, turn);
}
