/* A load generator for chat servers: many WebSockets in one loop, cheap enough never to be the bottleneck.
 *
 * It reads a plan, one connection a line, tab-separated:
 *     port  room  sends(0|1)  request-target  extra-headers(\r\n escaped as ~)  greeting  message
 * `greeting` is sent as a text frame after the upgrade (empty: nothing); `message` is sent with its first @ replaced by
 *     |<room>:<connection>:<number>:<nanoseconds>|
 * and a second @, if there is one, by a nonce. Whatever the protocol around it, a delivery is a frame with such a mark.
 * From the marks follow the count, the latency, and a hash of the order in which each connection heard its room: equal
 * hashes, equal order.
 *
 * With --rate the senders together send so many messages a second; else each keeps one of its own under way.
 * It says `connected`, `settled`, `measuring`, `measured` on stderr and waits for a line before it goes on from the second
 * and third, so that the server's clocks can be read between. Prints one JSON object.
 */
#include "wire.h"
#include "histogram.h"
#include <sys/resource.h>
#include <sys/timerfd.h>

enum { MOST = 20000, ROOMS = 10000, MARK = 42 };

static Line lines[MOST];
static int count, senders, parallel = 32, greeted, stalling, measuring, sending;
static int opening, ready, refusals, hung_up, code, timer;
static double rate, arrivals, seconds = 5, warmup = 1;
static uint64_t sent, delivered, messages, acknowledged, errors, last_heard;
static char first_error[400], first_refusal[400];
static const char *host = "127.0.0.1";
static Histogram all, own, acks, greetings;

static void say(Line *line) {
    char text[66000], mark[96];
    char *hole = strchr(line->message, '@'), *nonce;
    uint64_t now = now_ns();
    int size = snprintf(mark, sizeof mark, "|%04d:%05d:%09llu:%019llu|", line->room, (int)(line - lines),
                        (unsigned long long)++line->number, (unsigned long long)now);
    size_t at = hole - line->message;
    memcpy(text, line->message, at);
    memcpy(text + at, mark, size);
    strcpy(text + at + size, hole + 1);
    if ((nonce = strchr(text + at + size, '@'))) {
        char rest[1000], unique[60];
        strcpy(rest, nonce + 1);
        int n = snprintf(unique, sizeof unique, "%d-%llu-%x", (int)(line - lines), (unsigned long long)line->number,
                         (unsigned)getpid());
        memcpy(nonce, unique, n);
        strcpy(nonce + n, rest);
    }
    line->sent_at[line->number % TIMES] = now;
    line->under_way++;
    sent++;
    send_frame(line, 1, text, strlen(text));
}

static uint64_t digits(const char *at) {
    uint64_t value = 0;
    while (*at >= '0' && *at <= '9') value = 10 * value + *at++ - '0';
    return value;
}

static void heard(Line *line, const char *mark) {
    int from = digits(mark + 6);
    uint64_t number = digits(mark + 12);
    int is_own = from == line - lines;
    line->heard++;
    line->order = (line->order ^ ((uint64_t)from << 32 | number)) * 1099511628211ull;
    if (measuring) {
        delivered++;
        messages += is_own;
        /* Every eighth delivery is timed; all of one's own are. */
        if (is_own || (line->heard & 7) == 0) {
            uint64_t took = now_ns() - digits(mark + 22);
            note(&all, took);
            if (is_own) note(&own, took);
        }
    }
    if (is_own) {
        line->under_way--;
        if (sending && !rate && line->under_way < 1) say(line);
    }
}

static void now_ready(Line *line) {
    if (line->ready) return;
    line->ready = 1;
    ready++;
    opening--;
    note(&greetings, now_ns() - line->begun_at);
}

static int begins(const char *payload, size_t size, const char *with) {
    size_t length = strlen(with);
    return size > length && !memcmp(payload, with, length);
}

static void text(Line *line, char *payload, size_t size) {
    static const char ack[] = "{\"type\":\"ack\",\"nonce\":\"";
    char *end = payload + size, *at = payload;
    last_heard = now_ns();
    now_ready(line);
    if (begins(payload, size, ack)) {
        uint64_t number = digits(memchr(payload + sizeof ack, '-', size - sizeof ack) + 1);
        if (measuring) note(&acks, now_ns() - line->sent_at[number % TIMES]);
        acknowledged++;
        return;
    }
    if (size == 1 && *payload == '2') { /* socket.io asks for signs of life in text */
        send_frame(line, 1, "3", 1);
        return;
    }
    while (end - at >= MARK && (at = memchr(at, '|', end - at - MARK + 1))) {
        if (at[5] == ':' && at[11] == ':' && at[21] == ':' && at[41] == '|') {
            heard(line, at);
            return;
        }
        at++;
    }
    if (begins(payload, size, "{\"type\":\"error\"") && !errors++)
        snprintf(first_error, sizeof first_error, "%.*s", (int)size, payload);
}

