//! What may be said of a connection, and what its peer had.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;

use finwait::{Clock, Delivered, Ending, Phase, Report};

use crate::common::tells;

pub(crate) const fn timed_out(phase: Phase, clock: Clock) -> Ending {
    Ending::TimedOut { phase, clock }
}

pub(crate) const fn reset(phase: Phase, after_fin: bool) -> Ending {
    Ending::Reset { phase, after_fin }
}

pub(crate) const FLUSH_IDLE: Ending = timed_out(Phase::Flush, Clock::Idle);
pub(crate) const FLUSH_TOTAL: Ending = timed_out(Phase::Flush, Clock::Total);
pub(crate) const DRAIN_IDLE: Ending = timed_out(Phase::Drain, Clock::Idle);
pub(crate) const DRAIN_TOTAL: Ending = timed_out(Phase::Drain, Clock::Total);
pub(crate) const CONFIRM: Ending = timed_out(Phase::Confirm, Clock::Confirm);

/// An ending that a fault may have, and why it is true.
pub(crate) type Allowed = (Ending, &'static str);

pub(crate) fn ends_so(report: &Report, allowed: &[Allowed]) -> bool {
    let mut here = allowed.iter().map(|&(ending, _)| as_told(ending));
    here.any(|ending| ending == report.ending)
}

/// The report has one of these endings. Each stands with its reason, which a failure shows.
#[track_caller]
pub(crate) fn is_one_of(report: &Report, allowed: &[Allowed]) {
    let here: Vec<Allowed> = allowed.iter().map(|&(e, why)| (as_told(e), why)).collect();
    assert!(
        ends_so(report, allowed),
        "{report:#?}\nis none of {here:#?}"
    );
}

/// Both FINs seen, and ours acknowledged: of a peer that closes once it has read our FIN, because its
/// own acknowledges ours.
#[track_caller]
pub(crate) fn is_graceful(report: &Report, why: &'static str) {
    is_one_of(report, &[(Ending::Graceful, why)]);
}

/// Where the system does not tell of acknowledgements, what hangs on them ends otherwise.
fn as_told(ending: Ending) -> Ending {
    match ending {
        _ if tells().fin_acked => ending,
        Ending::Graceful | CONFIRM => Ending::PeerFin,
        Ending::Acked => DRAIN_IDLE,
        other => other,
    }
}

/// The same for what was delivered: never more than the system tells.
#[track_caller]
pub(crate) fn says(report: &Report, delivered: Delivered) {
    let told = tells().fin_acked || delivered == Delivered::No;
    let wanted = if told { delivered } else { Delivered::Unknown };
    assert_eq!(report.delivered(), wanted, "{report:#?}");
}

/// What a peer had in the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Had {
    pub(crate) bytes: usize,
    /// Or else an error.
    pub(crate) eof: bool,
}

/// Reads to the end, and closes.
pub(crate) fn read_all(mut theirs: TcpStream) -> Had {
    let mut buffer = [0; 64 << 10];
    let mut bytes = 0;
    loop {
        match theirs.read(&mut buffer) {
            Ok(0) => return Had { bytes, eof: true },
            Ok(n) => bytes += n,
            // Linux does not go on with a read that has a timeout, not even where no handler ran. To
            // leave then would be to close before our FIN.
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) if e.kind() == ErrorKind::WouldBlock => panic!("no end after {bytes} bytes"),
            Err(_) => return Had { bytes, eof: false },
        }
    }
}

/// Nothing in the report is more than what the peer had, who read to the end.
#[track_caller]
pub(crate) fn agrees(report: &Report, had: Had, all: usize) {
    match report.delivered() {
        Delivered::Yes => assert_eq!(had.bytes, all, "{report:#?}"),
        Delivered::No => assert!(had.bytes < all, "{had:?} {report:#?}"),
        Delivered::Unknown => {}
    }
    if matches!(report.ending, Ending::Graceful | Ending::Acked) {
        let whole = Had {
            bytes: all,
            eof: true,
        };
        assert_eq!(had, whole, "{report:#?}");
    }
}
