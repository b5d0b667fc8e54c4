/* fanload: hold N WebSocket or SSE connections to a server, publish to it over HTTP, and report as one
 * line of JSON what came, how late, and what it cost the server in CPU and memory (from /proc).
 *
 * It speaks only as much of either protocol as a count needs: a delivery is one "ts":<digits> (the time of
 * the publish, ns, CLOCK_MONOTONIC) in a connection's byte stream, so one counter serves every server and
 * both transports.
 *
 *   fanload --to 127.0.0.1:8000 --mode ws|sse --paths FILE --conns N [--hello TEXT] [--settle S] [--hold S]
 *           [--pub 127.0.0.1:8000 --pub-path /p --body FILE [--pub-header 'K: V']... [--pub-conns K]
 *            --rate MSGS_PER_S --seconds S --fanout DELIVERIES_PER_PUBLISH [--users N]]
 *           [--pids PID,PID...] [--label TEXT]
 *
 * --paths: request paths, one a line, used round robin. --body: the POST body with @TS@ where the time goes. In it
 * and in --pub-path, @USER@ stands for one of N users (0 to N - 1, as eleven digits), each publish the next one's.
 * --hold: after the connections stand, wait so long and report the server's CPU of that time. --rate 0: as
 * fast as the K publishing connections get their answers. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define NS 1000000000ull
#define READ_BYTES 262144
#define CARRY_BYTES 64
#define MAX_SAMPLES 20000000
#define RECENT (1 << 18) /* publishes whose deliveries are counted one by one; a power of two */
#define MAX_PUBLISHERS 256

struct conn {
    int fd;
    int carried;
    char carry[CARRY_BYTES]; /* a "ts":<digits> that was cut by the end of a read */
};

struct publication {
    uint64_t ts;
    uint32_t count;
};

static struct sockaddr_in target, publish_target;
static const char *target_name, *publish_name, *publish_path = "/", *hello, *pids = "", *label = "";
static char *body, *publish_headers[32];
static int header_count, websocket = 1, publishers = 1, users = 1;
static double rate = 10, seconds = 5, settle = 1, hold = 0, fanout = 0;
static volatile int stop;
static int publishers_done;
static uint64_t published, publish_errors, publish_start, publish_end;

static uint64_t delivered, *latency, *last_latency;
static size_t samples, complete;
static struct publication *recent;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NS + t.tv_nsec;
}