static void opened(Line *line) {
    if (*line->greeting) send_frame(line, 1, line->greeting, strlen(line->greeting));
    if (!greeted) now_ready(line);
}

static void refused(Line *line, const char *answer) {
    (void)line;
    opening--;
    if (!refusals++) snprintf(first_refusal, sizeof first_refusal, "%.390s", answer);
}

static void closed(Line *line, int with) {
    if (!line->ready) opening--;
    hung_up++;
    code = with;
}

static char *unescape(char *text) {
    char *out = malloc(2 * strlen(text) + 1), *to = out;
    for (; *text; text++) {
        if (*text == '~') *to++ = '\r';
        *to++ = *text == '~' ? '\n' : *text;
    }
    *to = 0;
    return out;
}

static void read_plan(const char *path) {
    FILE *file = fopen(path, "r");
    char *row = NULL;
    size_t space = 0;
    if (!file) die(path);
    while (getline(&row, &space, file) > 0 && count < MOST) {
        char *at = strdup(row), *parts[7];
        at[strcspn(at, "\n")] = 0;
        for (int i = 0; i < 7; i++) parts[i] = strsep(&at, "\t");
        if (!parts[6]) continue;
        lines[count] = (Line){.port = atoi(parts[0]), .room = atoi(parts[1]), .sends = atoi(parts[2]),
                              .target = parts[3], .headers = unescape(parts[4]), .greeting = parts[5],
                              .message = parts[6], .order = 14695981039346656037ull};
        if (lines[count].sends) lines[count].sent_at = calloc(TIMES, sizeof(uint64_t));
        senders += lines[count++].sends;
    }
    fclose(file);
}

static void turn(int wait_ms) {
    static struct epoll_event events[1024];
    int n = epoll_wait(epoll, events, 1024, wait_ms);
    for (int i = 0; i < n; i++)
        if (events[i].data.ptr) receive(events[i].data.ptr, host);
}

/* Turns until a moment; wakes for it exactly, so that a steady rate costs no spinning. */
static void turn_until(uint64_t moment) {
    struct itimerspec at = {.it_value = {moment / 1000000000ull, moment % 1000000000ull}};
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &at, NULL);
    turn(1000);
}

static void run_for(double length) {
    uint64_t begun = now_ns(), end = begun + length * 1e9, next = begun;
    static int whose;
    while (now_ns() < end) {
        if (rate && sending && senders > 0) {
            for (uint64_t now = now_ns(); next <= now; next += 1e9 / rate) {
                do whose = (whose + 1) % count;
                while (!lines[whose].sends);
                if (lines[whose].state == OPEN) say(&lines[whose]);
            }
            turn_until(next < end ? next : end);
        } else {
            turn_until(end);
        }
    }
}

static double connect_all(void) {
    uint64_t begun = now_ns(), deadline = begun + 600000000000ull;
    int at = 0;
    while ((at < count || opening > 0) && now_ns() < deadline) {
        uint64_t now = now_ns();
        while (at < count && (arrivals ? begun + at * 1e9 / arrivals <= now : opening < parallel)) {
            opening++;
            begin(&lines[at++], host);
        }
        turn_until(arrivals && at < count ? begun + (uint64_t)(at * 1e9 / arrivals) : now + 10000000);
    }
    return (now_ns() - begun) / 1e9;
}

static int complete(void) {
    static uint64_t said[ROOMS];
    memset(said, 0, sizeof said);
    for (int i = 0; i < count; i++) said[lines[i].room] += lines[i].number;
    for (int i = 0; i < count; i++)
        if (lines[i].state == OPEN && !lines[i].stalled && lines[i].heard < said[lines[i].room]) return 0;
    return 1;
}

/* Until nothing has come for a while: a short one once everything is there. */
static void settle(double most) {
    uint64_t end = now_ns() + most * 1e9, quiet = 300000000ull, longest = 3000000000ull;
    last_heard = now_ns();
    while (now_ns() < end) {
        turn_until(now_ns() + 20000000);
        uint64_t silent = now_ns() - last_heard;
        if (silent > longest || (silent > quiet && complete())) break;
    }
}

static void tell(const char *word, int wait) {
    char go[8];
    fprintf(stderr, "%s\n", word);
    if (wait && !fgets(go, sizeof go, stdin)) exit(1);
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e6;
}

static void print_string(const char *name, const char *value) {
    printf("\"%s\": \"", name);
    for (; *value; value++)
        if (*value >= ' ') printf(*value == '"' || *value == '\\' ? "\\%c" : "%c", *value);
    printf("\", ");
}

