//! `--hdr`, read by HdrHistogram's own package for Python.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use hdrhistogram::Histogram;

use crate::common::{Session, skipped};
use crate::load;
use crate::results::files::{Files, histograms, number};
use crate::results::hdr::several_seconds;

/// What it reads: by file and tag the count, the value at each
/// quantile, and the highest.
const READER: &str = "
import json, sys
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

def show(where, tag, h):
    at = [h.get_value_at_percentile(p) for p in (50, 90, 99, 99.9)]
    print(where, tag, h.get_total_count(), *at, h.get_max_value())

def empty():
    return HdrHistogram(1, 3600000000, 3)

reader = HistogramLogReader(sys.argv[1], empty())
sums = {}
while True:
    one = reader.get_next_interval_histogram()
    if one is None:
        break
    sums.setdefault(one.get_tag(), empty()).add(one)
for tag, sum in sums.items():
    show('hdr', tag, sum)
print('start', reader.get_start_time_sec())
for phase, times in json.load(open(sys.argv[2]))['phases'].items():
    for ending, of in times['endings'].items():
        show('json', phase + '.' + ending, HdrHistogram.decode(of['histogram']))
";

/// A Python that has the package.
fn python() -> Option<PathBuf> {
    let named = env::var_os("FINWAIT_HDR_PYTHON").map(PathBuf::from);
    // The command that is tested lies in TARGET/debug, the tools of the checks in TARGET/tools.
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_finwait"));
    let tools = binary
        .ancestors()
        .skip(1)
        .map(|folder| folder.join("tools/bin/python"));
    let mut all = named.into_iter().chain(tools);
    all.find(|python| {
        let mut command = Command::new(python);
        let asked = command
            .args(["-c", "import hdrh.log"])
            .stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    })
}

/// As their reader has it: the rank is rounded, and not taken up as here.
fn at_percentile(histogram: &Histogram<u64>, percentile: f64) -> u64 {
    let count = histogram.len() as f64;
    let rank = (percentile * count / 100.0 + 0.5).floor().max(1.0);
    histogram.value_at_quantile((rank - 0.5) / count)
}

#[test]
fn the_python_package_reads_the_same() {
    let Some(python) = python() else {
        return skipped("python hdrhistogram");
    };
    let files = Files::new();
    let json = several_seconds(&files);
    let name = files.path("json");
    fs::write(&name, json.to_string()).expect("room");
    let mut command = Command::new(python);
    command
        .args(["-c", READER, &files.path("hdr"), &name])
        .stdin(Stdio::null());
    let said = Session::start(&mut command).finish().expect(0).text();

    let mut read = BTreeMap::new();
    for line in said.lines() {
        let words: Vec<_> = line.split(' ').collect();
        if let [where_, tag, numbers @ ..] = &words[..]
            && *where_ != "start"
        {
            let numbers: Vec<f64> = numbers.iter().map(|n| n.parse().expect(line)).collect();
            read.insert((where_.to_string(), tag.to_string()), numbers);
        }
    }
    let mut expected = BTreeMap::new();
    for (tag, histogram) in histograms(&json) {
        let quantiles = [50.0, 90.0, 99.0, 99.9].map(|p| at_percentile(&histogram, p));
        let numbers = [&[histogram.len()][..], &quantiles, &[histogram.max()]].concat();
        let numbers: Vec<_> = numbers.into_iter().map(|n| n as f64).collect();
        expected.insert(("hdr".to_owned(), tag.clone()), numbers.clone());
        expected.insert(("json".to_owned(), tag), numbers);
    }
    assert!(!expected.is_empty());
    assert_eq!(read, expected, "{said}");
}

/// Of a thousand, no rank needs to be rounded: what they read is what we print.
#[test]
fn the_python_package_reads_the_percentiles_that_are_printed() {
    let Some(python) = python() else {
        return skipped("python hdrhistogram");
    };
    let files = Files::new();
    let mut own = Vec::new();
    let args = files.args(&["-n", "1000", "-c", "20"], &mut own);
    let json = load(&args).expect(0).json();
    let name = files.path("json");
    fs::write(&name, json.to_string()).expect("room");
    let mut command = Command::new(python);
    command
        .args(["-c", READER, &files.path("hdr"), &name])
        .stdin(Stdio::null());
    let said = Session::start(&mut command).finish().expect(0).text();
    let times = &json["phases"]["total"];
    let fields = ["count", "p50_us", "p90_us", "p99_us", "p999_us", "max_us"];
    let numbers = fields
        .map(|field| number(&times[field]).to_string())
        .join(" ");
    for place in ["hdr", "json"] {
        let line = format!("{place} total.fin-clean {numbers}");
        assert!(said.lines().any(|said| said == line), "{line}: {said}");
    }
}
