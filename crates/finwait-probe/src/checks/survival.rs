//! Does the whole response survive the close?

mod delivery;
mod late_bytes;

use crate::check::{Check, Cost, Level, LooksFor, Needs, Severity};
use crate::probe::MOST_TO_BE_READY;
use crate::target::Resource;

/// As much as measuring the big response may have cost: a few more of it are within bounds.
const BIG_BYTES: u64 = 256 << 20;
/// Each trial may take a second look at a response whose end cannot be told.
const fn big(trials: u32) -> Cost {
    Cost {
        connections: 2 * trials + MOST_TO_BE_READY,
        at_once: 2,
        bytes: BIG_BYTES,
    }
}

/// Of a response that is small, where each takes no time.
const TRIALS: u32 = 20;
const FEW_TRIALS: u32 = 3;
/// Of big responses, two for each number of bytes behind the request.
const BIG_TRIALS: u32 = 4;
/// To come to a response that ends with a FIN.
const MOST_TRIES: u32 = 10;

const NEEDS_BIG: Needs = Needs {
    big: true,
    ..Needs::NONE
};

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "survival/1",
        title: "the server closes while we pause",
        severity: Severity::Critical,
        level: Level::Should,
        reference: "RFC 9293, 3.6; RFC 9112, 9.6",
        demand: "What was sent before the close is delivered reliably, and then the FIN.",
        does: "Asks for a big response and its close, reads nothing for a second, then all, its end slowly; twice.",
        harm: "Downloads end early for whoever reads slowly; without a length nobody notices.",
        remedy: "no SO_LINGER of 0 where all is well; HAProxy: no option nolinger; nginx: reset_timedout_connection off; own server: half-close, read to the end, close",
        // A big response that is never whole is for this check to tell.
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: big(2),
        run: delivery::while_paused,
    },
    Check {
        id: "survival/2",
        title: "bytes left unread, small response",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.6; RFC 9293, 3.6.1; RFC 2525, 2.17",
        demand: "So that no RST erases the last response: half-close, read on until the client closes, close.",
        does: "Sends 10 or 60 KiB more right behind a request that closes, and reads a moment later; 20 times.",
        harm: "The RST can overtake the response: on some networks a reset comes instead of an answer.",
        remedy: "nginx: lingering_close on or always; Python http.server: read rfile to its end first; own server: half-close, read and discard within a time, close",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: big(TRIALS),
        run: |probe| delivery::with_bytes_left_unread(probe, Resource::Plain, TRIALS),
    },
    Check {
        id: "survival/3",
        title: "bytes left unread, big response",
        severity: Severity::Critical,
        level: Level::Should,
        reference: "RFC 9112, 9.6; RFC 9293, 3.6.1; RFC 2525, 2.17",
        demand: "A full close at once may cost the client the last response; servers close in stages.",
        does: "Sends 10 or 60 KiB more right behind a request for a big response, and reads it a moment later; 4 times.",
        harm: "Who sends a few bytes too many loses the end of a large response.",
        remedy: "nginx: lingering_close always; HAProxy: a server that lingers in front of it; own server: half-close, read and discard within a time, close",
        needs: NEEDS_BIG,
        looks_for: LooksFor::CLOSING,
        most: big(BIG_TRIALS),
        run: |probe| delivery::with_bytes_left_unread(probe, Resource::Big, BIG_TRIALS),
    },
    Check {
        id: "survival/4",
        title: "a late byte after the server's FIN",
        severity: Severity::Low,
        level: Level::Info,
        reference: "RFC 9112, 9.6; RFC 9293, 3.6.1",
        demand: "The server reads on until the client closes, or has acknowledged the last response.",
        does: "Reads a response and the FIN behind it, and then sends two more bytes; 3 times.",
        harm: "Who still sends when the response comes sees a reset; harmless if it was read before.",
        remedy: "nginx: lingering_close always; own server: wait for the client's FIN, within a time",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(FEW_TRIALS * MOST_TRIES + MOST_TO_BE_READY),
        run: late_bytes::taken_at_all,
    },
    Check {
        id: "survival/5",
        title: "how long late bytes are taken",
        severity: Severity::Medium,
        level: Level::Info,
        reference: "RFC 9112, 9.6",
        demand: "No length is set: reading on ends with the client's close or its acknowledgement.",
        does: "After the server's FIN sends a byte each 10 ms until an RST, for 5 s; for a minute if slow.",
        harm: "Too short loses responses on slow paths; too long lets careless clients hold sockets.",
        remedy: "nginx: lingering_time, lingering_timeout; own server: a bound on each pause, and on all",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: Cost::one_by_one(FEW_TRIALS * MOST_TRIES + MOST_TO_BE_READY),
        run: late_bytes::for_how_long,
    },
    Check {
        id: "survival/6",
        title: "half a minute to read it all",
        severity: Severity::High,
        level: Level::Should,
        reference: "RFC 9293, 3.6 and 3.8.6.1",
        demand: "What was sent before the close is delivered; a zero window is no reason to give up.",
        does: "Asks for a big response and its close, reads nothing for 10 s, and takes 20 s for the rest.",
        harm: "Clients on slow links, or that pause a download, lose the end of large responses.",
        remedy: "no short SO_LINGER; nginx: send_timeout; lighttpd: server.max-write-idle; Apache: Timeout; Linux: net.ipv4.tcp_orphan_retries",
        needs: Needs {
            slow: true,
            ..NEEDS_BIG
        },
        looks_for: LooksFor::CLOSING,
        most: big(1),
        run: delivery::to_a_slow_reader,
    },
    Check {
        id: "survival/7",
        title: "an RST behind the FIN",
        severity: Severity::Medium,
        level: Level::Should,
        reference: "RFC 9112, 9.6; RFC 9293, 3.6",
        demand: "No RST belongs to a normal exchange: half-close, wait for the client, close.",
        does: "A request that closes, and 100 ms more after the FIN; 20 times.",
        harm: "Most clients never see it; proxies and load balancers count it as an error.",
        remedy: "read to the client's end before the close; HAProxy: no option nolinger; no SO_LINGER of 0",
        needs: Needs::NONE,
        looks_for: LooksFor::CLOSING,
        most: big(TRIALS),
        run: delivery::behind_the_fin,
    },
];
