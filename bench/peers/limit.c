/* The limit: a loop in C that fans frames out to a room and does nothing else.
 * `limit PORT joined` joins the frames of one turn into one write per member; `limit PORT each` sends each by itself.
 * The room is the path of the request. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MOST = 20000, ROOMS = 64, BLOB = 1 << 22 };

typedef struct {
    int fd, open, room;
    unsigned char in[1 << 16];
    size_t have;
    char *owed; /* what the socket would not take yet */
    size_t owing, room_for;
} Peer;

static Peer *peers[MOST];
static int members[ROOMS][MOST], size_of[ROOMS], epoll, joined;
static char *blob[ROOMS];
static size_t blob_size[ROOMS];

static void flush(Peer *peer) {
    size_t done = 0;
    while (done < peer->owing) {
        ssize_t n = send(peer->fd, peer->owed + done, peer->owing - done, MSG_NOSIGNAL);
        if (n <= 0) break;
        done += n;
    }
    memmove(peer->owed, peer->owed + done, peer->owing - done);
    peer->owing -= done;
    struct epoll_event event = {.events = EPOLLIN | (peer->owing ? EPOLLOUT : 0), .data.fd = peer->fd};
    epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

static void give(Peer *peer, const char *data, size_t size) {
    if (!peer->owing) {
        ssize_t n = send(peer->fd, data, size, MSG_NOSIGNAL);
        if (n == (ssize_t)size) return;
        if (n < 0 && errno != EAGAIN) return;
        if (n > 0) data += n, size -= n;
    }
    if (peer->owing + size > peer->room_for) {
        peer->room_for = 2 * (peer->owing + size);
        peer->owed = realloc(peer->owed, peer->room_for);
    }
    memcpy(peer->owed + peer->owing, data, size);
    peer->owing += size;
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT, .data.fd = peer->fd};
    epoll_ctl(epoll, EPOLL_CTL_MOD, peer->fd, &event);
}

static void pay(int room) {
    for (int i = 0; i < size_of[room]; i++) give(peers[members[room][i]], blob[room], blob_size[room]);
    blob_size[room] = 0;
}

static void say(int room, const unsigned char *text, size_t size) {
    static const char before[] = "{\"type\":\"message\",\"text\":\"", after[] = "\"}";
    size_t all = sizeof before - 1 + size + sizeof after - 1;
    char *to = blob[room] + blob_size[room], *at = to;
    *at++ = (char)0x81;
    if (all < 126) {
        *at++ = (char)all;
    } else {
        *at++ = 126;
        *at++ = (char)(all >> 8);
        *at++ = (char)all;
    }
    memcpy(at, before, sizeof before - 1), at += sizeof before - 1;
    memcpy(at, text, size), at += size;
    memcpy(at, after, sizeof after - 1), at += sizeof after - 1;
    blob_size[room] += at - to;
    if (!joined || blob_size[room] > BLOB - 70000) pay(room);
}

static void gone(Peer *peer) {
    for (int i = 0; i < size_of[peer->room]; i++)
        if (members[peer->room][i] == peer->fd) {
            members[peer->room][i] = members[peer->room][--size_of[peer->room]];
            break;
        }
    peers[peer->fd] = NULL;
    close(peer->fd);
    free(peer->owed);
    free(peer);
}

static void hear(Peer *peer) {
    ssize_t n = recv(peer->fd, peer->in + peer->have, sizeof peer->in - peer->have, 0);
    if (n <= 0) {
        if (n == 0 || errno != EAGAIN) gone(peer);
        return;
    }
    peer->have += n;
    if (!peer->open) {
        char *end = memmem(peer->in, peer->have, "\r\n\r\n", 4);
        if (!end) return;
        peer->room = atoi((char *)peer->in + sizeof "GET /room" - 1) % ROOMS;
        /* Of the fixed key that the generator sends. */
        const char *answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                             "Sec-WebSocket-Accept: ICX+Yqv66kxgM0FcWaLWlFLwTAI=\r\n\r\n";
        send(peer->fd, answer, strlen(answer), MSG_NOSIGNAL);
        peer->open = 1;
        peer->have = 0;
        members[peer->room][size_of[peer->room]++] = peer->fd;
        return;
    }
    size_t at = 0;
    while (peer->have - at >= 6) {
        unsigned char *frame = peer->in + at;
        size_t size = frame[1] & 127, head = 6;
        if (size == 126) size = frame[2] << 8 | frame[3], head = 8;
        if (peer->have - at < head + size) break;
        if ((frame[0] & 15) == 1) say(peer->room, frame + head, size); /* its mask is zeros */
        at += head + size;
    }
    memmove(peer->in, peer->in + at, peer->have - at);
    peer->have -= at;
}

int main(int argc, char **argv) {
    struct sockaddr_in here = {.sin_family = AF_INET, .sin_port = htons(atoi(argv[1])),
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct epoll_event events[1024], event = {.events = EPOLLIN};
    int one = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    joined = argc > 2 && !strcmp(argv[2], "joined");
    for (int i = 0; i < ROOMS; i++) blob[i] = malloc(BLOB);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&here, sizeof here) || listen(listener, 1024)) return perror("limit"), 1;
    epoll = epoll_create1(0);
    event.data.fd = listener;
    epoll_ctl(epoll, EPOLL_CTL_ADD, listener, &event);
    for (;;) {
        int n = epoll_wait(epoll, events, 1024, -1);
        for (int i = 0; i < n; i++) {
            int fd = events[i].data.fd;
            if (fd == listener) {
                fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK);
                if (fd < 0 || fd >= MOST) continue;
                setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
                peers[fd] = calloc(1, sizeof(Peer));
                peers[fd]->fd = fd;
                event.data.fd = fd;
                epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
            } else if (peers[fd]) {
                if (events[i].events & EPOLLOUT) flush(peers[fd]);
                if (peers[fd] && events[i].events & (EPOLLIN | EPOLLHUP)) hear(peers[fd]);
            }
        }
        for (int room = 0; room < ROOMS; room++)
            if (blob_size[room]) pay(room);
    }
}
