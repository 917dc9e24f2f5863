//! The close: half-close, everything that still comes to stdout, until the peer's FIN.

use std::time::Duration;

use finwait::{Closer, FinishOn, Limits};

use super::link::{CLOSER, Link};
use super::story::{Ended, Story};
use super::talk::Open;

/// What the peer has after an interrupt.
const STOP_WITHIN: Duration = Duration::from_secs(2);

pub(super) fn finish(open: Open, link: &mut Link) -> anyhow::Result<Story> {
    let Open {
        stream,
        unsent,
        sent,
        received,
        connect,
        talk,
    } = open;
    let unsent_bytes = unsent.len() as u64;
    let mut closer = Closer::new(CLOSER, limits(link.timeout), link.now()).max_draining(1);
    closer.finish(link.poll.registry(), stream, unsent, link.now());
    let mut before = link.stdout.written;
    let (mut received, mut stopping) = (received, false);
    loop {
        if link.is_interrupted() && !std::mem::replace(&mut stopping, true) {
            let now = link.now();
            closer.stop(now + STOP_WITHIN, now);
        }
        let (now, stdout) = (link.now(), &mut link.stdout);
        closer.turn_with(now, |_, chunk| stdout.write(chunk));
        received += stdout.written - before;
        before = stdout.written;
        let story = |ended, delivered, sent, report| Story {
            ended,
            delivered,
            sent,
            received,
            connect,
            talk,
            report,
        };
        if let Some(error) = link.stdout.error.take() {
            let unknown = finwait::Delivered::Unknown;
            return Ok(story(Ended::Stdout(error), unknown, sent, None));
        }
        if let Some(finished) = closer.poll_finished() {
            let report = finished.report;
            let sent = sent + unsent_bytes - report.unwritten_bytes;
            let ended = if link.is_interrupted() {
                Ended::Interrupted
            } else {
                Ended::Closed
            };
            return Ok(story(ended, report.delivered(), sent, Some(report)));
        }
        let wait = closer.poll_timeout(link.now());
        link.wait(wait)?;
        let now = link.now();
        for event in &link.events {
            closer.handle(event, now);
        }
    }
}

/// Patient with a peer that thinks, or takes slowly; and proof of delivery, if there can be any.
fn limits(timeout: Duration) -> Limits {
    Limits {
        flush_stall: timeout,
        drain_idle: timeout,
        finish_on: FinishOn::PeerFinAndAcked { confirm: timeout },
        ..Limits::for_response()
    }
}
