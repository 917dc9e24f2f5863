//! The server, and the handle of one that runs in the background.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};
use std::time::Duration;

use finwait::Limits;
use finwait_platform as platform;

use crate::mix::Mix;
use crate::shared::Shared;
use crate::stats::{Counters, Stats, Summary, Tally};
use crate::stop::{Stop, StopHandle};
use crate::worker::Worker;

/// How a [`Server`] is set up.
///
/// ```
/// use finwait_peer::{Behaviour, Options};
///
/// let options = Options { behaviour: Behaviour::Silent.into(), ..Options::default() };
/// assert_eq!(options.threads, 1);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// How connections are treated. Default: [`Behaviour::Echo`](crate::Behaviour::Echo).
    pub behaviour: Mix,
    /// What is spoken. Default: [`Protocol::Raw`].
    pub protocol: Protocol,
    /// How long a connection may be silent while the server waits for it: before the first byte,
    /// in the middle of a request, between two. Then it is closed. Default: `None`, which is 10 s
    /// with [`Protocol::Http`], so that a client that has forgotten its connections finds them
    /// closed, and for ever without it. Behaviours that ignore the client ignore this as well.
    pub idle: Option<Duration>,
    /// From which, with its number, it follows how a [`Mix`] treats a connection. Default: 1.
    pub seed: u64,
    /// How many threads serve, each with an event loop and connections of its own. Default: 1,
    /// which serves some tens of thousands of short connections per second.
    pub threads: usize,
    /// What bounds the teardowns of the behaviours that close well. Default: finwait's.
    pub limits: Limits,
    /// How many connections may wait to be accepted. Default: 65,535, which the system cuts to
    /// its own bound (Linux: `net.core.somaxconn`), so that a burst of connects is not refused.
    pub backlog: i32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            behaviour: Mix::default(),
            protocol: Protocol::default(),
            idle: None,
            seed: 1,
            threads: 1,
            limits: Limits::default(),
            backlog: 65_535,
        }
    }
}

/// What a server speaks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Protocol {
    /// Bytes: the first one, or a FIN, is a request.
    #[default]
    Raw,
    /// HTTP/1.1, with connections that persist, and behaviours by path: `/behave/TEXT`.
    Http,
}

/// A server that listens and does not serve yet.
///
/// What connects before [`run`](Self::run) or [`spawn`](Self::spawn) waits in the backlog.
#[derive(Debug)]
pub struct Server {
    addr: SocketAddr,
    listener: TcpListener,
    options: Options,
    shared: Arc<Shared>,
}

