/* epoll by hand, level-triggered. */
#include "ring.h"
#include <sys/epoll.h>

static int epoll;

static void turn(void)
{
    static struct epoll_event ready[1024];
    int count = epoll_wait(epoll, ready, 1024, -1);
    for (int i = 0; i < count; i++)
        pass(ready[i].data.u32);
}

int main(int argc, char **argv)
{
    open_ring(argc, argv);
    epoll = epoll_create1(EPOLL_CLOEXEC);
    double begin = processor_time();
    for (int place = 0; place < places; place++) {
        struct epoll_event event = { .events = EPOLLIN, .data.u32 = place };
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, readers[place], &event) < 0)
            fail("epoll_ctl");
    }
    measure(processor_time() - begin, turn);
}
