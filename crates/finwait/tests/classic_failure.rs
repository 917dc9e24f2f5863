//! The classic failure, with its control: a server answers 4 MB and closes while bytes of the
//! client are unread in its receive buffer. The kernel then sends RST instead of FIN and drops what
//! it has not sent (RFC 2525 section 2.17), and the client loses most of the answer.

#![cfg(feature = "mio")]
#![expect(
    clippy::disallowed_methods,
    reason = "a test drives its own loop and reads the clock for it"
)]

use std::io::{ErrorKind, Write};
use std::net::TcpStream;

use finwait::{Delivered, Ending, Fin};

#[expect(dead_code, reason = "the endings need more of it")]
mod common;

use common::{Driver, Peer, fill, if_told, pair, patient, read_all, tells};

const ANSWER_BYTES: usize = 4 << 20;
const UNREAD: &[u8] = b"fifty bytes that the server will not have read....";

/// A server's socket in whose receive buffer the client's bytes are, and the client.
fn server_with_unread_bytes() -> (TcpStream, TcpStream) {
    let (server, mut client) = pair();
    client.write_all(UNREAD).expect("a connection");
    let mut seen = [0; 64];
    let here = server.peek(&mut seen).expect("the client's bytes");
    assert!(here > 0);
    (server, client)
}

#[test]
fn control_a_plain_close_loses_the_answer() {
    let (server, client) = server_with_unread_bytes();
    // As much of the answer as the kernel takes; it would gladly take the rest later.
    let written = fill(&server);
    drop(server);
    // Only now does the client begin to read: everything that was to come is here.
    let (bytes, error) = read_all(&client);
    assert_eq!(error, Some(ErrorKind::ConnectionReset));
    assert!(
        (bytes as u64) < written && bytes < ANSWER_BYTES,
        "of {written} bytes written the client has {bytes}"
    );
    println!(
        "control: of {written} bytes that write() took, the client read {bytes}, then a reset"
    );
}

#[test]
fn with_a_teardown_every_byte_arrives_and_the_report_says_so() {
    let (server, client) = server_with_unread_bytes();
    let mut driver = Driver::new(patient());
    driver.close(server, vec![7; ANSWER_BYTES]);
    // The client is slow to begin, as in the control: the buffers are full before it does.
    driver.turn();
    let client = Peer::plays(move || read_all(&client));
    let report = driver.finished().report;
    assert_eq!(
        client.done(),
        (ANSWER_BYTES, None),
        "every byte, and a clean EOF"
    );
    assert_eq!(report.delivered(), if_told(Delivered::Yes));
    assert_eq!(report.unwritten_bytes, 0);
    assert_eq!(report.discarded_bytes, UNREAD.len() as u64);
    assert!(report.peer_fin && report.error.is_none());
    if tells().fin_acked {
        assert_eq!((report.ending, report.fin), (Ending::Graceful, Fin::Acked));
        assert_eq!(report.unacknowledged_bytes, Some(0));
    } else {
        assert_eq!((report.ending, report.fin), (Ending::PeerFin, Fin::Unknown));
    }
}
