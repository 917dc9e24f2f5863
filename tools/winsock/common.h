/* What the client and the server share: how a failing call is reported, and how everything is sent.
 *
 * Part of finwait; docs/winsock.md explains each step. Licensed as the project is. */
#ifndef FINWAIT_WINSOCK_COMMON_H
#define FINWAIT_WINSOCK_COMMON_H

/* Windows 7: every call here is older than that. */
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0601
#endif

/* winsock2.h first: windows.h alone would bring in the first version of the library. */
#include <winsock2.h>
#include <ws2tcpip.h>

#include <fcntl.h>
#include <io.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_PORT "27015"

enum {
    EXIT_GRACEFUL = 0,
    EXIT_CALL_FAILED = 1,
    EXIT_USAGE = 2,
    BUFFER_BYTES = 16 * 1024,
};

/* The name of what a call of this recipe can return; the number is always printed beside it. */
static const char *error_name(int code)
{
    switch (code) {
#define NAME(code) case code: return #code
        NAME(WSAEINTR);
        NAME(WSAEACCES);
        NAME(WSAEFAULT);
        NAME(WSAEINVAL);
        NAME(WSAEMFILE);
        NAME(WSAEWOULDBLOCK);
        NAME(WSAEINPROGRESS);
        NAME(WSAEALREADY);
        NAME(WSAENOTSOCK);
        NAME(WSAEMSGSIZE);
        NAME(WSAEPROTOTYPE);
        NAME(WSAENOPROTOOPT);
        NAME(WSAEPROTONOSUPPORT);
        NAME(WSAESOCKTNOSUPPORT);
        NAME(WSAEOPNOTSUPP);
        NAME(WSAEAFNOSUPPORT);
        NAME(WSAEADDRINUSE);
        NAME(WSAEADDRNOTAVAIL);
        NAME(WSAENETDOWN);
        NAME(WSAENETUNREACH);
        NAME(WSAENETRESET);
        NAME(WSAECONNABORTED);
        NAME(WSAECONNRESET);
        NAME(WSAENOBUFS);
        NAME(WSAEISCONN);
        NAME(WSAENOTCONN);
        NAME(WSAESHUTDOWN);
        NAME(WSAETIMEDOUT);
        NAME(WSAECONNREFUSED);
        NAME(WSAEHOSTUNREACH);
        NAME(WSAEPROCLIM);
        NAME(WSASYSNOTREADY);
        NAME(WSAVERNOTSUPPORTED);
        NAME(WSANOTINITIALISED);
        NAME(WSAEINVALIDPROCTABLE);
        NAME(WSAEINVALIDPROVIDER);
        NAME(WSAEPROVIDERFAILEDINIT);
        NAME(WSATYPE_NOT_FOUND);
        NAME(WSAHOST_NOT_FOUND);
        NAME(WSATRY_AGAIN);
        NAME(WSANO_RECOVERY);
        NAME(WSANO_DATA);
        NAME(WSA_NOT_ENOUGH_MEMORY);
#undef NAME
    default:
        return "unknown error";
    }
}

/* `CALL(WHAT) failed: NUMBER NAME`. The code is an argument, and not asked for here: WSAStartup and
 * getaddrinfo return theirs, and whatever is called in between may change WSAGetLastError's. */
static void report_failure(const char *call, const char *what, int code)
{
    fprintf(stderr, "%s(%s) failed: %d %s\n", call, what, code, error_name(code));
}

/* Before any other call. 2.2 is what Windows NT 4.0, Windows 98 and all since have; a library that has less says so in
 * `wVersion`, not by failing. */
static bool start_library(void)
{
    WSADATA data;
    int code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code != 0) {
        report_failure("WSAStartup", "2.2", code);
        return false;
    }
    if (data.wVersion != MAKEWORD(2, 2)) {
        report_failure("WSAStartup", "2.2", WSAVERNOTSUPPORTED);
        WSACleanup();
        return false;
    }
    return true;
}

/* After all sockets are closed: those that are still open are reset here. */
static bool stop_library(void)
{
    if (WSACleanup() == SOCKET_ERROR) {
        report_failure("WSACleanup", "", WSAGetLastError());
        return false;
    }
    return true;
}

/* Writes `ADDRESS:PORT`, as a number: asking for its name could take longer than the connection. */
static void name_of(const struct sockaddr *address, int length, char *name, size_t size)
{
    char host[NI_MAXHOST], port[NI_MAXSERV];
    int code = getnameinfo(address, (socklen_t)length, host, sizeof host, port, sizeof port,
                           NI_NUMERICHOST | NI_NUMERICSERV);
    if (code != 0) {
        snprintf(name, size, "an address");
    } else if (address->sa_family == AF_INET6) {
        snprintf(name, size, "[%s]:%s", host, port);
    } else {
        snprintf(name, size, "%s:%s", host, port);
    }
}

/* Sends all of it. `send` may take a part and says how much: SD_SEND before the rest was sent would
 * end the stream in the middle. */
static bool send_all(SOCKET socket, const char *bytes, size_t length, const char *to)
{
    while (length > 0) {
        int piece = length < BUFFER_BYTES ? (int)length : BUFFER_BYTES;
        int sent = send(socket, bytes, piece, 0);
        if (sent == SOCKET_ERROR) {
            report_failure("send", to, WSAGetLastError());
            return false;
        }
        bytes += sent;
        length -= (size_t)sent;
    }
    return true;
}

/* Our FIN follows the last byte that was sent; we go on to receive. Never SD_BOTH or SD_RECEIVE before
 * the peer has ended its side: what arrives after that resets the connection. */
static bool half_close(SOCKET socket, const char *to)
{
    if (shutdown(socket, SD_SEND) == SOCKET_ERROR) {
        report_failure("shutdown", to, WSAGetLastError());
        return false;
    }
    return true;
}

static bool close_socket(SOCKET socket, const char *to)
{
    if (closesocket(socket) == SOCKET_ERROR) {
        report_failure("closesocket", to, WSAGetLastError());
        return false;
    }
    return true;
}

/* A number in digits alone, from `least` to `most`. For a port too: getaddrinfo would take a service's
 * name as well, and say WSATYPE_NOT_FOUND of a number that was mistyped. */
static bool read_number(const char *text, unsigned long least, unsigned long most, unsigned long *number)
{
    if (*text == '\0' || strlen(text) > 9 || strspn(text, "0123456789") != strlen(text)) {
        return false;
    }
    *number = strtoul(text, NULL, 10);
    return *number >= least && *number <= most;
}

static bool is_port(const char *text)
{
    unsigned long port;
    return read_number(text, 0, 65535, &port);
}

/* Anywhere on the command line: who asks for help wants nothing done. */
static bool asks_for_help(int count, char **arguments)
{
    for (int at = 1; at < count; at++) {
        if (strcmp(arguments[at], "--help") == 0 || strcmp(arguments[at], "-h") == 0) {
            return true;
        }
    }
    return false;
}

/* Leaves bytes and line breaks as they are, which Windows would change on the way in and out. */
static void leave_bytes_alone(void)
{
    _setmode(_fileno(stdin), _O_BINARY);
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
}

#endif
