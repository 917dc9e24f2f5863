//! Stdin, read by a thread of its own, since reading it blocks.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use anyhow::Context;
use mio::Waker;

/// What the thread hands over.
#[derive(Debug)]
pub(super) enum Input {
    Chunk(Vec<u8>),
    End,
    Failed(io::Error),
}

/// With `CHUNK`, what is in memory at most: the reader waits until the socket has taken it.
const CHUNKS: usize = 4;
const CHUNK: usize = 64 << 10;

/// Starts to read. `waker` is woken after each piece that is handed over.
///
/// The thread cannot be stopped while it waits for input; it ends with the process.
pub(super) fn start(waker: Arc<Waker>) -> anyhow::Result<Receiver<Input>> {
    let (to, from) = mpsc::sync_channel(CHUNKS);
    thread::Builder::new()
        .name("stdin".to_owned())
        .spawn(move || read(&to, &waker))
        .context("cannot start the thread that reads stdin")?;
    Ok(from)
}

fn read(to: &SyncSender<Input>, waker: &Waker) {
    let mut stdin = io::stdin().lock();
    loop {
        let mut chunk = vec![0; CHUNK];
        let input = match stdin.read(&mut chunk) {
            Ok(0) => Input::End,
            Ok(length) => {
                chunk.truncate(length);
                Input::Chunk(chunk)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => Input::Failed(error),
        };
        let last = !matches!(input, Input::Chunk(_));
        // It fails when nobody wants more.
        if to.send(input).is_err() || waker.wake().is_err() || last {
            return;
        }
    }
}

/// Whether stdin is a regular file, whose end is certain to come without waiting.
#[cfg(not(windows))]
pub(super) fn is_file() -> bool {
    // A name for it on every Unix; elsewhere there is none, and the answer is no.
    std::fs::metadata("/dev/stdin").is_ok_and(|stdin| stdin.is_file())
}

/// The same. There is no name for it, so a second handle is asked.
#[cfg(windows)]
pub(super) fn is_file() -> bool {
    use std::os::windows::io::AsHandle;
    let same = io::stdin().as_handle().try_clone_to_owned();
    // Of a pipe, or a console, `metadata` fails or says that it is none.
    let stdin = same
        .map(std::fs::File::from)
        .and_then(|file| file.metadata());
    stdin.is_ok_and(|stdin| stdin.is_file())
}
