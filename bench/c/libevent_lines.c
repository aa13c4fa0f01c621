#include "bufferevent.h"

static void answer(struct evbuffer *input, struct evbuffer *output)
{
    size_t length;
    char *line;
    while ((line = evbuffer_readln(input, &length, EVBUFFER_EOL_LF))) {
        evbuffer_add(output, line, length);
        evbuffer_add(output, "\n", 1);
        free(line);
    }
}
