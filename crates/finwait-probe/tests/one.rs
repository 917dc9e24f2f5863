use finwait_peer::{Options, Server};
use finwait_probe::{
    Http, Protocol, Target,
    battery::{self, Battery, Settings},
};
#[test]
fn one() {
    for (b, proto) in [
        ("http=64", true),
        ("http=4m", true),
        ("echo", false),
        ("respond=2m", false),
        ("rst", false),
        ("silent", false),
        ("unread-close=2m", false),
    ] {
        let options = Options {
            behaviour: b.parse().unwrap(),
            ..Options::default()
        };
        let server = Server::bind("127.0.0.1:0".parse().unwrap(), options)
            .unwrap()
            .spawn()
            .unwrap();
        let addr = server.addr();
        let protocol = if proto {
            Protocol::Http(Http {
                host: addr.to_string(),
                path: "/".into(),
                big: None,
                late: None,
                post: None,
            })
        } else {
            Protocol::Tcp {
                send: b"hello\n".to_vec(),
                expect: if b == "echo" {
                    finwait_load::Expect::Echo
                } else {
                    finwait_load::Expect::UntilFin
                },
            }
        };
        let target = Target {
            addr,
            name: addr.to_string(),
            protocol,
        };
        let settings = Settings::default();
        match Battery::new(&target, &settings) {
            Err(e) => println!("{b}: {e:?}"),
            Ok(battery) => {
                println!("{b}: {:?}", battery.plainly());
                for check in battery::checks() {
                    let r = battery.run(check);
                    println!(
                        "  {} {} {} {} {:?} {:?} {} {:?}",
                        check.id,
                        r.finding.word,
                        r.finding.service,
                        r.finding.closing,
                        r.finding.share,
                        r.finding.figure.map(|f| f.value),
                        r.finding.said,
                        r.took
                    );
                }
            }
        }
    }
}