static void report(double connecting, double lasted, double load) {
    static uint64_t said[ROOMS], first_order[ROOMS], first_heard[ROOMS];
    uint64_t lost = 0, doubled = 0;
    int equal = 1;
    for (int i = 0; i < count; i++) said[lines[i].room] += lines[i].number;
    for (int i = 0; i < count; i++) {
        Line *line = &lines[i];
        int room = line->room;
        if (line->stalled || !line->ready) continue;
        if (line->heard < said[room]) lost += said[room] - line->heard;
        if (line->heard > said[room]) doubled += line->heard - said[room];
        if (!first_heard[room]++) first_order[room] = line->order;
        equal &= first_order[room] == line->order;
    }
    printf("{\"connections\": %d, \"senders\": %d, ", count, senders);
    printf("\"ready\": %d, \"refused\": %d, \"connect_seconds\": %.3f, \"hello_p50_ms\": %.3f, \"hello_p99_ms\": %.3f, "
           "\"hello_longest_ms\": %.3f, ", ready, refusals, connecting, percentile_ms(&greetings, .5),
           percentile_ms(&greetings, .99), greetings.longest / 1e6);
    print_string("first_refusal", first_refusal);
    print_string("first_error", first_error);
    printf("\"errors\": %llu, \"closed\": %d, \"close_code\": %d, ", (unsigned long long)errors, hung_up, code);
    printf("\"seconds\": %.4f, \"sent\": %llu, \"acknowledged\": %llu, \"messages\": %llu, \"deliveries\": %llu, ", lasted,
           (unsigned long long)sent, (unsigned long long)acknowledged, (unsigned long long)messages,
           (unsigned long long)delivered);
    printf("\"lost\": %llu, \"doubled\": %llu, \"order_equal\": %s, ", (unsigned long long)lost,
           (unsigned long long)doubled, equal ? "true" : "false");
    printf("\"own_p50_ms\": %.3f, \"own_p99_ms\": %.3f, \"ack_p50_ms\": %.3f, \"ack_p99_ms\": %.3f, \"p50_ms\": %.3f, "
           "\"p99_ms\": %.3f, \"generator_load\": %.4f}\n", percentile_ms(&own, .5), percentile_ms(&own, .99),
           percentile_ms(&acks, .5), percentile_ms(&acks, .99), percentile_ms(&all, .5), percentile_ms(&all, .99), load);
}

int main(int argc, char **argv) {
    const char *plan = NULL;
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *name = argv[i], *value = argv[i + 1];
        if (!strcmp(name, "--plan")) plan = value;
        else if (!strcmp(name, "--seconds")) seconds = atof(value);
        else if (!strcmp(name, "--warmup")) warmup = atof(value);
        else if (!strcmp(name, "--rate")) rate = atof(value);
        else if (!strcmp(name, "--parallel")) parallel = atoi(value);   /* connections being opened at once */
        else if (!strcmp(name, "--arrivals")) arrivals = atof(value);   /* or: so many opened a second */
        else if (!strcmp(name, "--greeted")) greeted = atoi(value);     /* ready is who has heard a first frame */
        else if (!strcmp(name, "--stalling")) stalling = atoi(value);   /* the last ones stop reading when measured */
    }
    if (!plan) {
        fprintf(stderr, "usage: generator --plan FILE [--seconds S] [--warmup S] [--rate N] [--parallel N | --arrivals N] "
                        "[--greeted 1] [--stalling N]\n");
        return 2;
    }
    read_plan(plan);
    epoll = epoll_create1(0);
    timer = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN | EPOLLET, .data.ptr = NULL};
    epoll_ctl(epoll, EPOLL_CTL_ADD, timer, &event);
    double connecting = connect_all();
    tell("connected", 0);
    settle(60);
    tell("settled", 1);
    sending = 1;
    for (int i = 0; i < count && !rate; i++)
        if (lines[i].sends && lines[i].state == OPEN) say(&lines[i]);
    run_for(warmup);
    tell("measuring", 1);
    for (int i = count - stalling; i < count; i++)
        if (lines[i].state == OPEN) {
            lines[i].stalled = 1;
            epoll_ctl(epoll, EPOLL_CTL_DEL, lines[i].fd, NULL);
        }
    double before = cpu();
    uint64_t begun = now_ns();
    measuring = 1;
    run_for(seconds);
    measuring = 0;
    double lasted = (now_ns() - begun) / 1e9, load = (cpu() - before) / lasted;
    tell("measured", 0);
    sending = 0;
    settle(30); /* what is still under way arrives */
    report(connecting, lasted, load);
    return 0;
}
