#include "bufferevent.h"

static void answer(struct evbuffer *input, struct evbuffer *output)
{
    evbuffer_add_buffer(output, input);
}
