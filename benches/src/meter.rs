//! What a piece of work took.

use std::io;
use std::time::{Duration, Instant};

use finwait_platform::{self as platform, CpuTime};

/// Runs from the moment it is made.
#[derive(Debug)]
pub struct Meter {
    started: Instant,
    cpu: CpuTime,
}

/// What one or more pieces of work took, of this process alone.
#[derive(Debug, Clone, Copy, Default)]
pub struct Spent {
    /// By the clock.
    pub wall: Duration,
    /// CPU time in the program. How it divides from [`system`](Self::system) is an estimate on many
    /// systems (Linux looks at each tick, 250 times a second); their sum is exact.
    pub user: Duration,
    /// CPU time in the kernel on behalf of the program.
    pub system: Duration,
}

impl Meter {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](io::ErrorKind::Unsupported) where the system does not tell CPU time.
    pub fn start() -> io::Result<Self> {
        let cpu = cpu_time()?;
        Ok(Self {
            started: Instant::now(),
            cpu,
        })
    }

    /// What was spent since the start.
    ///
    /// # Errors
    ///
    /// As [`start`](Self::start).
    pub fn spent(&self) -> io::Result<Spent> {
        let wall = self.started.elapsed();
        let cpu = cpu_time()?;
        Ok(Spent {
            wall,
            user: cpu.user.saturating_sub(self.cpu.user),
            system: cpu.system.saturating_sub(self.cpu.system),
        })
    }
}

impl Spent {
    /// User and system time.
    #[must_use]
    pub fn cpu(&self) -> Duration {
        self.user + self.system
    }
}

impl std::ops::AddAssign for Spent {
    fn add_assign(&mut self, more: Self) {
        self.wall += more.wall;
        self.user += more.user;
        self.system += more.system;
    }
}

fn cpu_time() -> io::Result<CpuTime> {
    let why = "this system does not tell how much CPU time was used";
    platform::process_cpu_time().ok_or_else(|| io::Error::new(io::ErrorKind::Unsupported, why))
}
