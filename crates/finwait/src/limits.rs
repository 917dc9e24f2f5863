//! What bounds a teardown.

use std::time::Duration;

/// What bounds a teardown, and when it counts as finished.
///
/// Every bound is a [`Duration`] or a number of bytes; an absent one (`None`) is a choice that the
/// caller makes and answers for. Bounds keep microseconds up to 35 minutes and milliseconds above;
/// no teardown lasts longer than 24 days.
///
/// ```
/// use std::time::Duration;
/// use finwait::Limits;
///
/// let patient = Limits { drain_idle: Duration::from_secs(20), ..Limits::default() };
/// assert_eq!(patient.drain_total, Some(Duration::from_secs(30)));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The longest time without progress while unsent bytes are flushed. Default: 10 s.
    ///
    /// Progress is a byte that the peer acknowledged where the OS tells, else a byte that the OS
    /// took from us. A clock on writes alone cuts a slow but live reader, because a send buffer of
    /// megabytes can take longer than any sane bound to make room again. Where acknowledgements
    /// are asked for, that happens every quarter of this bound, so the end comes at most a quarter
    /// late.
    pub flush_stall: Duration,
    /// The longest time for the whole flush. Default: none, since a large response to a slow
    /// reader may take any time, and `flush_stall` already ends a peer that takes nothing.
    pub flush_total: Option<Duration>,
    /// The longest time without progress while draining: no byte received and, where the OS
    /// tells, none of ours acknowledged. Default: 5 s, the common value among servers. As with
    /// `flush_stall`, the end comes at most a quarter late where acknowledgements are asked for. Of a
    /// stream that is thrown away the last bytes may count 10 ms late (see `Closer`).
    pub drain_idle: Duration,
    /// The longest time from our FIN to the end. Default: 30 s, which a slow uploader needs to
    /// notice the response and which keeps a dripping peer from holding the socket for ever.
    pub drain_total: Option<Duration>,
    /// How many received bytes are discarded before [`on_limit`](Self::on_limit) applies; bytes
    /// that are delivered to the caller do not count. Default: 8 MiB, far above what is in flight
    /// when a server answers early, far below what an attacker would like to make us read.
    pub drain_bytes: Option<u64>,
    /// What is done when `drain_bytes` is reached. Default: [`OnLimit::PauseAndConfirm`] with a
    /// grace of 250 ms.
    pub on_limit: OnLimit,
    /// What is done when a deadline passes. Default: [`OnDeadline::Close`].
    pub on_deadline: OnDeadline,
    /// When the teardown counts as finished. Default: [`FinishOn::PeerFin`].
    pub finish_on: FinishOn,
}

impl Limits {
    /// For a client that receives its response after its half-close: patient with a server that
    /// thinks before it answers (30 s idle) and without a bound on the whole response.
    ///
    /// A peer that drips one byte every 29 s holds such a teardown for ever; set
    /// [`drain_total`](Self::drain_total) where that matters.
    #[must_use]
    pub fn for_response() -> Self {
        Self {
            drain_idle: Duration::from_secs(30),
            drain_total: None,
            ..Self::default()
        }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            flush_stall: Duration::from_secs(10),
            flush_total: None,
            drain_idle: Duration::from_secs(5),
            drain_total: Some(Duration::from_secs(30)),
            drain_bytes: Some(8 << 20),
            on_limit: OnLimit::PauseAndConfirm {
                grace: Duration::from_millis(250),
            },
            on_deadline: OnDeadline::Close,
            finish_on: FinishOn::PeerFin,
        }
    }
}

/// What is done when the limit of discarded bytes is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnLimit {
    /// Stop reading, let the receive window close, wait until our FIN is acknowledged plus a
    /// grace, then close. The peer's TCP then has everything we wrote.
    ///
    /// The close sends an RST because bytes are left unread (RFC 2525 section 2.17). On Linux the
    /// peer's application can still read what was acknowledged before; elsewhere a reset may
    /// discard what it has not read yet, hence the grace.
    PauseAndConfirm {
        /// How long to wait after the acknowledgement of our FIN.
        grace: Duration,
    },
    /// Abort: RST at once, unsent bytes dropped.
    Abort,
}

/// What is done when a deadline passes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnDeadline {
    /// Release the descriptor. The kernel goes on sending what is queued, and picks FIN or RST by
    /// what was left unread.
    Close,
    /// Abort: RST, unsent bytes dropped, no TIME-WAIT.
    Abort,
}

/// When a teardown counts as finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FinishOn {
    /// The peer's FIN was read. Whether ours was acknowledged by then is asked once and reported,
    /// not waited for.
    PeerFin,
    /// Our FIN was acknowledged, or the peer's FIN was read and ours acknowledged: the second
    /// legitimate end that RFC 9112 section 9.6 names. Where the OS cannot tell, this behaves as
    /// [`FinishOn::PeerFin`].
    Acked {
        /// How long to go on receiving after the acknowledgement. The peer's *application* has not
        /// read our last bytes when its TCP acknowledges them, and an RST may discard them there.
        grace: Duration,
    },
    /// Both: the peer's FIN, and the acknowledgement of ours, as proof of delivery. Where the OS cannot
    /// tell of it (Windows before Windows 10 1703, Wine), this ends as [`FinishOn::PeerFin`] does, and
    /// the report says so.
    PeerFinAndAcked {
        /// How long to wait for the acknowledgement after the peer's FIN.
        confirm: Duration,
    },
}
