//! Servers that are processes of their own, so that only the client's CPU time is counted.

use std::io::{self, BufRead, BufReader};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

/// A server that ends with this value.
#[derive(Debug)]
pub struct Served {
    process: Child,
    addr: SocketAddr,
}

impl Served {
    /// Runs `command`, which calls [`announce`] and serves until its stdin ends.
    ///
    /// # Errors
    ///
    /// It could not be run, or it ended without an address; it says on stderr why.
    pub fn start(command: &mut Command) -> io::Result<Self> {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let stdout = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        match line.trim().parse() {
            Ok(addr) => Ok(Self { process, addr }),
            Err(_) => {
                drop(process.stdin.take());
                process.wait()?;
                Err(io::Error::other(format!("{command:?} did not listen")))
            }
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        let _ = self.process.wait();
    }
}

/// Says where this process listens, to the [`Served`] that has started it.
pub fn announce(addr: SocketAddr) {
    println!("{addr}");
}
