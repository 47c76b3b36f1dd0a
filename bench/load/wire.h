/* One WebSocket as a client sees it: opened without waiting, frames out, frames in. */
#pragma once
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CHUNK = 1 << 18, TIMES = 1024 };
typedef enum { WAITING, CONNECTING, ASKING, OPEN, CLOSED } State;

typedef struct {
    int fd, room, port, sends, stalled, ready, under_way;
    State state;
    char *target, *headers, *greeting, *message;
    uint64_t number, heard, order, begun_at, *sent_at;
    char *carry; /* the beginning of a frame whose rest has not come */
    size_t carried;
} Line;

static int epoll;

/* What the generator does with what happens on a line. */
static void opened(Line *line);
static void refused(Line *line, const char *answer);
static void closed(Line *line, int code);
static void text(Line *line, char *payload, size_t size);

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "generator: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void hang_up(Line *line, int code) {
    if (line->state == CLOSED) return;
    line->state = CLOSED;
    close(line->fd);
    closed(line, code);
}

static void write_all(Line *line, const char *data, size_t size) {
    while (size && line->state != CLOSED) {
        ssize_t done = send(line->fd, data, size, MSG_NOSIGNAL);
        if (done < 0) {
            if (errno == EAGAIN || errno == EINTR) continue;
            hang_up(line, 1006);
            return;
        }
        data += done;
        size -= done;
    }
}

static void send_frame(Line *line, int kind, const char *payload, size_t size) {
    static char frame[70000];
    size_t at = 2;
    frame[0] = (char)(0x80 | kind);
    if (size < 126) {
        frame[1] = (char)(0x80 | size);
    } else {
        frame[1] = (char)(0x80 | 126);
        frame[2] = (char)(size >> 8);
        frame[3] = (char)size;
        at = 4;
    }
    memset(frame + at, 0, 4); /* a mask of zeros is a mask */
    memcpy(frame + at + 4, payload, size);
    write_all(line, frame, at + 4 + size);
}

static void watch(Line *line, unsigned what, int how) {
    struct epoll_event event = {.events = what, .data.ptr = line};
    epoll_ctl(epoll, how, line->fd, &event);
}

static void begin(Line *line, const char *host) {
    struct sockaddr_in there = {.sin_family = AF_INET, .sin_port = htons(line->port)};
    int one = 1;
    inet_pton(AF_INET, host, &there.sin_addr);
    line->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (line->fd < 0) die("socket");
    setsockopt(line->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    line->begun_at = now_ns();
    line->state = CONNECTING;
    if (connect(line->fd, (struct sockaddr *)&there, sizeof there) && errno != EINPROGRESS) die("connect");
    watch(line, EPOLLOUT, EPOLL_CTL_ADD);
}

static void ask(Line *line, const char *host) {
    char request[4096];
    int n = snprintf(request, sizeof request,
                     "GET %s HTTP/1.1\r\nHost: %s:%d\r\nOrigin: http://%s:%d\r\nUpgrade: websocket\r\n"
                     "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                     "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n%s\r\n",
                     line->target, host, line->port, host, line->port, line->headers);
    line->state = ASKING;
    watch(line, EPOLLIN, EPOLL_CTL_MOD);
    write_all(line, request, n);
}

static void keep(Line *line, const char *data, size_t size) {
    line->carry = size ? realloc(line->carry, size) : (free(line->carry), NULL);
    if (size) memcpy(line->carry, data, size);
    line->carried = size;
}

/* Takes whole frames from the front; gives what was used. */
static size_t take_frames(Line *line, char *data, size_t size) {
    size_t at = 0;
    while (size - at >= 2 && line->state == OPEN) {
        unsigned char *head = (unsigned char *)data + at;
        size_t length = head[1] & 127, skip = 2;
        if (length == 126) {
            if (size - at < 4) break;
            length = head[2] << 8 | head[3], skip = 4;
        } else if (length == 127) {
            if (size - at < 10) break;
            length = 0, skip = 10;
            for (int i = 2; i < 10; i++) length = length << 8 | head[i];
            if (length > CHUNK - 10) errno = EMSGSIZE, die("a frame");
        }
        if (size - at < skip + length) break;
        char *payload = data + at + skip;
        switch (head[0] & 15) {
            case 1: text(line, payload, length); break;
            case 8: hang_up(line, length >= 2 ? (unsigned char)payload[0] << 8 | (unsigned char)payload[1] : 1005); break;
            case 9: send_frame(line, 10, payload, length); break;
        }
        at += skip + length;
    }
    return at;
}

static void receive(Line *line, const char *host) {
    static char data[2 * CHUNK];
    if (line->state == CONNECTING) {
        ask(line, host);
        return;
    }
    if (line->stalled || line->state == CLOSED) return;
    if (line->carried) memcpy(data, line->carry, line->carried);
    ssize_t got = recv(line->fd, data + line->carried, CHUNK, 0);
    if (got <= 0) {
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        if (line->state == ASKING) {
            line->state = CLOSED;
            close(line->fd);
            refused(line, "hung up in the handshake");
        } else {
            hang_up(line, 1006);
        }
        return;
    }
    size_t size = line->carried + got, at = 0;
    if (line->state == ASKING) {
        char *end = memmem(data, size, "\r\n\r\n", 4);
        if (end && memcmp(data, "HTTP/1.1 101", 12)) {
            data[size] = 0;
            line->state = CLOSED;
            close(line->fd);
            refused(line, data);
            return;
        }
        if (end) {
            at = end + 4 - data;
            line->state = OPEN;
            opened(line);
        }
    }
    if (line->state == OPEN) at += take_frames(line, data + at, size - at);
    if (line->carried || at < size) keep(line, data + at, size - at);
}