impl Server {
    /// Listens on `addr`; port 0 takes a free one, which [`local_addr`](Self::local_addr) tells.
    ///
    /// # Errors
    ///
    /// Those of `bind` and `listen`; [`InvalidInput`](io::ErrorKind::InvalidInput) if there is to
    /// be no thread, if a behaviour is for HTTP alone and the protocol is not, or if its answer is
    /// larger than [`Behaviour::MOST_ANSWERED`](crate::Behaviour::MOST_ANSWERED);
    /// [`OutOfMemory`](io::ErrorKind::OutOfMemory) if there is no room for it.
    pub fn bind(addr: SocketAddr, options: Options) -> io::Result<Self> {
        if options.threads == 0 {
            let message = "a server needs at least one thread";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
        }
        let mut shared = Shared::new(&options)?;
        let listener = shared.listen(addr, options.backlog.max(1))?;
        Ok(Self {
            addr: listener.local_addr()?,
            listener,
            options,
            shared: Arc::new(shared),
        })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves in this thread, and as many more as the options say, until `stop` is used.
    ///
    /// # Errors
    ///
    /// If a thread or its event loop cannot be had (EMFILE). Nothing that a peer does is an error
    /// here; what ends a thread later is in [`Summary::failures`].
    pub fn run(self, stop: &Stop) -> io::Result<Summary> {
        let mut workers = self.workers(stop)?;
        let own = workers.pop();
        let threads = Threads::start(workers, stop)?;
        // With a thread fewer, the others would go on alone: they end as they were told to.
        let own = own.map(|(worker, counters)| (worker.run(), counters));
        Ok(threads.join(own))
    }

    /// Serves in the background.
    ///
    /// # Errors
    ///
    /// If a thread or its event loop cannot be had (EMFILE).
    pub fn spawn(self) -> io::Result<Running> {
        let stop = Stop::new();
        let addr = self.addr;
        let workers = self.workers(&stop)?;
        let threads = Threads::start(workers, &stop)?;
        Ok(Running {
            addr,
            stop,
            threads,
        })
    }

    fn workers(self, stop: &Stop) -> io::Result<Vec<(Worker, Arc<Counters>)>> {
        let mut listeners = Vec::new();
        // A duplicate would keep the queue alive that is to be dropped.
        let one = self.shared.replaces_listener;
        let threads = if one { 1 } else { self.options.threads };
        for _ in 1..threads {
            listeners.push(self.listener.try_clone()?);
        }
        listeners.push(self.listener);
        listeners
            .into_iter()
            .map(|listener| {
                let counters = Arc::<Counters>::default();
                let worker = Worker::new(
                    listener,
                    &self.options,
                    Arc::clone(&self.shared),
                    Arc::clone(&counters),
                    stop,
                )?;
                Ok((worker, counters))
            })
            .collect()
    }
}

/// A server that serves in the background.
///
/// Dropped without [`stop`](Self::stop), it ends at once: its threads are joined, and what was
/// open is closed as it is, with whatever FIN or RST the kernel chooses.
#[derive(Debug)]
#[must_use = "the server ends when this is dropped"]
pub struct Running {
    addr: SocketAddr,
    stop: Stop,
    threads: Threads,
}

impl Running {
    /// Where it listens.
    #[must_use]
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// To stop it with, from any thread; [`wait`](Self::wait) then returns.
    #[must_use]
    pub fn stop_handle(&self) -> StopHandle {
        self.stop.handle()
    }

    /// The counters as they are now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.threads.stats()
    }

    /// Stops accepting, drains what is open for at most `deadline`, cuts what is left then, and
    /// says what there was.
    pub fn stop(self, deadline: Duration) -> Summary {
        self.stop_handle().stop(deadline);
        self.wait()
    }

    /// Waits until somebody stops it.
    pub fn wait(mut self) -> Summary {
        std::mem::take(&mut self.threads).join(None)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop.at_once();
        std::mem::take(&mut self.threads).join(None);
    }
}

type Outcome = io::Result<Tally>;

#[derive(Debug, Default)]
struct Threads {
    counters: Vec<Arc<Counters>>,
    handles: Vec<JoinHandle<Outcome>>,
}

impl Threads {
    /// All of them, or none.
    fn start(workers: Vec<(Worker, Arc<Counters>)>, stop: &Stop) -> io::Result<Self> {
        let mut threads = Self::default();
        for (worker, counters) in workers {
            let name = format!("finwait-peer-{}", threads.handles.len());
            match Builder::new().name(name).spawn(move || worker.run()) {
                Ok(handle) => threads.handles.push(handle),
                Err(error) => {
                    stop.at_once();
                    threads.join(None);
                    return Err(error);
                }
            }
            threads.counters.push(counters);
        }
        Ok(threads)
    }

    fn stats(&self) -> Stats {
        let mut sum = Stats::default();
        for counters in &self.counters {
            sum.add(counters.read());
        }
        sum
    }

    /// Waits for all, and sums up, with the outcome of a thread that is not one of them.
    fn join(mut self, own: Option<(Outcome, Arc<Counters>)>) -> Summary {
        let mut outcomes: Vec<Outcome> = Vec::new();
        if let Some((outcome, counters)) = own {
            outcomes.push(outcome);
            self.counters.push(counters);
        }
        for handle in std::mem::take(&mut self.handles) {
            let panicked = |_| Err(io::Error::other("a thread of the server panicked"));
            outcomes.push(handle.join().unwrap_or_else(panicked));
        }
        let (mut tallies, mut failures) = (Vec::new(), Vec::new());
        for outcome in outcomes {
            match outcome {
                Ok(tally) => tallies.push(tally),
                Err(error) => failures.push(platform::describe_error(&error)),
            }
        }
        Summary::new(self.stats(), &tallies, failures)
    }
}
