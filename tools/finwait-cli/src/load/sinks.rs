//! The files that a run writes while it goes on: one line for each connection, and one for each
//! second and phase.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use finwait_load::{Record, Tally, is_sampled};
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogWriterBuilder, IntervalLogWriterError, Tag,
};
use serde::Serialize;

use crate::exit::Failure;
use crate::file;

/// Where to write what.
#[derive(Debug, Default, Clone)]
pub(crate) struct Files {
    /// A JSON object for each connection.
    pub(crate) log: Option<String>,
    /// How many of them, from 0 to 1.
    pub(crate) log_sample: Option<f64>,
    /// An HdrHistogram interval log.
    pub(crate) hdr: Option<String>,
}

/// The files, open.
#[derive(Debug)]
pub(super) struct Sinks {
    log: Option<Sink>,
    hdr: Option<Sink>,
    sample: f64,
    seed: u64,
}

/// A file that may fail; after its first failure nothing more is written to it.
#[derive(Debug)]
struct Sink {
    flag: &'static str,
    name: String,
    file: BufWriter<File>,
    failed: Option<String>,
}

impl Sink {
    fn create(flag: &'static str, name: &str) -> Result<Self, Failure> {
        if name == "-" {
            return Err(Failure::usage(format!(
                "{flag} -: stdout is for the results; give a file"
            )));
        }
        // In the words of std: ours are made for sockets.
        let file = file::create(name).map_err(|error| {
            Failure::usage(format!("{flag} '{name}': cannot be written: {error}"))
        })?;
        Ok(Self {
            flag,
            name: name.to_owned(),
            file: BufWriter::with_capacity(64 << 10, file),
            failed: None,
        })
    }

    fn with(&mut self, write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) {
        if self.failed.is_some() {
            return;
        }
        if let Err(error) = write(&mut self.file) {
            self.failed = Some(error.to_string());
        }
    }

    /// What went wrong, if anything did.
    fn end(mut self) -> Option<String> {
        self.with(|file| file.flush());
        let Self {
            flag, name, failed, ..
        } = self;
        failed.map(|why| format!("{flag} '{name}': not complete: {why}"))
    }
}

impl Sinks {
    pub(super) fn create(files: &Files, seed: u64) -> Result<Self, Failure> {
        let create = |flag, name: &Option<String>| {
            name.as_deref()
                .map(|name| Sink::create(flag, name))
                .transpose()
        };
        if files.log.is_some() && files.log == files.hdr {
            return Err(Failure::usage(
                "--log and --hdr: are the same file; give each its own",
            ));
        }
        Ok(Self {
            log: create("--log", &files.log)?,
            hdr: create("--hdr", &files.hdr)?,
            sample: files.log_sample.unwrap_or(1.0),
            seed,
        })
    }

    /// The run begins now.
    pub(super) fn begin(&mut self) {
        if let Some(hdr) = &mut self.hdr {
            hdr.with(begin_hdr);
        }
    }

    pub(super) fn records(&mut self, records: &[Record]) {
        let (sample, seed) = (self.sample, self.seed);
        let Some(log) = &mut self.log else {
            return;
        };
        log.with(|file| {
            for record in records {
                if is_sampled(seed, record.id, sample) {
                    serde_json::to_writer(&mut *file, &Line::new(record))?;
                    file.write_all(b"\n")?;
                }
            }
            Ok(())
        });
    }

    pub(super) fn second(&mut self, second: u64, tally: &Tally) {
        if let Some(hdr) = &mut self.hdr {
            hdr.with(|file| write_second(file, second, tally));
        }
    }

    /// What could not be written.
    pub(super) fn end(self) -> Vec<String> {
        let sinks = self.log.into_iter().chain(self.hdr);
        sinks.filter_map(Sink::end).collect()
    }
}

/// The head of the log: what the numbers are.
fn begin_hdr(file: &mut BufWriter<File>) -> io::Result<()> {
    let now = SystemTime::now();
    IntervalLogWriterBuilder::new()
        .add_comment("[finwait load: all values are microseconds, Interval_Max too]")
        .with_start_time(now)
        .with_base_time(now)
        .begin_log_with(file, &mut V2DeflateSerializer::new())?;
    // Readers in other languages look for this line.
    file.write_all(
        b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
    )
}

/// A line for each phase and ending of this second.
fn write_second(file: &mut BufWriter<File>, second: u64, tally: &Tally) -> io::Result<()> {
    let mut serializer = V2DeflateSerializer::new();
    // Without times and comments of its own it writes no second head.
    let mut writer = IntervalLogWriterBuilder::new().begin_log_with(file, &mut serializer)?;
    for (phase, ending, times) in tally.phases.iter().filter(|(.., times)| !times.is_empty()) {
        let tag = format!("{phase}.{ending}");
        let (start, length) = (Duration::from_secs(second), Duration::from_secs(1));
        let written = writer.write_histogram(times, start, length, Tag::new(&tag));
        written.map_err(|error| match error {
            IntervalLogWriterError::IoError(error) => error,
            IntervalLogWriterError::SerializeError(error) => io::Error::other(error.to_string()),
        })?;
    }
    Ok(())
}

/// A connection in the log.
#[derive(Debug, Serialize)]
struct Line<'a> {
    id: u64,
    local: Option<SocketAddr>,
    peer: SocketAddr,
    intended_us: u64,
    started_us: u64,
    ended_us: u64,
    close: &'static str,
    progress: &'static str,
    ending: &'static str,
    verdict: &'static str,
    responses: u64,
    bytes_sent: u64,
    bytes_received: u64,
    bytes_acked: Option<u64>,
    error: Option<&'a str>,
    phases_us: BTreeMap<&'static str, u64>,
}

impl<'a> Line<'a> {
    fn new(record: &'a Record) -> Self {
        let micros = |time: Duration| u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        Self {
            id: record.id,
            local: record.local,
            peer: record.peer,
            intended_us: micros(record.intended),
            started_us: micros(record.started),
            ended_us: micros(record.ended),
            close: record.close.name(),
            progress: record.progress.name(),
            ending: record.ending.name(),
            verdict: record.verdict().name(),
            responses: record.responses,
            bytes_sent: record.sent_bytes,
            bytes_received: record.received_bytes,
            bytes_acked: record.acked_bytes,
            error: record.error.as_ref().map(|error| &*error.name),
            phases_us: record
                .times
                .iter()
                .map(|(phase, time)| (phase.name(), micros(time)))
                .collect(),
        }
    }
}
