/* libuv: reads into one buffer, writes at once, and has libuv write what was left over. */
#include "echo.h"
#include <uv.h>

/* What is left over, while libuv writes it. */
struct rest {
    uv_write_t request;
    char bytes[];
};

static void on_read(uv_stream_t *client, ssize_t got, const uv_buf_t *buf);

static void lend(uv_handle_t *client, size_t suggested, uv_buf_t *buf)
{
    static char shared[READ_MAX];
    (void)client;
    (void)suggested;
    *buf = uv_buf_init(shared, sizeof shared);
}

static void on_closed(uv_handle_t *client)
{
    free(client);
}

static void end(uv_stream_t *client)
{
    if (!uv_is_closing((uv_handle_t *)client))
        uv_close((uv_handle_t *)client, on_closed);
}

static void on_written(uv_write_t *request, int status)
{
    uv_stream_t *client = request->handle;
    free(request);
    if (status < 0)
        end(client);
    else
        uv_read_start(client, lend, on_read);
}

static void on_read(uv_stream_t *client, ssize_t got, const uv_buf_t *buf)
{
    if (got < 0)
        end(client);
    if (got <= 0)
        return;
    uv_buf_t answer = uv_buf_init(buf->base, got);
    int sent = uv_try_write(client, &answer, 1);
    if (sent == got)
        return;
    if (sent < 0 && sent != UV_EAGAIN) {
        end(client);
        return;
    }
    sent = sent < 0 ? 0 : sent;
    struct rest *rest = malloc(sizeof *rest + got - sent);
    if (!rest)
        fail("malloc");
    memcpy(rest->bytes, buf->base + sent, got - sent);
    answer = uv_buf_init(rest->bytes, got - sent);
    uv_read_stop(client);
    if (uv_write(&rest->request, client, &answer, 1, on_written) < 0) {
        free(rest);
        end(client);
    }
}

static void admit(uv_stream_t *listener, int status)
{
    if (status < 0)
        return;
    uv_tcp_t *client = malloc(sizeof *client);
    if (!client)
        fail("malloc");
    uv_tcp_init(listener->loop, client);
    if (uv_accept(listener, (uv_stream_t *)client) < 0) {
        end((uv_stream_t *)client);
        return;
    }
    uv_tcp_nodelay(client, 1);
    uv_read_start((uv_stream_t *)client, lend, on_read);
}

int main(void)
{
    uv_loop_t *loop = uv_default_loop();
    uv_tcp_t listener;
    uv_tcp_init(loop, &listener);
    uv_tcp_open(&listener, listen_somewhere());
    if (uv_listen((uv_stream_t *)&listener, 1024, admit) < 0)
        fail("uv_listen");
    return uv_run(loop, UV_RUN_DEFAULT);
}
