/* rawcast: the floor. One epoll loop that keeps every socket that sends a GET, and on a POST writes one
 * frame (or, as `sse`, one chunk with one event) made of the body to each of them with send(2). No parsing,
 * no auth, no log: nothing that delivers the same bytes over the same kernel can cost less. A POST to /one writes to
 * one of the sockets only, each time the next one.
 *
 *   rawcast PORT ws|sse */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define MAX_KEPT 70000

static int kept[MAX_KEPT], kept_count, next;
static char bytes[1 << 20], out[(1 << 20) + 64];

static void forget(int fd) {
    for (int i = 0; i < kept_count; i++)
        if (kept[i] == fd) {
            kept[i] = kept[--kept_count];
            break;
        }
    close(fd);
}

static int make_frame(const char *body, int length) {
    int at = 0;
    out[at++] = (char)0x81;
    if (length < 126) {
        out[at++] = length;
    } else {
        out[at++] = 126;
        out[at++] = length >> 8;
        out[at++] = length;
    }
    memcpy(out + at, body, length);
    return at + length;
}

static int make_event(const char *body, int length) {
    int at = sprintf(out, "%x\r\ndata: ", length + 8);
    memcpy(out + at, body, length);
    at += length;
    memcpy(out + at, "\n\n\r\n", 4);
    return at + 4;
}

static void answer(int fd, const char *text) {
    if (write(fd, text, strlen(text)) < 0) forget(fd);
}

int main(int argc, char **argv) {
    int events_stream = argc > 2 && !strcmp(argv[2], "sse"), one = 1;
    int listener = socket(AF_INET, SOCK_STREAM, 0), epoll = epoll_create1(0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event event = {.events = EPOLLIN, .data.fd = listener}, ready[256];
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    if (argc < 2) return 2;
    address.sin_port = htons(atoi(argv[1]));
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 4096)) {
        perror("rawcast");
        return 1;
    }
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            int fd = ready[i].data.fd;
            if (fd == listener) {
                int taken = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (taken < 0) continue;
                setsockopt(taken, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                event.data.fd = taken;
                epoll_ctl(epoll, EPOLL_CTL_ADD, taken, &event);
                continue;
            }
            int length = read(fd, bytes, sizeof bytes - 1);
            if (length <= 0) {
                forget(fd);
                continue;
            }
            bytes[length] = 0;
            if (bytes[0] == 'G' && kept_count < MAX_KEPT) {
                kept[kept_count++] = fd;
                answer(fd, events_stream ? "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                                           "Transfer-Encoding: chunked\r\n\r\n"
                                         : "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n"
                                           "Connection: Upgrade\r\n\r\n");
            } else if (bytes[0] == 'P') {
                char *body = strstr(bytes, "\r\n\r\n");
                if (!body) continue;
                body += 4;
                int made = bytes + length - body;
                made = events_stream ? make_event(body, made) : make_frame(body, made);
                if (!strncmp(bytes, "POST /one ", 10)) {
                    if (kept_count) send(kept[next++ % kept_count], out, made, MSG_NOSIGNAL);
                } else
                    for (int k = 0; k < kept_count; k++) send(kept[k], out, made, MSG_NOSIGNAL);
                answer(fd, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
            }
        }
    }
}
