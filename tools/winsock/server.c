/* The recipe's server: it sends back what it receives until the client half-closes, and then shuts its
 * own side. Clients are served one after the other.
 *
 *     server [PORT [NAME]] [--connections N] [--end fin|reset|unread]
 *
 * PORT 0 takes a free one; the line `listening on ADDRESS:PORT` tells which. NAME is the address to
 * listen on, by default all of this host, IPv6 and IPv4: a client of the latter shows as ::ffff:ADDRESS.
 * Two ways to end badly, for those who want to see what a client makes of them: `reset` receives something
 * and resets, `unread` closes with the request unread. The exit code is 0 only if every connection ended as
 * it was meant to. */
#include "common.h"

static const char USAGE[] = "usage: server [PORT [NAME]] [--connections N] [--end fin|reset|unread]; "
                            "PORT is a number up to 65535, N from 1 to 1000000\n";
static const char HELP[] =
    "\n"
    "Listens on NAME (all addresses, IPv6 and IPv4) and PORT (27015; 0 takes a free one), says where, and serves N\n"
    "connections (1), one after the other: sends back what comes, and closes after the client has half-closed.\n"
    "--end reset receives something and resets, --end unread closes with the request unread.\n"
    "\n"
    "Exit codes: 0 every connection ended as it was meant to; 1 a call failed; 2 usage.\n";

enum ending { END_FIN, END_RESET, END_UNREAD };

struct options {
    const char *port;
    const char *name;
    unsigned long connections;
    enum ending ending;
};

enum {
    /* Seconds for the client's TCP to acknowledge the rest. */
    LINGER_SECONDS = 10,
};

/* What closesocket does from now on. */
static bool set_linger(SOCKET socket, u_short seconds, const char *with)
{
    struct linger linger = {.l_onoff = 1, .l_linger = seconds};
    if (setsockopt(socket, SOL_SOCKET, SO_LINGER, (const char *)&linger, sizeof linger) == SOCKET_ERROR) {
        report_failure("setsockopt", with, WSAGetLastError());
        return false;
    }
    return true;
}

/* What comes is sent back at once, until the client's FIN; then ours. */
static bool echo(SOCKET socket, const char *with)
{
    char buffer[BUFFER_BYTES];
    uint64_t bytes = 0;
    int length;
    while ((length = recv(socket, buffer, sizeof buffer, 0)) > 0) {
        if (!send_all(socket, buffer, (size_t)length, with)) {
            return false;
        }
        bytes += (uint64_t)length;
    }
    if (length == SOCKET_ERROR) {
        report_failure("recv", with, WSAGetLastError());
        return false;
    }
    printf("%s: %llu bytes sent back\n", with, (unsigned long long)bytes);
    /* Nothing is left to receive, so no `recv` can tell us that the client has got the rest, and this
     * process may end next, which may cost what is still queued. So closesocket waits for the client's
     * TCP. On a socket that does not block it would fail instead, and leave the socket open. */
    return half_close(socket, with) && set_linger(socket, LINGER_SECONDS, with);
}

/* Waits for the first byte, so that there is something unread. */
static bool wait_for_request(SOCKET socket, const char *with)
{
    char byte;
    if (recv(socket, &byte, 1, MSG_PEEK) == SOCKET_ERROR) {
        report_failure("recv", with, WSAGetLastError());
        return false;
    }
    return true;
}

/* A linger of no time makes closesocket drop what is queued and send RST. */
static bool prepare_reset(SOCKET socket, const char *with)
{
    char buffer[BUFFER_BYTES];
    if (recv(socket, buffer, sizeof buffer, 0) == SOCKET_ERROR) {
        report_failure("recv", with, WSAGetLastError());
        return false;
    }
    return set_linger(socket, 0, with);
}

static bool serve(SOCKET socket, enum ending ending, const char *with)
{
    switch (ending) {
    case END_RESET:
        return prepare_reset(socket, with);
    case END_UNREAD:
        return wait_for_request(socket, with);
    case END_FIN:
        break;
    }
    return echo(socket, with);
}

/* The address that was chosen, on a line that is there before the first client. */
static bool tell_address(SOCKET listener)
{
    struct sockaddr_storage address;
    int length = sizeof address;
    if (getsockname(listener, (struct sockaddr *)&address, &length) == SOCKET_ERROR) {
        report_failure("getsockname", "", WSAGetLastError());
        return false;
    }
    char name[NI_MAXHOST + NI_MAXSERV + 4];
    name_of((const struct sockaddr *)&address, length, name, sizeof name);
    printf("listening on %s\n", name);
    return fflush(stdout) == 0;
}

/* For IPv4 too: Windows has an IPv6 socket take IPv6 alone unless it is told otherwise, before `bind`. */
static bool take_both_families(SOCKET listener, const char *name)
{
    DWORD only_v6 = 0;
    if (setsockopt(listener, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&only_v6, sizeof only_v6) == SOCKET_ERROR) {
        report_failure("setsockopt", name, WSAGetLastError());
        return false;
    }
    return true;
}

/* Neither SO_REUSEADDR, with which other programs could share the port, and nobody knows which of them
 * gets a client; nor its opposite SO_EXCLUSIVEADDRUSE. Without either nobody can bind the same address again,
 * since Windows Server 2003. SO_EXCLUSIVEADDRUSE would also keep a program of the same user from binding one
 * of this host's addresses where we have bound all of them, and it is what Microsoft advises for services; but
 * with it a server that is started again cannot bind until all connections of the one before are over. */
