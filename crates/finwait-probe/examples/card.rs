//! The battery from a program of one's own: `cargo run -p finwait-probe --example card -- ADDR PATH [BIG [LATE]]`.

use std::net::SocketAddr;
use std::process::ExitCode;

use finwait_probe::battery::{self, Battery, Settings};
use finwait_probe::{Http, Protocol, Target};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let addr: Option<SocketAddr> = args.next().and_then(|text| text.parse().ok());
    let (Some(addr), Some(path)) = (addr, args.next()) else {
        eprintln!("usage: card IP:PORT PATH [BIG-PATH [SLOW-PATH]]");
        return ExitCode::from(2);
    };
    let http = Http {
        host: addr.to_string(),
        path,
        big: args.next(),
        late: args.next(),
        post: None,
    };
    let target = Target {
        addr,
        name: addr.to_string(),
        protocol: Protocol::Http(http),
    };
    let settings = Settings::default();
    let battery = match Battery::new(&target, &settings) {
        Ok(battery) => battery,
        Err(why) => {
            eprintln!("{addr}: {why:?}");
            return ExitCode::from(3);
        }
    };
    let mut failed = false;
    for check in battery::checks() {
        let result = battery.run(check);
        let finding = &result.finding;
        println!(
            "{:5} {:13} {} ({} ms)",
            finding.word,
            check.id,
            finding.said,
            result.took.as_millis()
        );
        failed |= result.failed(false);
    }
    ExitCode::from(u8::from(failed))
}
