//! Clients that vanish, reset or do not wait: is everybody else still served?

mod aftermath;
mod crowd;
mod rudeness;

use crate::check::{Check, Cost, Level, LooksFor, Needs, Severity};
use crate::probe::MOST_TO_BE_READY;

/// How often it is done.
const TIMES: u32 = 10;
/// Of those that are to come faster than a server accepts.
const BURST: u32 = 32;
/// Pairs of a client that is reset and one that asks.
const PAIRS: u32 = 20;
/// At a time, where a server has no room for so many.
const FEW_PAIRS: u32 = 4;
/// Clients that close at the same time.
const CROWD: u32 = 64;
/// Only if storms are wanted.
const LARGE_CROWD: u32 = 1_000;
const STORM_OF_BURSTS: u32 = 64;

/// And the requests before and after it, which may be large: as much as measuring them.
const fn with_requests(times: u32, at_once: u32) -> Cost {
    Cost {
        connections: times + aftermath::MOST_CONNECTIONS,
        at_once,
        bytes: 256 << 20,
    }
}

const NOT_DEMANDED: Level = Level::Info;

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "abort/1",
        title: "connect, close",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9112, 9.3.1: be ready for a close at any time)",
        demand: "A connection can be closed at any time; that is no matter for others.",
        does: "Connects and closes at once, 10 times, and then asks 10 times.",
        harm: "A port scan or a health check takes the service down for everyone.",
        remedy: "own server: take a read of 0 before the first byte as normal, close, go on accepting",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(TIMES, 1),
        run: |probe| aftermath::of(probe, TIMES, rudeness::close_at_once),
    },
    Check {
        id: "abort/2",
        title: "connect, RST",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.5.3: a reset ends its own connection)",
        demand: "A reset ends the connection that it came on, and nothing else.",
        does: "Connects and resets at once, 10 times, and then asks 10 times.",
        harm: "Load balancers that check health by connect and RST hurt the server each time.",
        remedy: "own server: ECONNRESET and ENOTCONN, of any call, end that connection only; HAProxy's side: tcp-check connect linger",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(TIMES, 1),
        run: |probe| aftermath::of(probe, TIMES, rudeness::reset_at_once),
    },
    Check {
        id: "abort/3",
        title: "RST before it is accepted",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (POSIX accept(): ECONNABORTED)",
        demand: "A connection that died in the queue is one error of accept(); the listener stays.",
        does: "Resets 32 connections, each as soon as it is established, and then asks 10 times.",
        harm: "One burst of resets ends or blocks the accept loop, and nobody gets in any more.",
        remedy: "own server: go on after ECONNABORTED and EPROTO, wait after EMFILE; accept without blocking",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(BURST, BURST),
        run: |probe| aftermath::of(probe, 1, rudeness::burst),
    },
    Check {
        id: "abort/4",
        title: "RST in mid-request",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.5.3: a reset ends its own connection)",
        demand: "An incomplete request needs no answer, and its reset hurts nobody else.",
        does: "Sends half a request and resets, at once or a moment later, 10 times, and then asks 10 times.",
        harm: "Cancelled uploads leave threads or files behind until the server gives in.",
        remedy: "own server: at ECONNRESET drop the request and what it holds; nginx: client_body_timeout; Apache: RequestReadTimeout",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(TIMES, 1),
        run: |probe| aftermath::of(probe, TIMES, rudeness::reset_in_the_request),
    },
    Check {
        id: "abort/5",
        title: "RST in mid-response",
        severity: Severity::Critical,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.5.3; POSIX write(): EPIPE, SIGPIPE)",
        demand: "A reset while sending ends that connection, and its writer is told.",
        does: "Resets in the middle of a big response, 10 times, and then asks 10 times.",
        harm: "A user who cancels a download kills the process or a worker, and everybody's requests.",
        remedy: "own server: ignore SIGPIPE, take EPIPE and ECONNRESET as the end of the connection; Node: handle 'error' of sockets and responses",
        needs: Needs {
            big: true,
            ..Needs::NONE
        },
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(TIMES, 1),
        run: |probe| aftermath::of(probe, TIMES, rudeness::reset_in_the_response),
    },
    Check {
        id: "abort/6",
        title: "close() with the response unread",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.6.1: the client's TCP resets)",
        demand: "Who closes with bytes unread makes its TCP reset; the server has to live with it.",
        does: "Asks, and closes without reading the response, 10 times, and then asks 10 times.",
        harm: "Every tab closed early costs the server a worker, or looks like an error of it.",
        remedy: "as abort/5; own server: EPOLLERR and EPOLLHUP of one socket end that one only",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(TIMES, 1),
        run: |probe| aftermath::of(probe, TIMES, rudeness::close_unread),
    },
    Check {
        id: "abort/7",
        title: "resets beside others' requests",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.5.3: a reset ends its own connection)",
        demand: "A reset ends the connection that it is valid for, no other.",
        does: "Resets 20 connections in the middle of 20 requests on others, which are all to be answered.",
        harm: "One client's crash turns into failed requests of others.",
        remedy: "own server: no error state that connections share; do not use a descriptor after its close, also not for events that were fetched before",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(8 * PAIRS + 4 * FEW_PAIRS + MOST_TO_BE_READY, 2 * PAIRS),
        run: crowd::resets_beside_requests,
    },
    Check {
        id: "abort/8",
        title: "64 clients close at once",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.5",
        demand: "Servers watch for the peer's close all the time, and answer it.",
        does: "Half-closes 64 connections at the same time, idle ones and answered ones, and waits for each FIN.",
        harm: "After a restart of a load balancer CLOSE-WAIT sockets hold the server's descriptors.",
        remedy: "own server: handle all events of a turn, close at a read of 0, do nothing that blocks; nginx: worker_connections; HAProxy: timeout client-fin",
        needs: Needs::NONE,
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(CROWD, CROWD),
        run: |probe| crowd::all_close_at_once(probe, CROWD),
    },
    Check {
        id: "abort/9",
        title: "a storm of resets",
        severity: Severity::High,
        level: NOT_DEMANDED,
        reference: "none (RFC 9293, 3.5.3: a reset ends its own connection)",
        demand: "A reset ends the connection that it is valid for, no other.",
        does: "As abort/3, 64 times: 2,048 connections in bursts of 32, each reset when it is established.",
        harm: "What a few resets do not show - a descriptor lost with each, a slow error path - takes the server down.",
        remedy: "own server: go on accepting after every error of accept and of a dead connection; count descriptors before and after",
        needs: Needs {
            storm: true,
            ..Needs::NONE
        },
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(STORM_OF_BURSTS * BURST, BURST),
        run: |probe| aftermath::of(probe, STORM_OF_BURSTS, rudeness::burst),
    },
    Check {
        id: "abort/10",
        title: "1,000 clients close at once",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9112, 9.5",
        demand: "Servers watch for the peer's close all the time, and answer it.",
        does: "As abort/8, with 1,000 connections.",
        harm: "After a restart of a load balancer CLOSE-WAIT sockets hold the server's descriptors.",
        remedy: "own server: handle all events of a turn, close at a read of 0, do nothing that blocks; nginx: worker_connections; HAProxy: timeout client-fin",
        needs: Needs {
            storm: true,
            ..Needs::NONE
        },
        looks_for: LooksFor::SURVIVAL,
        most: with_requests(LARGE_CROWD, LARGE_CROWD),
        run: |probe| crowd::all_close_at_once(probe, LARGE_CROWD),
    },
];