static bool bind_and_listen(SOCKET listener, const struct addrinfo *at, bool every_address, const char *name)
{
    if (every_address && at->ai_family == AF_INET6 && !take_both_families(listener, name)) {
        return false;
    }
    if (bind(listener, at->ai_addr, (int)at->ai_addrlen) == SOCKET_ERROR) {
        report_failure("bind", name, WSAGetLastError());
        return false;
    }
    if (listen(listener, SOMAXCONN) == SOCKET_ERROR) {
        report_failure("listen", name, WSAGetLastError());
        return false;
    }
    return true;
}

/* On the first address of this family at which it can be done. */
static SOCKET listen_in(const struct options *options, int family)
{
    struct addrinfo hints = {.ai_family = family, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    hints.ai_flags = AI_PASSIVE;
    struct addrinfo *addresses;
    int code = getaddrinfo(options->name, options->port, &hints, &addresses);
    if (code != 0) {
        report_failure("getaddrinfo", options->name != NULL ? options->name : options->port, code);
        return INVALID_SOCKET;
    }
    SOCKET listener = INVALID_SOCKET;
    for (struct addrinfo *at = addresses; at != NULL && listener == INVALID_SOCKET; at = at->ai_next) {
        char name[NI_MAXHOST + NI_MAXSERV + 4];
        name_of(at->ai_addr, (int)at->ai_addrlen, name, sizeof name);
        SOCKET attempt = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (attempt == INVALID_SOCKET) {
            report_failure("socket", name, WSAGetLastError());
        } else if (bind_and_listen(attempt, at, options->name == NULL, name)) {
            listener = attempt;
        } else {
            close_socket(attempt, name);
        }
    }
    freeaddrinfo(addresses);
    return listener;
}

static SOCKET listen_on(const struct options *options)
{
    if (options->name != NULL) {
        return listen_in(options, AF_UNSPEC);
    }
    /* All addresses; those of IPv4 alone where there is no IPv6, which has been told by then. */
    SOCKET listener = listen_in(options, AF_INET6);
    return listener != INVALID_SOCKET ? listener : listen_in(options, AF_INET);
}

/* One client after the other. One that ends badly is told, and is no reason to stop. */
static bool serve_all(SOCKET listener, const struct options *options)
{
    bool as_meant = true;
    for (unsigned long served = 0; served < options->connections; served++) {
        struct sockaddr_storage address;
        int length = sizeof address;
        SOCKET socket = accept(listener, (struct sockaddr *)&address, &length);
        if (socket == INVALID_SOCKET) {
            int code = WSAGetLastError();
            report_failure("accept", "", code);
            if (code == WSAECONNRESET) {
                /* A client that was gone before its turn. */
                as_meant = false;
                continue;
            }
            return false;
        }
        char with[NI_MAXHOST + NI_MAXSERV + 4];
        name_of((const struct sockaddr *)&address, length, with, sizeof with);
        as_meant = serve(socket, options->ending, with) && as_meant;
        as_meant = close_socket(socket, with) && as_meant;
    }
    return as_meant;
}

static int run(const struct options *options)
{
    if (!start_library()) {
        return EXIT_CALL_FAILED;
    }
    SOCKET listener = listen_on(options);
    bool as_meant = false;
    if (listener != INVALID_SOCKET) {
        as_meant = tell_address(listener) && serve_all(listener, options);
        as_meant = close_socket(listener, "the listener") && as_meant;
    }
    as_meant = stop_library() && as_meant;
    return as_meant ? EXIT_GRACEFUL : EXIT_CALL_FAILED;
}

static bool read_ending(const char *text, enum ending *ending)
{
    static const char *const names[] = {[END_FIN] = "fin", [END_RESET] = "reset", [END_UNREAD] = "unread"};
    for (size_t at = 0; at < sizeof names / sizeof *names; at++) {
        if (strcmp(text, names[at]) == 0) {
            *ending = (enum ending)at;
            return true;
        }
    }
    return false;
}

static bool read_options(int count, char **arguments, struct options *options)
{
    int positional = 0;
    for (int at = 1; at < count; at++) {
        const char *argument = arguments[at];
        if (strncmp(argument, "--", 2) != 0) {
            positional++;
            if (positional == 1 && is_port(argument)) {
                options->port = argument;
            } else if (positional == 2) {
                options->name = argument;
            } else {
                return false;
            }
            continue;
        }
        if (++at == count) {
            return false;
        }
        if (strcmp(argument, "--connections") == 0) {
            if (!read_number(arguments[at], 1, 1000000, &options->connections)) {
                return false;
            }
        } else if (strcmp(argument, "--end") != 0 || !read_ending(arguments[at], &options->ending)) {
            return false;
        }
    }
    return true;
}

int main(int count, char **arguments)
{
    leave_bytes_alone();
    if (asks_for_help(count, arguments)) {
        printf("%s%s", USAGE, HELP);
        return EXIT_GRACEFUL;
    }
    struct options options = {.port = DEFAULT_PORT, .name = NULL, .connections = 1, .ending = END_FIN};
    if (!read_options(count, arguments, &options)) {
        fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    return run(&options);
}
