/* The recipe's client: connect, send a line, half-close, receive until the server has closed.
 *
 *     client [NAME [PORT [TEXT]]]
 *
 * TEXT is sent with a line break after it; `-` sends standard input as it is. What is received goes to
 * standard output, and after it a line with the number of bytes. The exit code is 0 only if the ending
 * was graceful: everything was sent, and the server's FIN was received, with no error before it. */
#include "common.h"

static const char USAGE[] = "usage: client [NAME [PORT [TEXT]]]; PORT is a number up to 65535, TEXT - is standard input\n";
static const char HELP[] =
    "\n"
    "Connects to NAME (127.0.0.1) on PORT (27015), sends TEXT and a line break, half-closes, receives until the\n"
    "server has closed, and prints what came and how many bytes it was. A failing call is told with its number and name.\n"
    "\n"
    "Exit codes: 0 everything was sent and the server's FIN received; 1 a call failed; 2 usage.\n";

#define DEFAULT_NAME "127.0.0.1"
#define DEFAULT_TEXT "every byte of this comes back"

struct text {
    char *bytes;
    size_t length;
};

static bool take_line(const char *line, struct text *text)
{
    text->length = strlen(line) + 1;
    text->bytes = malloc(text->length);
    if (text->bytes == NULL) {
        return false;
    }
    memcpy(text->bytes, line, text->length);
    text->bytes[text->length - 1] = '\n';
    return true;
}

static bool take_stdin(struct text *text)
{
    size_t room = BUFFER_BYTES;
    text->length = 0;
    text->bytes = malloc(room);
    while (text->bytes != NULL) {
        text->length += fread(text->bytes + text->length, 1, room - text->length, stdin);
        if (text->length < room) {
            /* The end, or an error, which must not pass for the end. */
            return !ferror(stdin);
        }
        room *= 2;
        char *larger = realloc(text->bytes, room);
        if (larger == NULL) {
            free(text->bytes);
        }
        text->bytes = larger;
    }
    return false;
}

/* A name may have several addresses, of which not all answer: each is tried with a socket of its own,
 * since a socket whose `connect` has failed is of no more use. */
static SOCKET connect_to(const char *name, const char *port, char *to, size_t size)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_protocol = IPPROTO_TCP};
    struct addrinfo *addresses;
    int code = getaddrinfo(name, port, &hints, &addresses);
    if (code != 0) {
        report_failure("getaddrinfo", name, code);
        return INVALID_SOCKET;
    }
    SOCKET connected = INVALID_SOCKET;
    for (struct addrinfo *at = addresses; at != NULL && connected == INVALID_SOCKET; at = at->ai_next) {
        name_of(at->ai_addr, (int)at->ai_addrlen, to, size);
        SOCKET attempt = socket(at->ai_family, at->ai_socktype, at->ai_protocol);
        if (attempt == INVALID_SOCKET) {
            report_failure("socket", to, WSAGetLastError());
        } else if (connect(attempt, at->ai_addr, (int)at->ai_addrlen) == SOCKET_ERROR) {
            report_failure("connect", to, WSAGetLastError());
            close_socket(attempt, to);
        } else {
            connected = attempt;
        }
    }
    freeaddrinfo(addresses);
    return connected;
}

/* Everything until the server's FIN, to standard output. */
static bool receive_until_closed(SOCKET socket, const char *from)
{
    char buffer[BUFFER_BYTES];
    uint64_t received = 0;
    char last = '\n';
    int length;
    while ((length = recv(socket, buffer, sizeof buffer, 0)) > 0) {
        /* A reader of ours who is gone is no reason to reset the server: we go on to its FIN. */
        fwrite(buffer, 1, (size_t)length, stdout);
        received += (uint64_t)length;
        last = buffer[length - 1];
    }
    /* Kept before anything else is called. Only the first error counts: after one, `recv` may say 0
     * (it does on Linux), and that is no FIN. */
    int code = length == SOCKET_ERROR ? WSAGetLastError() : 0;
    printf("%s%llu bytes received\n", last == '\n' ? "" : "\n", (unsigned long long)received);
    if (code != 0) {
        report_failure("recv", from, code);
    }
    return code == 0;
}

static bool converse(SOCKET socket, const struct text *text, const char *with)
{
    return send_all(socket, text->bytes, text->length, with) && half_close(socket, with) &&
           receive_until_closed(socket, with);
}

static int run(const char *name, const char *port, const struct text *text)
{
    if (!start_library()) {
        return EXIT_CALL_FAILED;
    }
    char to[NI_MAXHOST + NI_MAXSERV + 4];
    SOCKET socket = connect_to(name, port, to, sizeof to);
    bool graceful = false;
    if (socket != INVALID_SOCKET) {
        graceful = converse(socket, text, to);
        /* After an error too: what is left is the kernel's, and it knows how to end it. */
        graceful = close_socket(socket, to) && graceful;
    }
    graceful = stop_library() && graceful;
    return graceful ? EXIT_GRACEFUL : EXIT_CALL_FAILED;
}

int main(int count, char **arguments)
{
    leave_bytes_alone();
    if (asks_for_help(count, arguments)) {
        printf("%s%s", USAGE, HELP);
        return EXIT_GRACEFUL;
    }
    const char *name = count > 1 ? arguments[1] : DEFAULT_NAME;
    const char *port = count > 2 ? arguments[2] : DEFAULT_PORT;
    if (count > 4 || !is_port(port)) {
        fputs(USAGE, stderr);
        return EXIT_USAGE;
    }
    const char *argument = count > 3 ? arguments[3] : DEFAULT_TEXT;
    struct text text;
    if (strcmp(argument, "-") == 0 ? !take_stdin(&text) : !take_line(argument, &text)) {
        fprintf(stderr, "the text cannot be read, or does not fit into memory\n");
        return EXIT_CALL_FAILED;
    }
    int code = run(name, port, &text);
    free(text.bytes);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "standard output cannot be written\n");
        return EXIT_CALL_FAILED;
    }
    return code;
}
