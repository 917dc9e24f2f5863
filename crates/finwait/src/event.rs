//! What the machine asks for, and what it is told.

use std::time::Instant;

use crate::report::{Operation, OsError};

/// What to do next for one teardown. Each action but [`Wait`](Action::Wait) and
/// [`Finished`](Action::Finished) is answered by exactly one [`Event`], named with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Write unsent bytes, any number of them.
    ///
    /// Answer: [`Event::Written`], [`Event::WriteBlocked`], or [`Event::Failed`].
    Write,
    /// `shutdown` of the write side, once.
    ///
    /// Answer: [`Event::HalfClosed`], [`Event::NotConnected`], or [`Event::Failed`].
    HalfClose,
    /// Receive into a buffer that is not empty: a read of length 0 looks like the peer's FIN.
    ///
    /// Answer: [`Event::Received`], [`Event::ReceivedFin`], [`Event::ReceiveBlocked`], or
    /// [`Event::Failed`].
    Receive,
    /// Take the pending error (SO_ERROR). Taking clears it, so it is asked only where the answer
    /// is needed and never dropped.
    ///
    /// Answer: [`Event::PendingError`], or [`Event::Failed`].
    AskError,
    /// Ask the OS whether our FIN is acknowledged, and how many bytes are not.
    ///
    /// Answer: [`Event::Ack`].
    AskAck,
    /// Ask how many received bytes are unread.
    ///
    /// Answer: [`Event::Unread`].
    AskUnread,
    /// Nothing can be done before readiness, or before this time.
    ///
    /// Ask again at or after `until` (with no `until` only readiness can change anything), and
    /// after each [`Event::Readable`] or [`Event::Writable`].
    Wait {
        /// When to ask again at the latest.
        until: Option<Instant>,
    },
    /// Release the descriptor.
    ///
    /// Answer: [`Event::Closed`].
    Close,
    /// Arm the RST (SO_LINGER with zero), then release the descriptor.
    ///
    /// Answer: [`Event::Closed`], with an [`Event::Failed`] before it if arming failed.
    Abort,
    /// Over: [`Teardown::report`](crate::Teardown::report) has the result.
    Finished,
}

/// What happened: an answer to an [`Action`], a hint of readiness, or the caller's wish.
///
/// # Answers
///
/// A driver tells what it has done, once, and nothing else: there is no check of its honesty. Besides
/// the answer to what [`Teardown::poll`](crate::Teardown::poll) asks for now, those to the other
/// things that a phase asks for are taken while it lasts, and believed:
///
/// | [`Phase`](crate::Phase) | answers to these are taken, whichever of them is asked for now |
/// |---|---|
/// | `Flush` | [`Action::Write`], [`Action::Receive`], [`Action::AskAck`] |
/// | `Drain` | [`Action::Receive`], [`Action::AskAck`]; past the byte limit [`Action::AskError`], [`Action::AskAck`] |
/// | `Confirm` | [`Action::AskError`], [`Action::AskAck`] |
/// | `HalfClose`, `Close` | only to the one that is asked for |
/// | `Finished` | none |
///
/// That is the most: where a phase has come to its last call, as after a write that failed, only its
/// answer is taken. All other answers are ignored. [`Failed`](Self::Failed) is taken in every phase
/// but `Finished`, whichever operation it names: until `Close` it ends the connection, and in `Close`
/// it is the answer to what is asked for.
///
/// # Hints and wishes
///
/// [`Readable`](Self::Readable) and [`Writable`](Self::Writable) may come at any time. One that is
/// early, doubled, stale or for nothing costs a look and changes nothing else; one that is late makes
/// the look late. Of one that is lost, with none after it, nothing is known: what lay there may stay
/// unseen, and a clock ends the teardown instead.
///
/// [`Stop`](Self::Stop), [`Abort`](Self::Abort) and [`Evict`](Self::Evict) are obeyed in every phase
/// before `Close`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A hint: receiving may succeed, or an error or the peer's FIN may be there.
    Readable,
    /// A hint: writing may succeed, or our FIN may have been acknowledged.
    Writable,
    /// This many bytes were written, at least one.
    Written {
        /// How many.
        bytes: usize,
    },
    /// Writing would block.
    WriteBlocked,
    /// The write side was shut.
    HalfClosed,
    /// `shutdown` said ENOTCONN: the connection is gone, or never was.
    NotConnected,
    /// This many bytes were received, at least one.
    Received {
        /// How many.
        bytes: usize,
    },
    /// A read of more than zero bytes returned 0.
    ReceivedFin,
    /// Receiving would block.
    ReceiveBlocked,
    /// The pending error, if there was one.
    PendingError(Option<OsError>),
    /// What the OS knows of the peer's acknowledgements.
    Ack {
        /// Whether our FIN is acknowledged.
        fin: Acknowledged,
        /// Payload bytes that the OS took and the peer has not acknowledged, our FIN not counted.
        unacknowledged: Option<u64>,
    },
    /// How many received bytes are unread, if the OS tells.
    Unread(Option<u64>),
    /// An operation failed with this error, which is not "would block" and not "interrupted".
    Failed(Operation, OsError),
    /// The descriptor was released.
    Closed,
    /// The caller wants an end by this time. Only ever shortens.
    Stop(Instant),
    /// The caller wants an RST now.
    Abort,
    /// The caller needs the room.
    Evict,
}

/// Whether our FIN is acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Acknowledged {
    /// It is, and with it every byte before it.
    Yes,
    /// Not so far.
    No,
    /// The OS cannot tell.
    Unknown,
}