static void die(const char *what) {
    fprintf(stderr, "fanload: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void parse_address(const char *text, struct sockaddr_in *address) {
    char host[64];
    int port;
    if (sscanf(text, "%63[^:]:%d", host, &port) != 2) die(text);
    memset(address, 0, sizeof *address);
    address->sin_family = AF_INET;
    address->sin_port = htons(port);
    inet_pton(AF_INET, host, &address->sin_addr);
}

/* A source address has 28,000 ports, and the end of a connection keeps its port for a minute. So every process
 * has addresses of its own, 127.x.y.* with x.y from its id, and runs in a row do not meet each other's ends. */
static struct sockaddr_in source_address(unsigned turn) {
    uint32_t pid = getpid(), network = 0x7f000000u | (1 + pid % 254) << 16 | (pid / 254 % 256) << 8;
    return (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(network | (1 + turn % 254))};
}

/* Connections with the same `turn` share a source address; where it has no port left, the next one is tried. */
static int dial(struct sockaddr_in *address, unsigned turn) {
    int one = 1;
    for (int attempt = 0; attempt < 50; attempt++) {
        struct sockaddr_in source = source_address(turn);
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (fd < 0) die("socket");
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        /* Without it `bind` takes a port for all destinations at once; `connect` needs it free for its own only. */
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
        if (!bind(fd, (void *)&source, sizeof source) && !connect(fd, (void *)address, sizeof *address)) return fd;
        int reason = errno;
        close(fd);
        errno = reason;
        if (reason == EADDRINUSE || reason == EADDRNOTAVAIL) turn++;
        else usleep(20000);
    }
    die("connect");
    return -1;
}

static void write_all(int fd, const char *bytes, int length) {
    for (int sent = 0; sent < length;) {
        int n = write(fd, bytes + sent, length - sent);
        if (n <= 0) die("write");
        sent += n;
    }
}

/* One masked frame of at most 125 bytes (the mask is zero, so the text stands as it is). */
static void write_frame(int fd, int opcode, const char *text, int length) {
    char frame[256] = {(char)(0x80 | opcode), (char)(0x80 | length)};
    memcpy(frame + 6, text, length);
    if (write(fd, frame, 6 + length) < 0 && errno != EAGAIN && errno != EPIPE && errno != ECONNRESET) die("frame");
}

/* A server that asks for a heartbeat gets it: a WebSocket ping, or Engine.IO's text "2". */
static void answer_ping(int fd, const char *bytes, int length) {
    const unsigned char *b = (const unsigned char *)bytes;
    if (!websocket || length < 2 || length < 2 + b[1]) return;
    if (b[0] == 0x89 && b[1] < 126) write_frame(fd, 0xA, bytes + 2, b[1]);
    if (b[0] == 0x81 && b[1] == 1 && b[2] == '2') write_frame(fd, 0x1, "3", 1);
}

static void note_delivery(uint64_t ts, uint64_t at) {
    delivered++;
    if (at <= ts || samples >= MAX_SAMPLES) return;
    latency[samples++] = at - ts;
    if (fanout < 1) return;
    for (uint64_t slot = ts * 0x9E3779B97F4A7C15ull >> 46;; slot++) {
        struct publication *p = &recent[slot & (RECENT - 1)];
        if (p->ts == 0) p->ts = ts;
        if (p->ts != ts) continue;
        if (++p->count == (uint32_t)fanout) last_latency[complete++] = at - ts;
        return;
    }
}

static void take_bytes(struct conn *c, char *bytes, int length, uint64_t at) {
    char *p = bytes, *end = bytes + length;
    while (p < end) {
        char *found = memmem(p, end - p, "\"ts\":", 5);
        if (!found) break;
        char *digit = found + 5;
        uint64_t ts = 0;
        while (digit < end && *digit == ' ') digit++;
        for (; digit < end && *digit >= '0' && *digit <= '9'; digit++) ts = ts * 10 + (*digit - '0');
        if (digit == end) {
            p = found;
            break;
        }
        if (ts) note_delivery(ts, at);
        p = digit;
    }
    if (end - p >= CARRY_BYTES) p = end - 4;
    c->carried = end - p;
    memcpy(c->carry, p, c->carried);
}

/* CPU seconds of all threads, in ns where the kernel keeps them (schedstat), else in ticks; and memory. */
static void read_usage(double *cpu_s, long *rss_kb) {
    *cpu_s = 0;
    *rss_kb = 0;
    char *copy = strdup(pids), *rest, name[320], line[2048];
    for (char *pid = strtok_r(copy, ",", &rest); pid; pid = strtok_r(NULL, ",", &rest)) {
        uint64_t ran_ns = 0;
        snprintf(name, sizeof name, "/proc/%s/task", pid);
        DIR *threads = opendir(name);
        for (struct dirent *entry; threads && (entry = readdir(threads));) {
            unsigned long long ns;
            snprintf(name, sizeof name, "/proc/%s/task/%s/schedstat", pid, entry->d_name);
            FILE *file = entry->d_name[0] == '.' ? NULL : fopen(name, "r");
            if (!file) continue;
            if (fscanf(file, "%llu", &ns) == 1) ran_ns += ns;
            fclose(file);
        }
        if (threads) closedir(threads);
        snprintf(name, sizeof name, "/proc/%s/stat", pid);
        FILE *file = fopen(name, "r");
        if (!file) die(name);
        size_t n = fread(line, 1, sizeof line - 1, file);
        fclose(file);
        line[n] = 0;
        unsigned long user, system;
        sscanf(strrchr(line, ')') + 2, "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user, &system);
        *cpu_s += ran_ns ? ran_ns / 1e9 : (user + system) / (double)sysconf(_SC_CLK_TCK);
        snprintf(name, sizeof name, "/proc/%s/status", pid);
        file = fopen(name, "r");
        while (file && fgets(line, sizeof line, file))
            if (!strncmp(line, "VmRSS:", 6)) *rss_kb += atol(line + 6);
        if (file) fclose(file);
    }
    free(copy);
}

/* Read one answer; the HTTP status, or 0 where the connection ended. */
static int read_answer(int fd, char *in, int size) {
    int got = 0, need = -1, chunked = 0;
    while (got < size - 1) {
        int n = read(fd, in + got, size - 1 - got);
        if (n <= 0) return 0;
        got += n;
        in[got] = 0;
        char *end = strstr(in, "\r\n\r\n");
        if (end && need < 0) {
            char *length = strcasestr(in, "content-length:");
            chunked = !length && strcasestr(in, "chunked");
            need = end + 4 - in + (length && length < end ? atoi(length + 15) : 0);
        }
        if (end && (chunked ? strstr(end, "\r\n0\r\n") != NULL : got >= need)) break;
    }
    return atoi(in + 9);
}

/* Copy a text with the time and the user put in; the length. */
static int fill_in(char *out, const char *in, uint64_t ts, uint64_t user) {
    char *start = out;
    while (*in) {
        if (*in == '@' && !strncmp(in, "@TS@", 4)) {
            out += sprintf(out, "%llu", (unsigned long long)ts);
            in += 4;
        } else if (*in == '@' && !strncmp(in, "@USER@", 6)) {
            out += sprintf(out, "%011llu", (unsigned long long)user);
            in += 6;
        } else {
            *out++ = *in++;
        }
    }
    *out = 0;
    return out - start;
}

static void *publish(void *argument) {
    long id = (long)argument;
    int fd = dial(&publish_target, 0), size = 1 << 20;
    char *request = malloc(2 * size), *content = malloc(size), *answer = malloc(size), path[4096];
    double interval_ns = rate > 0 ? NS * publishers / rate : 0;
    uint64_t count = 0, start = publish_start + (uint64_t)(interval_ns * id / publishers);
    while (!stop) {
        uint64_t due = start + (uint64_t)(interval_ns * count), at = now_ns();
        if (interval_ns > 0 && at < due) {
            struct timespec wait = {(due - at) / NS, (due - at) % NS};
            nanosleep(&wait, NULL);
            at = now_ns();
        }
        if (at - publish_start > seconds * NS) break;
        uint64_t user = (count * publishers + id) % users;
        int size_bytes = fill_in(content, body, at, user);
        fill_in(path, publish_path, at, user);
        int length = sprintf(request, "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", path,
                             publish_name, size_bytes);
        for (int i = 0; i < header_count; i++) length += sprintf(request + length, "%s\r\n", publish_headers[i]);
        length += sprintf(request + length, "\r\n");
        memcpy(request + length, content, size_bytes);
        write_all(fd, request, length + size_bytes);
        int status = read_answer(fd, answer, size);
        if (status < 200 || status > 299) {
            if (!__sync_fetch_and_add(&publish_errors, 1)) fprintf(stderr, "fanload: publish: %.300s\n", answer);
            if (!status) {
                close(fd);
                fd = dial(&publish_target, 0);
            }
        } else {
            __sync_fetch_and_add(&published, 1);
        }
        publish_end = now_ns();
        count++;
    }
    __sync_fetch_and_add(&publishers_done, 1);
    return NULL;
}

static int compare(const void *left, const void *right) {
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static double percentile_ms(const uint64_t *sorted, size_t count, double part) {
    return count ? sorted[(size_t)((count - 1) * part)] / 1e6 : 0;
}

static char *read_file(const char *name) {
    FILE *file = fopen(name, "r");
    if (!file) die(name);
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    char *text = calloc(1, size + 1);
    if (fread(text, 1, size, file) != (size_t)size) die(name);
    fclose(file);
    return text;
}

/* Read for `wait_ms` at most; the number of connections that ended. */
static int read_some(struct conn *conns, int epoll, int wait_ms, uint64_t *last) {
    static char bytes[READ_BYTES + CARRY_BYTES];
    static struct epoll_event events[1024];
    int ended = 0, n = epoll_wait(epoll, events, 1024, wait_ms);
    uint64_t at = now_ns();
    for (int i = 0; i < n; i++) {
        struct conn *c = &conns[events[i].data.u32];
        memcpy(bytes, c->carry, c->carried);
        int got = read(c->fd, bytes + c->carried, READ_BYTES);
        if (got < 0 && errno == EAGAIN) continue;
        if (got <= 0) {
            close(c->fd);
            c->fd = -1;
            ended++;
            continue;
        }
        answer_ping(c->fd, bytes + c->carried, got);
        uint64_t before = delivered;
        take_bytes(c, bytes, c->carried + got, at);
        if (delivered != before) *last = at;
    }
    return ended;
}

/* Connect one after the other, reading in between, since pings come meanwhile; the number that were refused. */
static int connect_all(struct conn *conns, int count, char **paths, int path_count, int epoll, int *ended) {
    int refused = 0;
    uint64_t last;
    char request[16384], head[8192];
    for (int i = 0; i < count; i++) {
        int fd = dial(&target, i / 20000), got = 0;
        int length = snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: %s\r\n%s\r\n", paths[i % path_count],
                              target_name,
                              websocket ? "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                                          /* As the hub's own client; the others pass over it. */
                                          "Sec-WebSocket-Protocol: hub.v1\r\n"
                                        : "Accept: text/event-stream\r\nCache-Control: no-cache\r\n");
        write_all(fd, request, length);
        /* Byte by byte: what follows the head is already the stream. */
        while (got < (int)sizeof head - 1 && read(fd, head + got, 1) == 1) {
            got++;
            if (got > 3 && !memcmp(head + got - 4, "\r\n\r\n", 4)) break;
        }
        head[got] = 0;
        if (got < 12 || atoi(head + 9) != (websocket ? 101 : 200)) {
            if (!refused++) fprintf(stderr, "fanload: %s refused: %.300s\n", label, head);
        }
        if (hello && websocket) write_frame(fd, 0x1, hello, strlen(hello));
        fcntl(fd, F_SETFL, O_NONBLOCK);
        conns[i].fd = fd;
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = i};
        epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event);
        if (i % 100 == 99) *ended += read_some(conns, epoll, 0, &last);
    }
    return refused;
}

