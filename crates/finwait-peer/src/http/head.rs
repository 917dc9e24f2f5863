//! Collecting a request's head, which may come in any number of pieces.

use super::request::{self, Refusal};
use super::{MOST_HEAD, MOST_TARGET};

/// The head of a request, as much of it as has come.
#[derive(Debug, Default)]
pub(crate) struct Head {
    bytes: Vec<u8>,
    /// What the line that comes now has been so far.
    line: Line,
    /// The first line is there as a whole.
    has_first_line: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Line {
    /// Something is in it.
    #[default]
    Begun,
    Empty,
    /// Empty but for a carriage return.
    Return,
}

/// A method, the spaces and the version: what a first line has beside its target, generously.
const BESIDE_TARGET: usize = 64;

impl Head {
    pub(crate) fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for the next one. The memory goes: a connection that waits holds none.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Takes of `bytes` what belongs to it: how many that are, and whether it is whole.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> (usize, bool) {
        for (i, &byte) in bytes.iter().enumerate() {
            // Empty lines before a request are to be ignored (RFC 9112 section 2.2).
            if self.bytes.is_empty() && matches!(byte, b'\r' | b'\n') {
                continue;
            }
            self.bytes.push(byte);
            self.line = match (byte, self.line) {
                (b'\n', Line::Empty | Line::Return) => return (i + 1, true),
                (b'\n', Line::Begun) => {
                    self.has_first_line = true;
                    Line::Empty
                }
                (b'\r', Line::Empty) => Line::Return,
                _ => Line::Begun,
            };
            if self.bytes.len() > MOST_HEAD {
                return (i + 1, false);
            }
        }
        (bytes.len(), false)
    }

    /// Why an unfinished head need not be waited for.
    pub(crate) fn refused_early(&self) -> Option<Refusal> {
        // Of a first line that has no end it is the target that is too long (RFC 9112 section 3).
        if !self.has_first_line && self.bytes.len() > MOST_TARGET + BESIDE_TARGET {
            return Some(Refusal::of(414));
        }
        if self.bytes.len() > MOST_HEAD {
            return Some(Refusal::of(431));
        }
        if self.has_first_line || self.bytes.is_empty() {
            return None;
        }
        (!request::may_begin(&self.bytes)).then(|| Refusal::of(400))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_ends_at_the_first_empty_line_however_it_is_cut() {
        for head in [
            &b"GET / HTTP/1.1\r\nA: \r\r\n\r\n"[..],
            b"\r\n\nGET / HTTP/1.1\nA: b\n\n",
        ] {
            let request = [head, b"the next"].concat();
            for cut in 0..head.len() {
                let mut taken = Head::default();
                assert_eq!(taken.take(&request[..cut]), (cut, false));
                assert_eq!(taken.take(&request[cut..]), (head.len() - cut, true));
            }
        }
    }

    #[test]
    fn what_cannot_become_a_head_is_refused_before_its_end() {
        for (bytes, status) in [
            (vec![b'\0'; 1], 400),
            (b"GET\x01".to_vec(), 400),
            (vec![b'A'; 9_000], 414),
            (vec![b'A'; 40_000], 414),
            (
                [&b"GET / HTTP/1.1\r\nA: "[..], &[b'a'; 40_000]].concat(),
                431,
            ),
        ] {
            let mut head = Head::default();
            head.take(&bytes);
            let refusal = head.refused_early().expect("a refusal");
            assert_eq!(refusal.status, status);
        }
        let mut head = Head::default();
        head.take(b"GET / HTTP/1.1\r\nA");
        assert!(head.refused_early().is_none());
    }
}
