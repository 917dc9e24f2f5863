//! An answer that is sent as the socket takes it, from text and filler, and is never held.

use std::io::IoSlice;
use std::time::{Duration, Instant};

use crate::filler::FILLER;
use crate::stop::after;
use crate::treatment::Framing;

/// What is still to be sent of one answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// A head, or what goes around chunks.
    text: Vec<u8>,
    text_sent: usize,
    /// Filler that follows the text: one chunk of it, or all.
    run: u64,
    /// Filler that was sent, so that it goes on where it stopped.
    filled: u64,
    /// Filler that comes after the run.
    left: u64,
    chunked: bool,
    /// A chunk has begun, whose line end is to be sent.
    in_chunk: bool,
    /// The last chunk is sent, or is never to be.
    last_chunk: bool,
    pace: Option<Pace>,
}

/// Filler comes in pieces.
#[derive(Debug, Clone, Copy)]
struct Pace {
    bytes: u64,
    period: Duration,
    next: Instant,
}

/// Of a chunked body: far more than its frame, and no more than a small send buffer.
const CHUNK_BYTES: u64 = 16 << 10;
/// Of many small drips the kernel's clock would make one anyway.
pub(crate) const SHORTEST_PERIOD: Duration = Duration::from_micros(1);
/// The filler's own period.
const ALPHABET: u64 = 26;

impl Answer {
    /// Text alone.
    pub(crate) fn text(text: impl Into<Vec<u8>>) -> Self {
        Self::new(text.into(), 0, Framing::Length)
    }

    /// `size` bytes of filler, delimited as `framing` says, after the text of a head.
    pub(crate) fn new(head: Vec<u8>, size: u64, framing: Framing) -> Self {
        let chunked = framing == Framing::Chunked;
        Self {
            text: head,
            text_sent: 0,
            run: 0,
            filled: 0,
            left: size,
            chunked,
            in_chunk: false,
            last_chunk: !chunked,
            pace: None,
        }
    }

    /// Only the first `percent` of the filler, and nothing that says that it is over.
    pub(crate) fn cut(mut self, percent: u8) -> Self {
        self.left = (u128::from(self.left) * u128::from(percent.min(100)) / 100) as u64;
        self.last_chunk = true;
        self
    }

    /// No more than `bytes` of filler every `period`.
    pub(crate) fn paced(mut self, bytes: u64, period: Duration, now: Instant) -> Self {
        self.pace = Some(Pace {
            bytes,
            period: period.max(SHORTEST_PERIOD),
            next: now,
        });
        self
    }

