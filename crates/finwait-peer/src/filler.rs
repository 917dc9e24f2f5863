//! Bytes to send: filler, answers, and what an echo still owes.

use std::io;
use std::sync::Arc;

use crate::behaviour::Behaviour;

/// The size of everything that moves bytes here: the filler, the shared read buffer, and what an
/// echo may owe one connection.
pub(crate) const CHUNK: usize = 64 << 10;

/// What is sent where the content does not matter: the alphabet, over and over.
pub(crate) static FILLER: [u8; CHUNK] = alphabet();

const fn alphabet() -> [u8; CHUNK] {
    let mut bytes = [0; CHUNK];
    let mut i = 0;
    while i < CHUNK {
        bytes[i] = b'a' + (i % 26) as u8;
        i += 1;
    }
    bytes
}

/// What a connection still has to send when it is handed over to the `Closer`.
#[derive(Debug)]
pub(crate) enum Unsent {
    Nothing,
    /// The rest of an echo.
    Rest(Rest),
    /// The same bytes for every connection.
    Answer(Arc<Vec<u8>>),
    Fixed(&'static [u8]),
}

impl AsRef<[u8]> for Unsent {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Nothing => &[],
            Self::Rest(rest) => rest.bytes(),
            Self::Answer(answer) => answer,
            Self::Fixed(bytes) => bytes,
        }
    }
}

/// Bytes of which a part is sent already.
#[derive(Debug)]
pub(crate) struct Rest {
    bytes: Vec<u8>,
    sent: usize,
}

impl Rest {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.bytes.get(self.sent..).unwrap_or_default()
    }

    pub(crate) fn advance(&mut self, sent: usize) {
        self.sent += sent;
    }
}

/// Buffers for what echoes owe. A connection that owes nothing holds none of them.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    free: Vec<Vec<u8>>,
}

impl Buffers {
    /// Enough to reuse; what a burst needed beyond goes back to the system.
    const MOST_FREE: usize = 64;

    pub(crate) fn keep(&mut self, bytes: &[u8]) -> Rest {
        let mut buffer = self.free.pop().unwrap_or_default();
        buffer.extend_from_slice(bytes);
        Rest {
            bytes: buffer,
            sent: 0,
        }
    }

    pub(crate) fn give_back(&mut self, rest: Rest) {
        if self.free.len() < Self::MOST_FREE {
            let mut buffer = rest.bytes;
            buffer.clear();
            self.free.push(buffer);
        }
    }
}

/// What every connection of this behaviour is answered with, once for the whole server.
///
/// # Errors
///
/// If there is no memory for it.
pub(crate) fn answer(behaviour: Behaviour) -> io::Result<Option<Arc<Vec<u8>>>> {
    let (head, bytes) = match behaviour {
        Behaviour::Respond { bytes } => (String::new(), bytes),
        Behaviour::Http { bytes } => {
            let head = format!(
                "HTTP/1.1 200 OK\r\n\
                 Content-Type: text/plain\r\n\
                 Content-Length: {bytes}\r\n\
                 Connection: close\r\n\r\n"
            );
            (head, bytes)
        }
        _ => return Ok(None),
    };
    if bytes > Behaviour::MOST_ANSWERED {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            format!("{behaviour}: the answer is held in memory, and too large for that"),
        ));
    }
    let bytes = bytes as usize;
    let mut answer = Vec::new();
    answer.try_reserve_exact(head.len() + bytes)?;
    answer.extend_from_slice(head.as_bytes());
    let end = head.len() + bytes;
    while answer.len() < end {
        let chunk = (end - answer.len()).min(CHUNK);
        answer.extend_from_slice(&FILLER[..chunk]);
    }
    Ok(Some(Arc::new(answer)))
}