int main(int argc, char **argv) {
    const char *paths_file = NULL;
    int count = 1;
    signal(SIGPIPE, SIG_IGN);
    for (int i = 1; i + 1 < argc; i += 2) {
        const char *option = argv[i];
        char *value = argv[i + 1];
        if (!strcmp(option, "--to")) parse_address(target_name = value, &target);
        else if (!strcmp(option, "--mode")) websocket = !strcmp(value, "ws");
        else if (!strcmp(option, "--conns")) count = atoi(value);
        else if (!strcmp(option, "--paths")) paths_file = value;
        else if (!strcmp(option, "--hello")) hello = value;
        else if (!strcmp(option, "--settle")) settle = atof(value);
        else if (!strcmp(option, "--hold")) hold = atof(value);
        else if (!strcmp(option, "--pub")) parse_address(publish_name = value, &publish_target);
        else if (!strcmp(option, "--pub-path")) publish_path = value;
        else if (!strcmp(option, "--pub-header") && header_count < 32) publish_headers[header_count++] = value;
        else if (!strcmp(option, "--pub-conns")) publishers = atoi(value);
        else if (!strcmp(option, "--users")) users = atoi(value);
        else if (!strcmp(option, "--body")) body = read_file(value);
        else if (!strcmp(option, "--rate")) rate = atof(value);
        else if (!strcmp(option, "--seconds")) seconds = atof(value);
        else if (!strcmp(option, "--fanout")) fanout = atof(value);
        else if (!strcmp(option, "--pids")) pids = value;
        else if (!strcmp(option, "--label")) label = value;
        else {
            fprintf(stderr, "fanload: unknown option %s\n", option);
            return 2;
        }
    }
    if (!target_name || !paths_file || (publish_name && !body) || publishers > MAX_PUBLISHERS || users < 1) {
        fprintf(stderr, "fanload: --to, --paths and, to publish, --pub and --body are needed\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    int path_count = 0;
    char *rest, *text = read_file(paths_file), **paths = malloc(sizeof *paths * (strlen(text) / 2 + 1));
    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) paths[path_count++] = line;
    latency = malloc(sizeof *latency * MAX_SAMPLES);
    last_latency = malloc(sizeof *last_latency * RECENT);
    recent = calloc(RECENT, sizeof *recent);
    struct conn *conns = calloc(count, sizeof *conns);
    int epoll = epoll_create1(0), ended = 0;

    double cpu_start, cpu_connected, cpu_held, cpu_end;
    long rss_start, rss_connected, rss_end;
    uint64_t last = 0, from = now_ns();
    read_usage(&cpu_start, &rss_start);
    int refused = connect_all(conns, count, paths, path_count, epoll, &ended);
    double connect_s = (now_ns() - from) / 1e9;
    for (from = now_ns(); now_ns() - from < settle * NS;) ended += read_some(conns, epoll, 20, &last);
    read_usage(&cpu_connected, &rss_connected);
    for (from = now_ns(); now_ns() - from < hold * NS;) ended += read_some(conns, epoll, 100, &last);
    read_usage(&cpu_held, &rss_end);

    publish_start = publish_end = last = now_ns();
    if (publish_name) {
        pthread_t threads[MAX_PUBLISHERS];
        for (long i = 0; i < publishers; i++) pthread_create(&threads[i], NULL, publish, (void *)i);
        for (;;) {
            ended += read_some(conns, epoll, 10, &last);
            uint64_t at = now_ns(), over_ns = (uint64_t)(seconds * NS);
            if (at - publish_start < over_ns) continue;
            stop = 1;
            /* All came of all that were answered; or nothing has come for a second; or this has no end. */
            int all_answered = __sync_fetch_and_add(&publishers_done, 0) == publishers;
            if (fanout > 0 && published && all_answered && delivered >= (uint64_t)(fanout * published + 0.5)) {
                if (at - publish_start > over_ns + NS / 5) break;
            } else if ((at - last > NS && at - publish_start > over_ns + NS) || at - publish_start > over_ns + 60 * NS) {
                break;
            }
        }
        for (int i = 0; i < publishers; i++) pthread_join(threads[i], NULL);
    }
    read_usage(&cpu_end, &rss_end);

    qsort(latency, samples, sizeof *latency, compare);
    qsort(last_latency, complete, sizeof *last_latency, compare);
    printf("{\"label\":\"%s\",\"connections\":%d,\"refused\":%d,\"ended\":%d,\"connect_s\":%.3f,\"connect_cpu_us\":%.2f,"
           "\"rss_kib_per_connection\":%.3f,\"rss_end_mib\":%.1f,\"hold_cpu_s\":%.4f,\"published\":%llu,"
           "\"publish_errors\":%llu,\"publish_s\":%.3f,\"delivered\":%llu,\"expected\":%.0f,\"cpu_s\":%.4f,"
           "\"delivery_p50_ms\":%.3f,\"delivery_p99_ms\":%.3f,\"last_count\":%zu,\"last_p50_ms\":%.3f,"
           "\"last_p90_ms\":%.3f,\"last_p99_ms\":%.3f,\"last_max_ms\":%.3f}\n",
           label, count, refused, ended, connect_s, (cpu_connected - cpu_start) * 1e6 / count,
           (rss_connected - rss_start) / (double)count, rss_end / 1024.0, cpu_held - cpu_connected,
           (unsigned long long)published, (unsigned long long)publish_errors, (publish_end - publish_start) / 1e9,
           (unsigned long long)delivered, fanout * published, cpu_end - cpu_held,
           percentile_ms(latency, samples, 0.5), percentile_ms(latency, samples, 0.99), complete,
           percentile_ms(last_latency, complete, 0.5), percentile_ms(last_latency, complete, 0.9),
           percentile_ms(last_latency, complete, 0.99), percentile_ms(last_latency, complete, 1));
    fflush(stdout);
    /* Everything is measured. Cut off instead of ended, or 10,000 connections would be remembered by the kernel for
     * a minute, and the next run's would be looked up among them. */
    struct linger cut = {.l_onoff = 1};
    for (int i = 0; i < count; i++) setsockopt(conns[i].fd, SOL_SOCKET, SO_LINGER, &cut, sizeof cut);
    return 0;
}