    /// When more may be sent, if that is later than `now`.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        let waits = self.text_sent == self.text.len() && self.run == 0 && self.left > 0;
        self.pace
            .map(|pace| pace.next)
            .filter(|at| waits && *at > now)
    }

    /// Whether there is nothing more to send.
    pub(crate) fn is_sent(&self) -> bool {
        self.text_sent == self.text.len()
            && self.run == 0
            && self.left == 0
            && !self.in_chunk
            && self.last_chunk
    }

    /// What can be sent next; empty only if all is sent, or it is not due.
    pub(crate) fn next(&mut self, now: Instant) -> [IoSlice<'_>; 2] {
        if self.run == 0 && self.due(now).is_none() {
            self.begin_run(now);
        }
        let text = self.text.get(self.text_sent..).unwrap_or_default();
        let from = (self.filled % ALPHABET) as usize;
        let room = (FILLER.len() - from) as u64;
        let run = &FILLER[from..][..self.run.min(room) as usize];
        [IoSlice::new(text), IoSlice::new(run)]
    }

    fn begin_run(&mut self, now: Instant) {
        let mut run = self.left;
        if let Some(pace) = &mut self.pace
            && run > 0
        {
            run = run.min(pace.bytes);
            let next = after(pace.next, pace.period);
            pace.next = if next > now {
                next
            } else {
                after(now, pace.period)
            };
        }
        if self.chunked {
            // A drip is a chunk of its own.
            if self.pace.is_none() {
                run = run.min(CHUNK_BYTES);
            }
            self.frame(run);
        }
        self.run = run;
        self.left -= run;
    }

    /// What goes between the chunk before and one of `run` bytes, of which 0 is the last.
    fn frame(&mut self, run: u64) {
        // A head that is still to be sent stays before it.
        self.text.drain(..self.text_sent);
        self.text_sent = 0;
        if std::mem::take(&mut self.in_chunk) {
            self.text.extend_from_slice(b"\r\n");
        }
        if run > 0 {
            self.text
                .extend_from_slice(format!("{run:x}\r\n").as_bytes());
            self.in_chunk = true;
        } else if !std::mem::replace(&mut self.last_chunk, true) {
            self.text.extend_from_slice(b"0\r\n\r\n");
        }
    }

    /// `sent` more bytes of what [`next`](Self::next) gave are sent.
    pub(crate) fn advance(&mut self, sent: usize) {
        let text = sent.min(self.text.len() - self.text_sent);
        self.text_sent += text;
        let filler = (sent - text) as u64;
        self.run = self.run.saturating_sub(filler);
        self.filled = self.filled.wrapping_add(filler);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// All of it, taken in pieces of `piece` bytes at most.
    fn sent(mut answer: Answer, piece: usize) -> String {
        let now = Instant::now();
        let mut all = Vec::new();
        while !answer.is_sent() {
            let slices = answer.next(now);
            let mut bytes = [&slices[0][..], &slices[1][..]].concat();
            bytes.truncate(piece);
            all.extend_from_slice(&bytes);
            answer.advance(bytes.len());
        }
        String::from_utf8(all).unwrap()
    }

    #[test]
    fn an_answer_is_the_same_however_the_socket_takes_it() {
        for piece in [1, 2, 3, 7, 100_000] {
            let plain = sent(Answer::new(b"head ".to_vec(), 30, Framing::Length), piece);
            assert_eq!(plain, "head abcdefghijklmnopqrstuvwxyzabcd");
            let chunked = sent(Answer::new(b"head ".to_vec(), 3, Framing::Chunked), piece);
            assert_eq!(chunked, "head 3\r\nabc\r\n0\r\n\r\n");
            let none = sent(Answer::new(b"head ".to_vec(), 0, Framing::Chunked), piece);
            assert_eq!(none, "head 0\r\n\r\n");
            let long = sent(Answer::new(Vec::new(), 16_385, Framing::Chunked), piece);
            assert!(long.starts_with("4000\r\n") && long.ends_with("\r\n1\r\ne\r\n0\r\n\r\n"));
            assert_eq!(sent(Answer::text("all of it"), piece), "all of it");
        }
    }

    #[test]
    fn what_is_cut_has_no_end() {
        let chunked = Answer::new(b"head ".to_vec(), 10, Framing::Chunked).cut(50);
        assert_eq!(sent(chunked, 100), "head 5\r\nabcde\r\n");
        let plain = Answer::new(Vec::new(), 10, Framing::Length).cut(0);
        assert_eq!(sent(plain, 100), "");
    }

    #[test]
    fn what_is_paced_waits() {
        let now = Instant::now();
        let period = Duration::from_secs(1);
        let mut answer = Answer::new(Vec::new(), 5, Framing::Length).paced(2, period, now);
        assert_eq!(&answer.next(now)[1][..], b"ab");
        answer.advance(2);
        assert_eq!(answer.due(now), Some(now + period));
        assert!(answer.next(now)[1].is_empty());
        assert_eq!(&answer.next(now + period)[1][..], b"cd");
        let large = CHUNK_BYTES * 2;
        let mut answer = Answer::new(Vec::new(), large, Framing::Chunked).paced(large, period, now);
        assert_eq!(answer.next(now)[1].len() as u64, large);
    }
}
