//! Where the body of a request ends.

use super::MOST_BODY;

/// What is still to come of a request's body.
#[derive(Debug, Clone)]
pub(crate) enum Body {
    Length(u64),
    Chunked(Chunks),
}

impl Body {
    /// Whether nothing more of it is to come.
    pub(crate) fn is_over(&self) -> bool {
        match self {
            Self::Length(left) => *left == 0,
            Self::Chunked(chunks) => chunks.state == State::Over,
        }
    }
}

/// Reads the frames of a chunked body; what is in them passes by.
#[derive(Debug, Clone, Default)]
pub(crate) struct Chunks {
    state: State,
    /// Of the size that is being read, or of the chunk what is still to come.
    left: u64,
    /// Digits of the size that is being read.
    digits: u32,
    /// All of the body so far.
    total: u64,
    /// Bytes of extensions and trailers so far, which are bounded as a whole.
    aside: u32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    #[default]
    Size,
    Extension,
    SizeEnd,
    Data,
    DataReturn,
    DataEnd,
    /// At the beginning of a line after the last chunk.
    TrailerBegin,
    Trailer,
    LastEnd,
    Over,
}

const MOST_ASIDE: u32 = 16 << 10;
/// Of a size: more than its type holds would be leading zeros.
const MOST_DIGITS: u32 = 16;

impl Chunks {
    /// Takes of `bytes` what belongs to the body, and says how many that are.
    ///
    /// # Errors
    ///
    /// The status by which it is refused.
    pub(crate) fn take(&mut self, bytes: &[u8]) -> Result<usize, u16> {
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            match self.state {
                State::Over => break,
                State::Data => {
                    let data = self.left.min((bytes.len() - at) as u64);
                    self.left -= data;
                    at += data as usize;
                    if self.left == 0 {
                        self.state = State::DataReturn;
                    }
                    continue;
                }
                _ => self.frame(byte)?,
            }
            at += 1;
        }
        Ok(at)
    }

    fn frame(&mut self, byte: u8) -> Result<(), u16> {
        self.state = match (self.state, byte) {
            (State::Size, b) if b.is_ascii_hexdigit() => return self.digit(b),
            (State::Size, _) if self.digits == 0 => return Err(400),
            (State::Size, b'\r') => State::SizeEnd,
            (State::Size | State::SizeEnd | State::Extension, b'\n') => self.sized()?,
            (State::Size, b';' | b' ' | b'\t') => State::Extension,
            (State::Extension, b'\r') => State::SizeEnd,
            (State::Extension, _) => return self.aside(),
            (State::DataReturn, b'\r') => State::DataEnd,
            (State::DataReturn | State::DataEnd, b'\n') => State::Size,
            (State::TrailerBegin, b'\r') => State::LastEnd,
            (State::TrailerBegin | State::LastEnd, b'\n') => State::Over,
            (State::Trailer, b'\n') => State::TrailerBegin,
            (State::TrailerBegin | State::Trailer, _) => {
                self.state = State::Trailer;
                return self.aside();
            }
            _ => return Err(400),
        };
        Ok(())
    }

    fn digit(&mut self, byte: u8) -> Result<(), u16> {
        let digit = char::from(byte).to_digit(16).ok_or(400_u16)?;
        self.digits += 1;
        if self.digits > MOST_DIGITS {
            return Err(400);
        }
        self.left = self.left << 4 | u64::from(digit);
        // At once, and not at the end of the line.
        if self.total.saturating_add(self.left) > MOST_BODY {
            return Err(413);
        }
        Ok(())
    }

    /// The line with the size has ended.
    fn sized(&mut self) -> Result<State, u16> {
        if self.digits == 0 {
            return Err(400);
        }
        self.digits = 0;
        self.total += self.left;
        Ok(if self.left == 0 {
            State::TrailerBegin
        } else {
            State::Data
        })
    }

    fn aside(&mut self) -> Result<(), u16> {
        self.aside += 1;
        if self.aside > MOST_ASIDE {
            return Err(431);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chunked_body_ends_where_it_says_however_it_is_cut() {
        for body in [
            &b"0\r\n\r\n"[..],
            b"5\r\nhello\r\n0\r\n\r\n",
            b"A;x=y\r\n0123456789\r\n00\r\nTrailer: z\r\n\r\n",
            b"1\na\n0\n\n",
        ] {
            let request = [body, b"the next"].concat();
            for cut in 0..body.len() {
                let mut chunks = Chunks::default();
                assert_eq!(chunks.take(&request[..cut]), Ok(cut));
                assert_eq!(chunks.take(&request[cut..]), Ok(body.len() - cut));
                assert!(Body::Chunked(chunks).is_over());
            }
        }
    }

    #[test]
    fn a_chunked_body_that_is_none_is_refused() {
        let endless = format!("0\r\n{}", "T: x\r\n".repeat(5_000));
        for (body, status) in [
            ("x", 400),
            ("\r\n", 400),
            ("-1\r\n", 400),
            ("5\r\nhello!", 400),
            ("1000001\r\n", 413),
            ("ffffffffffffffff", 413),
            ("00000000000000000\r\n", 400),
            (&endless, 431),
        ] {
            let taken = Chunks::default().take(body.as_bytes());
            assert_eq!(taken, Err(status), "{body:.20}");
        }
    }
}
