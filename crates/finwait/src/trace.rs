//! A span per teardown and an event per phase change, with the feature `tracing`.

use finwait_platform::describe_error;
use tracing::field::display;
use tracing::{Level, Span, event, span};

use crate::report::{Phase, Report};
use crate::teardown::Receive;

/// One teardown's span, entered only where something is said, so that nothing is held across
/// turns.
#[derive(Debug)]
pub(crate) struct Trace {
    span: Span,
    phase: Phase,
}

impl Trace {
    pub(crate) fn start(index: usize, unsent: usize, receive: Receive, phase: Phase) -> Self {
        let span = span!(
            Level::DEBUG,
            "teardown",
            id = index,
            unsent_bytes = unsent,
            ?receive
        );
        Self { span, phase }
    }

    pub(crate) fn phase(&mut self, phase: Phase) {
        if phase != self.phase {
            event!(parent: &self.span, Level::TRACE, from = %self.phase, to = %phase, "phase");
            self.phase = phase;
        }
    }

    pub(crate) fn finished(&self, report: &Report) {
        let error = report
            .error
            .map(|error| display(describe_error(&error.into())));
        event!(
            parent: &self.span,
            Level::DEBUG,
            ending = %report.ending,
            error,
            received_bytes = report.received_bytes,
            unwritten_bytes = report.unwritten_bytes,
            unacknowledged_bytes = report.unacknowledged_bytes,
            delivered = ?report.delivered(),
            total_us = report.total().as_micros() as u64,
            "finished"
        );
    }
}
